"""A real model as the judge, behind a real OpenAI-compatible server: a small one, that judges badly."""

import os

import pytest

from core.settings import Settings
from evals.ragas.replay import replayed
from evals.run.file import read_run
from evals.run.options import Options
from evals.run.registry import Place
from evals.run.runner import run_suites
from evals.run.sample import Output, Sample
from tests.support.eval_suites import code, small_suite

pytest.importorskip("ragas", reason="the extra `ragas` is not installed: make setup-ragas")

SERVER = os.environ.get("VIDENCE_TEST_OPENAI", "")
TEXT = "The Tarva lighthouse was lit in 1887. It is 31 m high and painted white."


@pytest.mark.server
@pytest.mark.skipif(not SERVER, reason="VIDENCE_TEST_OPENAI names no server (.ci/run starts one)")
@pytest.mark.timeout(900)
def test_a_real_judge_gives_scores_or_reasons_and_never_ends_the_run(tmp_path):
    sample = Sample(
        id="a",
        suite="asked",
        family="asked",
        input={"question": "When was the Tarva lighthouse lit?"},
        target={"answers": ["1887"], "passages": ["tarva"], "contexts": [TEXT]},
    )
    output = Output(
        answer={
            "status": "done",
            "short": "1887",
            "text": "It was lit in 1887.",
            "retrieved": [["tarva", TEXT]],
        }
    )
    made = small_suite("asked", lambda one, seed: output)
    asked = type(made)(**{**vars(made), "load": lambda place: [sample], "scorers": ()})
    run_suites([asked], Place(Settings(home=tmp_path)), tmp_path / "r.jsonl", identify=code)
    settings = Settings(home=tmp_path, judge=SERVER, model_timeout_s=240.0, judge_reply_tokens=300)
    judges = []
    suites = replayed(read_run(tmp_path / "r.jsonl"), judges=judges)
    options = Options(timeout_s=800.0)
    run = run_suites(suites, Place(settings), tmp_path / "j.jsonl", options, identify=code)
    (record,) = run.records
    asked_of = [f"ragas_{name}" for name in ("faithfulness", "answer_relevancy", "context_precision",
                                             "context_recall")]  # fmt: skip
    assert record.error is None
    assert judges[0].asked.usage.tokens_out > 0, "it replied"
    for name in asked_of:
        value = record.scored.scores[name]
        reason = record.scored.reasons.get(name)
        assert (value is None) == (reason is not None), name
        assert value is None or -1 <= value <= 1
        assert reason is None or reason.kind in ("undefined", "internal", "timeout"), reason
    assert any(record.scored.scores[name] is not None for name in asked_of)
