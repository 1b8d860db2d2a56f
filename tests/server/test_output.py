"""What people read of a search, whatever was searched."""

from __future__ import annotations

import errno
import json
import sqlite3

import pytest
import typer

from server.cli.output import GOES_ON, handle_errors, show_found


def test_what_was_found_is_numbered_with_its_score_text_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    show_found([("Boiler [red]manual", 0.91234, "2 bar", "manual.md, page 3"), ("Pump", 0.5, "", "p.md")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["1. Boiler [red]manual 0.912", "   2 bar", "   manual.md, page 3"]
    assert lines[3] == "2. Pump 0.500"


def test_an_empty_result_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    show_found(iter(()))
    assert capsys.readouterr().out == "Nothing was found.\n"


FULL = OSError(errno.ENOSPC, "No space left on device", "/data/x.png")


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (FULL, 3, "The disk is full: /data/x.png"),
        (sqlite3.OperationalError("database or disk is full"), 3, "The disk is full"),
        (sqlite3.OperationalError("attempt to write a readonly database"), 3, "cannot be written"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/data"),
            3,
            "The system does not allow it: /data",
        ),
        (sqlite3.OperationalError("no such column: x"), 70, "OperationalError: no such column: x"),
        (ValueError("x"), 70, "ValueError: x"),
    ],
)
def test_what_the_system_refuses_is_no_bug_of_ours(
    capsys: pytest.CaptureFixture[str], raised: Exception, code: int, said: str
) -> None:
    with pytest.raises(typer.Exit) as caught, handle_errors(as_json=True):
        raise raised
    body = json.loads(capsys.readouterr().out)["error"]
    assert caught.value.exit_code == code
    assert said in body["message"]
    assert ("bug" in body["help"]) == (code == 70)


def test_ctrl_c_says_how_to_go_on_where_there_is_a_way(capsys: pytest.CaptureFixture[str]) -> None:
    for stopped, said in (("", "Stopped.\n"), (GOES_ON, f"Stopped. {GOES_ON}\n")):
        with pytest.raises(typer.Exit) as caught, handle_errors(as_json=False, stopped=stopped):
            raise KeyboardInterrupt
        assert caught.value.exit_code == 130
        assert capsys.readouterr().err == said
