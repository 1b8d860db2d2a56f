"""What people read of a search, whatever was searched."""

from __future__ import annotations

import pytest

from server.cli.output import show_found


def test_what_was_found_is_numbered_with_its_score_text_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    show_found([("Boiler [red]manual", 0.91234, "2 bar", "manual.md, page 3"), ("Pump", 0.5, "", "p.md")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["1. Boiler [red]manual 0.912", "   2 bar", "   manual.md, page 3"]
    assert lines[3] == "2. Pump 0.500"


def test_an_empty_result_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    show_found(iter(()))
    assert capsys.readouterr().out == "Nothing was found.\n"
