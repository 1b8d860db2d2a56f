"""`vidence data` and `vidence finetune data` on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from finetune.data.dataset import Dataset
from finetune.loop.queue import CandidateQueue, QueueItem
from server.cli.app import app
from tests.finetune.samples import put


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIDENCE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def run(*args: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, [*args, "--json"])
    return result.exit_code, json.loads(result.stdout)


def source(folder: Path, *seeds: int) -> Path:
    for seed in seeds:
        put(folder / f"{seed}.png", seed)
    lines = [{"image": f"{seed}.png", "caption": f"A picture, number {seed}."} for seed in seeds]
    put(folder / "list.jsonl", "\n".join(map(json.dumps, lines)))
    return folder


def test_a_data_set_is_never_written_over_by_one_of_another_origin(tmp_path: Path, home: Path) -> None:
    one, two = source(tmp_path / "one", 1, 2), source(tmp_path / "two", 3)
    assert run("finetune", "data", "captions", str(one), "--out", "a", "--max-samples", "1")[0] == 0
    code, body = run("finetune", "data", "captions", str(one), "--out", "a")
    assert (code, body["kept"]) == (0, 2)
    code, body = run("finetune", "data", "captions", str(two), "--out", "a")
    assert (code, body["error"]["kind"]) == (2, "invalid_input")
    assert "Give another name with --out" in body["error"]["help"]
    assert run("finetune", "data", "captions", str(two), "--out", "b")[0] == 0
    for command in (["curate"], ["dedup"], ["split", "--dev", "0.5"]):
        assert run("data", *command, "a", "--out", "b")[0] == 2
        assert run("data", *command, "a", "--out", "a")[0] == 2
        assert run("data", *command, "a", "--out", f"a-{command[0]}")[0] == 0
        assert run("data", *command, "a", "--out", f"a-{command[0]}")[0] == 0
    assert len(Dataset(home / "finetune" / "data" / "b").rows()) == 1


def test_looking_for_evaluation_data_where_there_is_none_is_no_pass(tmp_path: Path) -> None:
    run("finetune", "data", "captions", str(source(tmp_path / "one", 1, 2)), "--out", "a")
    (tmp_path / "empty").mkdir()
    code, body = run("data", "check", "a", "--against", str(tmp_path / "empty"))
    assert (code, body["error"]["kind"]) == (2, "invalid_input")
    code, body = run("data", "check", "a", "--against", str(source(tmp_path / "other", 9)))
    assert (code, body["overlap"], body["known_images"]) == (0, 0, 1)
    put(tmp_path / "table" / "exam.csv", "Question,answer\nWhich of the rivers is the longest?,Nile\n")
    code, body = run("data", "check", "a", "--against", str(tmp_path / "table"))
    assert (code, body["known_questions"]) == (0, 1)


def test_what_is_copied_into_commands_is_shown_whole_on_a_narrow_screen(tmp_path: Path, home: Path) -> None:
    item = QueueItem(question="What is the total amount on this receipt?", answer="73.00", uncertainty=0.5)
    CandidateQueue.under(home).add([item])
    run("finetune", "data", "captions", str(source(tmp_path / "one", 1)), "--out", "photos")
    shown = CliRunner().invoke(app, ["finetune", "queue", "list"], env={"COLUMNS": "80"}).stdout
    assert item.id in shown
    shown = CliRunner().invoke(app, ["data", "list"], env={"COLUMNS": "80"}).stdout
    assert Dataset(home / "finetune" / "data" / "photos").record.version in shown


def test_the_folder_that_eval_runs_on_is_kept_out_without_being_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exam = source(tmp_path / "exam", 7)
    fixes = [{"question": f"What is {n}?", "answer": "dots", "image": f"{n}.png"} for n in (7, 8)]
    for seed in (7, 8):
        put(tmp_path / "fixes" / f"{seed}.png", seed)
    path = put(tmp_path / "fixes" / "fixes.jsonl", "\n".join(map(json.dumps, fixes)))
    monkeypatch.setenv("VIDENCE_DATA", str(exam))
    code, body = run("finetune", "incorporate", "--from", str(path), "--out", "new")
    assert (code, body["rows"]) == (0, 1)
    assert list(body["left_out"]) == [f"in evaluation set {exam / '7.png'}"]
    run("finetune", "data", "captions", str(source(tmp_path / "photos", 7, 9)), "--out", "photos")
    code, body = run("data", "check", "photos")
    assert (code, body["overlap"]) == (1, 1)
