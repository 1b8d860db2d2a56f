"""`vidence finetune synth` and `augment` on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from server.cli.app import app

CHARTS = ["finetune", "synth", "charts", "--count", "6", "--seed", "3", "--light", "1", "--json"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIDENCE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def run(*args: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, list(args))
    return result.exit_code, json.loads(result.stdout)


def test_charts_are_made_and_the_same_seed_is_the_same_version(home: Path) -> None:
    code, one = run(*CHARTS, "--out", "a", "--preview", "p.html")
    assert code == 0
    assert Path("p.html").read_text().count("<img") == 6
    _, other = run(*CHARTS, "--out", "b", "--workers", "2")
    assert one["record"]["version"] == other["record"]["version"]
    assert one["made"] == 6
    assert (home / "finetune" / "data" / "a" / "dataset.json").exists()
    _, again = run(*CHARTS, "--out", "a")
    assert (again["made"], again["reused"]) == (0, 6)


def test_another_seed_into_the_same_data_set_is_refused() -> None:
    run(*CHARTS, "--out", "a")
    code, body = run(*CHARTS, "--out", "a", "--seed", "4")
    assert code == 2
    assert "--out" in body["error"]["help"]


@pytest.mark.parametrize("kind", ["tables", "receipts", "pages"])
def test_documents_are_made(kind: str) -> None:
    code, body = run("finetune", "synth", kind, "--count", "4", "--out", kind, "--json")
    assert code == 0
    assert body["record"]["sources"].keys() == {f"synth-{kind}"}


@pytest.mark.parametrize(
    "extra", [["--shares", "1,2"], ["--shares", "0,0,0"], ["--count", "0"], ["--out", "."], ["--by", "magic"]]
)
def test_bad_options_are_bad_input(extra: list[str]) -> None:
    args = [*CHARTS, *([] if "--out" in extra else ["--out", "a"]), *extra]
    code, body = run(*args)
    assert code == 2
    assert body["error"]["help"]


def test_a_chat_model_that_is_not_set_or_not_there_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    code, body = run(*CHARTS, "--out", "a", "--by", "chat")
    assert code == 2
    assert "VIDENCE_ANSWERER" in body["error"]["help"]
    monkeypatch.setenv("VIDENCE_ANSWERER", "openai:http://127.0.0.1:9/v1#none")
    code, body = run(*CHARTS, "--out", "a", "--by", "chat")
    assert code == 3
    assert "are kept" in body["error"]["help"]


def test_scans_without_a_trial_are_not_given_to_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("labels.jsonl").write_text('{"image": "a.png", "items": [{"name": "gun"}], "exhaustive": true}\n')
    monkeypatch.setenv("VIDENCE_VLM", "openai:http://127.0.0.1:9/v1#none")
    code, body = run(
        "finetune", "synth", "scans", "labels.jsonl", "--out", "s", "--licence", "x", "--by", "chat", "--json"
    )
    assert code == 2
    assert "--trial" in body["error"]["help"]


def test_a_broken_line_of_labels_is_named() -> None:
    Path("labels.jsonl").write_text('{"image": "a.png"}\n{"picture": 1}\n')
    code, body = run("finetune", "synth", "scans", "labels.jsonl", "--out", "s", "--licence", "x", "--json")
    assert code == 2
    assert "line 2" in body["error"]["message"]


def test_text_rows_are_augmented_without_any_image_package() -> None:
    Path("mod.py").write_text('def shelve(book=3):\n    """Put a book on the shelf for good."""\n')
    run("finetune", "synth", "code", "mod.py", "--out", "data/code", "--licence", "MIT", "--json")
    code, body = run(
        "finetune", "augment", "data/code", "--out", "data/more", "--modes", "text", "--copies", "3", "--json"
    )
    assert code == 0
    assert sum(body["record"]["rows"].values()) >= 3
    code, body = run("finetune", "augment", "data/code", "--out", "data/code", "--json")
    assert code == 2
