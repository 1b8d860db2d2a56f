"""One bad sample never harms the others, and never hides in a mean."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from core.errors import VidenceError
from core.settings import Settings
from evals.run.options import Options
from evals.run.registry import Place, Scorer
from evals.run.runner import run_suites
from evals.run.sample import Output, Sample
from tests.support.eval_suites import code, is_right, small_suite

PLACE = Place(Settings())


def run(suite, tmp_path: Path, **options):
    return run_suites([suite], PLACE, tmp_path / "run.jsonl", Options(**options), identify=code)


def errors(found):
    return {record.sample.id: record.error.kind for record in found.records if record.error}


def test_samples_that_raise_are_typed_counted_and_count_as_wrong(tmp_path: Path) -> None:
    def answer(sample: Sample, seed: int) -> Output:
        if sample.id == "s001":
            raise VidenceError("unavailable", "no server")
        if sample.id == "s002":
            raise ZeroDivisionError("oops")
        if sample.id == "s003":
            raise SystemExit(3)
        return Output(answer=sample.input["question"] and int(sample.id[1:]) + 1)

    found = run(small_suite(answer=answer), tmp_path)
    assert errors(found) == {"s001": "unavailable", "s002": "bug", "s003": "bug"}
    assert found.summary.errors == {"bug": 2, "unavailable": 1}
    figure = found.summary.figures[0]
    assert (figure.n, figure.errors, figure.value, figure.without_errors) == (6, 3, 0.5, 1.0)


def test_a_sample_that_hangs_is_a_timeout_and_the_others_go_on(tmp_path: Path) -> None:
    def answer(sample: Sample, seed: int) -> Output:
        if sample.id == "s000":
            time.sleep(60)
        return Output(answer=int(sample.id[1:]) + 1)

    started = time.monotonic()
    found = run(small_suite(answer=answer), tmp_path, timeout_s=0.3, at_once=1)
    assert time.monotonic() - started < 10
    assert errors(found) == {"s000": "timeout"}
    assert found.summary.figures[0].timeouts == 1
    assert found.summary.complete


def test_a_solver_that_ignores_being_cancelled_is_left_behind(tmp_path: Path) -> None:
    class Stubborn:
        models: ClassVar = {}

        async def solve(self, sample: Sample, seed: int) -> Output:
            until = time.monotonic() + 20
            while sample.id == "s000" and time.monotonic() < until:
                try:
                    await asyncio.sleep(0.2)
                except asyncio.CancelledError:
                    continue
            return Output(answer=int(sample.id[1:]) + 1)

    @contextmanager
    def opened(place):
        yield Stubborn()

    suite = small_suite()
    stubborn = type(suite)(suite.name, suite.family, "", suite.load, opened, suite.scorers)
    started = time.monotonic()
    found = run(stubborn, tmp_path, timeout_s=0.2)
    assert time.monotonic() - started < 10
    assert errors(found) == {"s000": "timeout"}


def test_a_scorer_that_raises_names_itself(tmp_path: Path) -> None:
    def fails(sample: Sample, output: Output) -> float:
        raise KeyError("answer")

    found = run(small_suite(scorers=(Scorer("accuracy", is_right), Scorer("odd", fails))), tmp_path)
    assert {record.scored.error.where for record in found.records} == {"scorer"}
    assert all(record.error.message.startswith("odd: ") for record in found.records)
    assert found.summary.figures[0].errors == 6


@pytest.mark.parametrize("value", [None, float("nan")])
def test_an_undefined_score_is_counted_and_not_averaged(tmp_path: Path, value: float | None) -> None:
    def sometimes(sample: Sample, output: Output) -> float | None:
        return 1.0 if sample.id == "s000" else value

    figure = run(small_suite(scorers=(Scorer("precision", sometimes),)), tmp_path).summary.figures[0]
    assert (figure.n, figure.undefined, figure.errors, figure.value) == (1, 5, 0, 1.0)


def test_where_lower_is_better_a_failed_sample_counts_as_all_wrong(tmp_path: Path) -> None:
    def answer(sample: Sample, seed: int) -> Output:
        if sample.id == "s000":
            raise ValueError("oops")
        return Output(answer=0)

    scorers = (Scorer("error_rate", lambda sample, output: 0.0, higher_is_better=False),)
    figure = run(small_suite(answer=answer, scorers=scorers, count=4), tmp_path).summary.figures[0]
    assert (figure.value, figure.without_errors) == (0.25, 0.0)


def test_an_answer_that_no_file_can_hold_is_an_error_of_its_sample_only(tmp_path: Path) -> None:
    def answer(sample: Sample, seed: int) -> Output:
        return Output(answer=object() if sample.id == "s001" else "lone \ud800 surrogate")

    found = run(small_suite(answer=answer, count=2), tmp_path)
    assert errors(found) == {"s001": "bug"}
    assert found.records[0].output.answer == "lone ? surrogate"


def test_the_solver_never_sees_the_target(tmp_path: Path) -> None:
    def answer(sample: Sample, seed: int) -> Output:
        return Output(answer=sample.target)

    assert {record.output.answer for record in run(small_suite(answer=answer), tmp_path).records} == {None}


def test_so_many_at_a_time_and_no_more(tmp_path: Path) -> None:
    busy, most = set(), []

    def answer(sample: Sample, seed: int) -> Output:
        busy.add(sample.id)
        most.append(len(busy))
        time.sleep(0.03)
        busy.discard(sample.id)
        return Output(answer=1)

    run(small_suite(answer=answer, count=12), tmp_path, at_once=3)
    assert max(most) == 3
    most.clear()
    run_suites(
        [small_suite(answer=answer, count=6, at_once=1)],
        PLACE,
        tmp_path / "2.jsonl",
        Options(at_once=3),
        identify=code,
    )
    assert max(most) == 1


def test_suites_that_wait_for_one_worker_share_their_place_and_others_run_beside_them(tmp_path: Path) -> None:
    busy: list[str] = []
    seen: list[tuple[str, ...]] = []

    def answer(sample: Sample, seed: int) -> Output:
        busy.append(sample.suite)
        seen.append(tuple(busy))
        time.sleep(0.03)
        busy.remove(sample.suite)
        return Output(answer=1)

    suites = [
        small_suite("read", answer=answer, count=5, at_once=1, lane="ocr"),
        small_suite("charts", answer=answer, count=5, at_once=1, lane="ocr"),
        small_suite("free", answer=answer, count=5),
    ]
    run_suites(suites, PLACE, tmp_path / "1.jsonl", Options(at_once=3), identify=code)
    assert not any({"read", "charts"} <= set(at) for at in seen)
    assert any({"read", "free"} <= set(at) for at in seen)


def test_epochs_ask_again_with_other_seeds_that_are_the_same_in_every_run(tmp_path: Path) -> None:
    def answer(sample: Sample, seed: int) -> Output:
        return Output(answer=seed)

    seeds = []
    for name in ("a", "b"):
        found = run_suites(
            [small_suite(answer=answer)], PLACE, tmp_path / name, Options(epochs=3, seed=7), identify=code
        )
        seeds.append({record.key: record.output.answer for record in found.records})
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0].values())) == 18


def test_epochs_of_a_sample_are_one_sample_in_the_figures(tmp_path: Path) -> None:
    def answer(sample: Sample, seed: int) -> Output:
        return Output(answer=int(sample.id[1:]) + 1)

    figure = run(small_suite(answer=answer), tmp_path, epochs=3).summary.figures[0]
    assert (figure.n, figure.groups, figure.value) == (6, 6, 1.0)
