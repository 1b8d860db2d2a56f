"""A measure that fails or has no value is its own affair: the sample and its other measures stay."""

import asyncio
from contextlib import contextmanager
from dataclasses import replace

import pytest

from core.errors import VidenceError
from core.settings import Settings
from evals.run.cache import OutputCache
from evals.run.file import read_run
from evals.run.options import Options
from evals.run.registry import Place, Scorer
from evals.run.runner import run_suites
from evals.run.sample import Output, UndefinedScoreError
from tests.support.eval_suites import code, is_right, small_suite

RIGHT = Scorer("accuracy", is_right)


def number(sample):
    return int(sample.id[1:])


def run(tmp_path, *suites, **options):
    return run_suites(
        suites, Place(Settings(home=tmp_path)), tmp_path / "r.jsonl", Options(**options), identify=code
    )


def figure(run, metric):
    return next(one for one in run.summary.figures if one.metric == metric and not one.by)


def test_a_measure_that_fails_alone_is_counted_alone(tmp_path):
    async def served(sample, output):
        if number(sample) == 1:
            raise VidenceError("timeout", "no reply")
        if number(sample) == 2:
            raise VidenceError("rate_limited", "one too many")
        if number(sample) == 3:
            raise UndefinedScoreError("nothing to judge")
        return 1.0

    done = run(tmp_path, small_suite(scorers=(RIGHT, Scorer("judge", served, alone=True, judged=False))))
    judge, right = figure(done, "judge"), figure(done, "accuracy")
    assert (judge.errors, judge.timeouts, judge.undefined, judge.n) == (2, 1, 1, 5)
    assert (judge.value, judge.without_errors) == (pytest.approx(3 / 5), 1.0)
    assert (right.errors, right.undefined, right.value) == (0, 0, 1.0)
    assert done.summary.failed == 0
    kept = {number(one.sample): one.scored.reasons for one in read_run(done.path).records}
    assert [kept[place]["judge"].kind for place in (1, 2, 3)] == ["timeout", "rate_limited", "undefined"]
    assert kept[3]["judge"].message == "nothing to judge"
    assert kept[0] == {}


def test_a_measure_that_is_not_alone_still_fails_the_sample(tmp_path):
    def broken(sample, output):
        raise RuntimeError("bug")

    done = run(tmp_path, small_suite(scorers=(RIGHT, Scorer("other", broken))))
    assert done.summary.errors == {"bug": 6}


def test_what_is_not_a_number_has_a_reason(tmp_path):
    done = run(tmp_path, small_suite(scorers=(Scorer("m", lambda sample, output: float("nan")),)))
    assert figure(done, "m").undefined == 6
    assert figure(done, "m").value is None
    assert {one.scored.reasons["m"].kind for one in done.records} == {"undefined"}


def test_a_measure_that_does_not_apply_needs_no_reason(tmp_path):
    done = run(tmp_path, small_suite(scorers=(Scorer("m", lambda sample, output: None),)))
    assert figure(done, "m").undefined == 6
    assert all(one.scored.reasons == {} for one in done.records)


def test_measures_alone_run_at_the_same_time(tmp_path):
    async def first(sample, output):
        first.here.set()
        await asyncio.wait_for(second.here.wait(), 30)
        return 1.0

    async def second(sample, output):
        second.here.set()
        await asyncio.wait_for(first.here.wait(), 30)
        return 1.0

    first.here, second.here = asyncio.Event(), asyncio.Event()
    scorers = (Scorer("a", first, alone=True), Scorer("b", second, alone=True))
    done = run(tmp_path, small_suite(count=1, scorers=scorers))
    assert done.records[0].scored.scores == {"a": 1.0, "b": 1.0}


def test_only_samples_with_a_failed_measure_are_asked_again(tmp_path):
    broken, seen = {2, 4}, []

    def flaky(sample, output):
        seen.append(number(sample))
        if number(sample) in broken:
            raise VidenceError("unavailable", "down")
        if number(sample) == 5:
            raise UndefinedScoreError("never has one")
        return 1.0

    suite = small_suite(scorers=(RIGHT, Scorer("judge", flaky, alone=True)))
    run(tmp_path, suite)
    broken.clear()
    seen.clear()
    again = run(tmp_path, suite, retry_errors=True)
    assert sorted(seen) == [2, 4]
    assert (figure(again, "judge").errors, figure(again, "judge").undefined) == (0, 1)


def test_scorers_are_opened_for_the_run_and_closed_after_it(tmp_path):
    happened = []

    @contextmanager
    def opened(place):
        happened.append("open")
        yield (Scorer("late", lambda sample, output: 0.5),)
        happened.append("closed")

    done = run(tmp_path, small_suite(open_scorers=opened))
    assert happened == ["open", "closed"]
    assert list(done.header.suites[0].metrics) == ["accuracy", "late"]
    assert figure(done, "late").value == 0.5


def test_a_suite_is_skipped_for_what_it_lacks_or_cannot_open(tmp_path):
    @contextmanager
    def absent(place):
        raise VidenceError("unavailable", "no such package")
        yield

    lacking = small_suite("lacking", lacks=lambda place: "no judge is set")
    failing = small_suite("failing", open_scorers=absent)
    done = run(tmp_path, small_suite(), lacking, failing)
    assert {one.suite: one.reason for one in done.header.skipped} == {
        "lacking": "no judge is set",
        "failing": "no such package",
    }


def test_a_suite_takes_the_answers_that_another_has_kept(tmp_path):
    asked = []

    def answer(sample, seed):
        asked.append((sample.id, seed))
        return Output(answer=1)

    first = small_suite("first", answer)
    rows = [
        one.model_copy(update={"suite": "second", "target": "another"})
        for one in first.samples(Place(Settings(home=tmp_path)))
    ]
    second = replace(first, name="second", answers_of=first, load=lambda place: rows)
    cache = OutputCache(tmp_path / "c.sqlite")
    done = run_suites(
        [first, second],
        Place(Settings(home=tmp_path)),
        tmp_path / "r.jsonl",
        Options(at_once=1, epochs=2),
        cache=cache,
        identify=code,
    )
    cache.close()
    assert len(asked) == len(set(asked)) == 12
    assert done.summary.cached == 12
