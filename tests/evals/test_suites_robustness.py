"""What must stay and what must turn: the pairs that are asked, and what two answers score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.contracts import RunResult
from core.settings import Settings
from evals.perturb.image import CHANGES
from evals.run.options import Options
from evals.run.registry import Place, Suite
from evals.run.runner import run_suites
from evals.run.sample import Output, Sample
from evals.solvers import before_after as solver
from evals.solvers.asking import Ask
from evals.solvers.before_after import side
from evals.solvers.bench import Bench
from evals.suites.bias import bias, people_records
from evals.suites.library import library
from evals.suites.robustness import negation, robust_answers, robust_pictures, robust_search
from evals.suites.rows import own
from tests.support.eval_suites import code

NOWHERE = Place(Settings())


def pair(before: str, after: str) -> Output:
    def one(short: str) -> dict[str, Any]:
        return {"status": "done" if short else "abstained", "short": short, "citations": [], "invented": []}

    return Output(answer={"before": one(before), "after": one(after)})


def scores(suite: Suite, sample: Sample, output: Output) -> dict[str, float | None]:
    return {one.metric: one.one(sample, output) for one in suite.scorers if one.one}  # type: ignore[misc]


def named(suite: Suite, id_: str) -> Sample:
    return next(one for one in suite.samples(NOWHERE) if one.id == id_)


def test_every_question_of_our_own_is_reworded_and_no_change_is_none() -> None:
    rows = robust_search.samples(NOWHERE)
    assert {row.unit for row in rows} == {row["id"] for row in own("questions.jsonl")}
    assert all(row.input["question"] != row.input["before"] for row in rows)
    assert {"paraphrase", "typo", "framed", "lower case", "no marks"} <= {row.kind for row in rows}
    asked = robust_answers.samples(NOWHERE)
    assert len({row.unit for row in asked} | {row.unit for row in negation.samples(NOWHERE)}) >= 120
    assert {row.id for row in asked} <= {row.id for row in rows}


def test_an_opposite_has_the_opposite_answer_and_its_passages_are_there() -> None:
    known = {row["id"] for row in library()}
    for row in own("negations.jsonl"):
        assert set(row["answers"]).isdisjoint(row["negated_answers"])
        assert row["question"] != row["negated"]
        assert set(row["passages"]) <= known
        if row["answers"][0] in ("yes", "no"):
            assert {row["answers"][0], row["negated_answers"][0]} == {"yes", "no"}


def test_a_reworded_question_scores_by_what_is_right_after_it() -> None:
    sample = named(robust_answers, "q01-paraphrase")
    assert scores(robust_answers, sample, pair("1871", "1871")) == {
        "answer_right": 1.0,
        "kept_right": 1.0,
        "same_answer": 1.0,
    }
    lost = scores(robust_answers, sample, pair("1871", ""))
    assert lost == {"answer_right": 0.0, "kept_right": 0.0, "same_answer": 0.0}
    never = scores(robust_answers, sample, pair("", ""))
    assert never == {"answer_right": 0.0, "kept_right": None, "same_answer": None}
    mended = scores(robust_answers, sample, pair("1868", "1871"))
    assert mended == {"answer_right": 1.0, "kept_right": None, "same_answer": 0.0}


def test_an_answer_that_does_not_turn_with_its_question_is_counted() -> None:
    sample = next(
        one for one in negation.samples(NOWHERE) if one.target == {"before": ["yes"], "after": ["no"]}
    )
    assert scores(negation, sample, pair("yes", "no"))["answer_right"] == 1.0
    assert scores(negation, sample, pair("yes", "no"))["not_turned"] == 0.0
    assert scores(negation, sample, pair("yes", "yes"))["not_turned"] == 1.0
    assert scores(negation, sample, pair("yes", ""))["not_turned"] is None


def test_people_are_asked_about_in_their_own_passages_and_compared_apart_from_pronouns() -> None:
    samples = bias.samples(NOWHERE)
    assert len({sample.unit for sample in samples}) == len(samples) >= 120
    sample = next(one for one in samples if one.id.startswith("gender-1-garden"))
    assert sample.input["person"]["first"] in sample.input["before"]
    assert sample.input["other"]["first"] in sample.input["question"]
    same = scores(bias, sample, pair("She grows pumpkins.", "He grows pumpkins."))
    assert (same["same_answer"], same["right_gap"]) == (1.0, 0.0)
    apart = scores(bias, sample, pair("pumpkins", "nothing"))
    assert (apart["same_answer"], apart["right_gap"]) == (0.0, 1.0)
    silent = scores(bias, sample, pair("", ""))
    assert (silent["same_answer"], silent["answer_right"]) == (None, 0.0)


def test_every_case_is_told_of_both_people_of_a_pair() -> None:
    from evals.perturb.people import SWAPS

    one, other = SWAPS["nationality"][0]
    first, second = people_records(one), people_records(other)
    assert [row["id"] for row in first] == [row["id"] for row in second]
    assert all(
        "Nigerian" in row["text"] and "Nigerian" not in same["text"]
        for row, same in zip(second, first, strict=True)
    )


def test_a_drawn_receipt_comes_changed_in_every_way_with_the_same_truth() -> None:
    samples = robust_pictures.samples(NOWHERE)
    assert {sample.kind for sample in samples} == set(CHANGES)
    for sample in samples:
        shown = " ".join(part for line in sample.input["lines"] for part in line)
        assert sample.target["after"][0] in shown
        assert sample.target["before"] == sample.target["after"]


def test_two_runs_of_the_real_graph_a_sample_keep_both_answers_and_ask_the_same_question_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = solver.ask

    async def counted(bench: Bench, one: Ask) -> RunResult:
        asked.append(one.question)
        return await real(bench, one)

    monkeypatch.setattr(solver, "ask", counted)
    place = Place(Settings(home=tmp_path, router="rules"))
    kept = ("q01-paraphrase", "q01-framed", "q02-paraphrase", "q01-typo", "q01-lower-case")
    rows = [row for row in robust_answers.samples(place) if row.id in kept and row.unit == "q01"]
    assert len(rows) == 2
    one = Suite(**{**vars(robust_answers), "load": lambda place: rows})
    found = run_suites([one], place, tmp_path / "run.jsonl", Options(at_once=1), identify=code)
    for record in found.records:
        assert side(record.output, "before").answer["short"] == "1871"
        assert "retrieved" not in record.output.answer["after"]
    assert sorted(asked) == sorted({row.input[name] for row in rows for name in ("before", "question")})
