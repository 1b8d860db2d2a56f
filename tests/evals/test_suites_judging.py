"""Candidates whose order is known, and what a judge's order scores."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agents.checks import check_candidate
from agents.judge_chat import Verdict
from core.contracts import Candidate, Evidence
from core.settings import Settings
from core.text import find_numbers
from evals.run.registry import Place
from evals.run.sample import Output, Sample
from evals.suites import judging
from evals.suites.judging import FALSE, GRADES, candidates, judge_ranking, questions

PLACE = Place(Settings())
SAMPLES = judge_ranking.samples(PLACE)


class PicksLast:
    """A served judge that always names the last of the candidates that it is shown."""

    name = "last"

    async def complete(self, messages: Any, schema: Any) -> Any:
        shown = messages[-1]["content"].count("\n") and messages[-1]["content"].split("Candidates:")[1]
        last = max(int(line.split(".")[0]) for line in shown.splitlines() if line[:1].isdigit())
        return SimpleNamespace(parsed=Verdict(best=last), tokens_in=10, tokens_out=1)


def judged(sample: Sample, chat: Any = None) -> Output:
    bench: Any = SimpleNamespace(services=SimpleNamespace(models=SimpleNamespace(chat=lambda role: chat)))
    answer: Any = judging._judge(bench)(sample)
    return cast("Output", asyncio.run(answer))


def scores(sample: Sample, output: Output) -> dict[str, float | None]:
    return {one.metric: one.one(sample, output) for one in judge_ranking.scorers if one.one}  # type: ignore[misc]


def test_there_are_enough_questions_that_do_not_hang_together() -> None:
    assert len({sample.unit for sample in SAMPLES}) == len(SAMPLES) >= 120


@pytest.mark.parametrize("place", [0, 40, 90])
def test_candidates_are_what_they_are_called(place: int) -> None:
    thing, other, asked = list(questions())[place]
    evidence, made_up = candidates(thing, other, asked)
    assert set(made_up) == set(GRADES)
    assert made_up["right"].short_answer in asked.accepted
    assert made_up["right"].short_answer in evidence[0].content
    assert len(made_up["verbose"].answer) > len(made_up["right"].answer)
    assert made_up["other"].claims[0].citations[0].source == other.id
    gold = find_numbers(asked.accepted[0])[0].value
    assert find_numbers(made_up["contradicted"].short_answer)[0].value != gold
    assert find_numbers(made_up["unit"].short_answer)[0].value == gold
    assert made_up["unit"].short_answer.split()[1] not in evidence[0].content
    ids = {item.id for item in evidence}
    assert made_up["invented"].claims[0].citations[0].evidence_id not in ids


def test_the_check_drops_what_is_false_and_keeps_what_is_not() -> None:
    for sample in SAMPLES[::10]:
        evidence = {item.id: item for item in map(Evidence.model_validate, sample.input["evidence"])}
        for kind, given in zip(sample.target["kinds"], sample.input["candidates"], strict=True):
            survives = check_candidate(Candidate.model_validate(given), evidence).survives
            assert survives == (kind not in FALSE), (sample.id, kind)


def test_a_good_order_scores_best_and_nothing_tells_the_judge_which_is_which() -> None:
    sample = SAMPLES[0]
    best = Output(answer={"scores": sample.target["grades"], "passed": []})
    assert scores(sample, best)["pairwise_accuracy"] == 1.0
    worst = Output(answer={"scores": [-grade for grade in sample.target["grades"]], "passed": []})
    assert scores(sample, worst)["pairwise_accuracy"] == 0.0
    assert scores(sample, worst)["best_chosen"] == 0.0
    assert len({tuple(one.target["kinds"]) for one in SAMPLES}) > 50
    assert not any(kind in str(sample.input["candidates"]) for kind in ("contradicted", "verbose"))


def test_the_embedded_judge_puts_the_supported_short_answer_first() -> None:
    for sample in SAMPLES[:5]:
        found = scores(sample, judged(sample))
        assert found["let_through"] == 0.0
        assert (found["pairwise_accuracy"] or 0.0) > 0.8


def test_a_served_judge_chooses_among_what_passed_the_check_and_its_tokens_count() -> None:
    sample = SAMPLES[0]
    alone = judged(sample)
    served = judged(sample, PicksLast())
    assert served.answer["passed"][0] == alone.answer["passed"][-1]
    assert set(served.answer["passed"]) == set(alone.answer["passed"])
    assert (served.usage.calls, served.usage.tokens_in) == (1, 10)
