"""PubMedQA by a served chat model: with what search found and from memory; a real run by a marker."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from core.errors import VidenceError
from core.settings import Settings
from evals.run.options import Options
from evals.run.registry import Place
from evals.run.runner import run_suites
from evals.suites.biomedical_chat import pubmedqa_chat, pubmedqa_chat_alone
from tests.support.eval_suites import code
from tests.support.scripted_openai import Canned, scripted_openai
from tests.support.token_embedder import HashTokens

ROWS = [
    {"id": "1", "question": "Does feeding shorten the stay?", "final_decision": "yes"},
    {"id": "2", "question": "Is bathing necessary?", "final_decision": "no"},
    {"id": "3", "question": "Do hats help?", "final_decision": "maybe"},
]
TEXTS = ["Early feeding shortened the stay.", "Bathing made no difference.", "Hats were worn by some."]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("models.embeddings.open_embedder", lambda settings: HashTokens())
    folder = tmp_path / "data" / "pubmedqa"
    folder.mkdir(parents=True)
    corpus = [{"pmid": row["id"], "text": text} for row, text in zip(ROWS, TEXTS, strict=True)]
    for name, rows in (("dev.jsonl", ROWS), ("corpus.jsonl", corpus)):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder.parent


def test_the_model_is_shown_what_search_found_or_nothing(tmp_path: Path, data: Path) -> None:
    script = [Canned({"answer": word}) for word in ("yes", "no", "no", "yes", "yes", "yes")]
    with scripted_openai(*script) as server:
        place = Place(Settings(home=tmp_path / "home", answerer=server.setting), data)
        run = run_suites(
            [pubmedqa_chat, pubmedqa_chat_alone],
            place,
            tmp_path / "a.jsonl",
            Options(at_once=1),
            identify=code,
        )
    asked = [request["messages"][1]["content"] for request in server.requests]
    assert [TEXTS[0] in text for text in asked] == [True, False, False, False, False, False]
    assert asked[3:] == [f"Question: {row['question']}" for row in ROWS]
    assert run.summary is not None
    found = {(one.suite, one.metric): one.value for one in run.summary.figures if not one.by}
    assert found["pubmedqa_chat", "yes_no"] == pytest.approx(2 / 3)
    assert found["pubmedqa_chat_alone", "yes_no"] == pytest.approx(1 / 3)


def test_a_reply_that_is_no_verdict_is_an_error_and_wrong(tmp_path: Path, data: Path) -> None:
    with scripted_openai(Canned("I cannot say.")) as server:
        place = Place(Settings(home=tmp_path / "home", answerer=server.setting), data)
        run = run_suites([pubmedqa_chat_alone], place, tmp_path / "a.jsonl", identify=code)
    assert all(record.error is not None for record in run.records)
    assert run.summary is not None
    assert {figure.value for figure in run.summary.figures if figure.metric == "yes_no"} == {0.0}


def test_without_a_chat_model_they_are_skipped_and_say_which_setting(tmp_path: Path, data: Path) -> None:
    with pytest.raises(VidenceError) as caught:
        run_suites([pubmedqa_chat], Place(Settings(home=tmp_path / "home"), data), tmp_path / "a.jsonl")
    assert caught.value.kind == "unavailable"
    assert "No chat model" in caught.value.message


@pytest.mark.server
@pytest.mark.data
def test_a_real_chat_model_gives_a_verdict_to_every_question(tmp_path: Path) -> None:
    """Set VIDENCE_TEST_PUBMEDQA to how many questions; docs/results.md has the figures of a longer run."""
    value = os.environ.get("VIDENCE_TEST_OPENAI")
    folder = Path(os.environ.get("VIDENCE_DATA", "../shared/data")).resolve()
    if not value:
        pytest.skip("set VIDENCE_TEST_OPENAI=openai:BASE_URL#MODEL to a running server")
    if not (folder / "pubmedqa").is_dir():
        pytest.skip(f"no public set pubmedqa in {folder}")
    asked = int(os.environ.get("VIDENCE_TEST_PUBMEDQA", "4"))
    place = Place(Settings(home=tmp_path, answerer=value, model_timeout_s=120), folder)
    run = run_suites(
        [pubmedqa_chat_alone], place, tmp_path / "a.jsonl", Options(limit=asked, at_once=1), identify=code
    )
    assert len(run.records) == asked
    assert [record.error for record in run.records] == [None] * asked
    assert {record.output.answer["short"] for record in run.records} <= {"yes", "no", "maybe"}
