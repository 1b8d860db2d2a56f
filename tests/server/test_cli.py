"""The command line: bad input is a typed error with an exit code, and stdout is one JSON object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from server.cli.app import app
from tests.core.test_images import BAD

runner = CliRunner()


def call(*arguments: str) -> tuple[int, Any]:
    outcome = runner.invoke(app, [*arguments, "--json"])
    assert outcome.exception is None or isinstance(outcome.exception, SystemExit), outcome.exception
    lines = outcome.stdout.strip().splitlines()
    assert len(lines) == 1, outcome.stdout
    return outcome.exit_code, json.loads(lines[0])


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "blue.png"
    Image.new("RGB", (64, 48), (20, 40, 220)).save(path)
    return str(path)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_image_ends_ask_with_exit_2_and_help(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(BAD[name])
    code, body = call("ask", "What is it?", "--image", str(path))
    assert (code, body["error"]["kind"]) == (2, "invalid_input")
    assert body["error"]["help"]


@pytest.mark.parametrize("command", [["ask", "What?", "--image"], ["read"], ["chart"]])
def test_a_missing_image_is_named(tmp_path: Path, command: list[str]) -> None:
    code, body = call(*command, str(tmp_path / "nowhere.png"))
    assert (code, body["error"]["kind"]) == (2, "not_found")
    assert "nowhere.png" in body["error"]["message"]


@pytest.mark.parametrize("question", ["", "   ", "x" * 100_000])
def test_a_question_that_is_empty_or_too_long_is_refused(question: str) -> None:
    code, body = call("ask", question)
    assert (code, body["error"]["kind"]) == (2, "invalid_input")


def test_an_unknown_profile_lists_the_known_ones() -> None:
    code, body = call("ask", "What?", "--profile", "wizard")
    assert code == 2
    assert "medical" in body["error"]["help"]


def test_an_unknown_collection_is_named_with_the_way_to_make_it() -> None:
    code, body = call("ask", "What does it say?", "-c", "nowhere")
    assert (code, body["error"]["kind"]) == (2, "not_found")
    assert "vidence index add" in body["error"]["help"]


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDENCE_VLM", "gpt-9")
    code, body = call("ask", "What is 2 + 2?")
    assert code == 2
    assert "VIDENCE_VLM" in body["error"]["help"]


def test_resuming_an_unknown_thread_says_so() -> None:
    code, body = call("ask", "--thread", "nobody", "--resume")
    assert (code, body["error"]["kind"]) == (2, "not_found")


def test_look_answers_what_pixels_prove_and_refuses_what_it_was_not_trained_for(picture: str) -> None:
    code, body = call("look", picture, "What is the main colour of this image?")
    assert (code, body["short_answer"]) == (0, "blue")
    assert body["model"]["name"] == "vidence-embedded-vlm"
    code, body = call("look", picture, "Which animal is this?")
    assert (code, body["error"]["kind"]) == (3, "unavailable")
    assert "VIDENCE_VLM" in body["error"]["help"]


def test_arithmetic_is_answered_without_a_tool() -> None:
    code, body = call("ask", "What is 17% of 230?")
    assert (code, body["status"], body["short_answer"]) == (0, "done", "39.1")
    assert body["citations"]


def test_an_ambiguous_question_asks_and_goes_on_in_another_call(picture: str) -> None:
    code, body = call("ask", "What is in this picture?")
    assert (code, body["status"]) == (5, "input_required")
    assert body["input_required"]["question"]
    thread = body["thread_id"]
    code, body = call("ask", "--thread", thread, "--reply", "never mind, what is 2 + 2?")
    assert code in (0, 5)
    assert body["status"] in ("done", "abstained", "input_required")


def test_abstaining_exits_4_only_when_strict(picture: str) -> None:
    question = "Which breed of dog is on the left?"
    code, body = call("ask", question, "--image", picture)
    assert (code, body["status"]) == (0, "abstained")
    assert body["abstain_reason"]
    assert call("ask", question, "--image", picture, "--strict")[0] == 4


def test_the_inspection_profile_never_clears_what_nobody_examined(picture: str) -> None:
    _, body = call("ask", "Is there a weapon?", "--image", picture, "--profile", "inspection")
    assert body["inspection"]["action"] == "manual_inspection"


@pytest.mark.parametrize("command", ["ask", "read", "chart", "look", "index", "search", "tools", "doctor"])
def test_every_command_explains_itself(command: str) -> None:
    outcome = runner.invoke(app, [command, "--help"])
    assert outcome.exit_code == 0
    assert len(outcome.stdout) > 100
