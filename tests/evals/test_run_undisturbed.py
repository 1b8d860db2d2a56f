"""Suites that measure time have the machine to themselves, and quantiles bring their own interval."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from core.contracts import ModelRef
from core.settings import Settings
from evals.run.options import Options
from evals.run.registry import Place, Scorer
from evals.run.runner import run_suites
from evals.run.sample import Output, Sample
from tests.support.eval_suites import code, small_suite


class Watching:
    """Notes which suites were under way beside each sample."""

    def __init__(self) -> None:
        self.under_way: list[str] = []
        self.beside: list[tuple[str, set[str]]] = []
        self.models: dict[str, ModelRef] = {}

    async def solve(self, sample: Sample, seed: int) -> Output:
        self.under_way.append(sample.suite)
        for _ in range(3):
            await asyncio.sleep(0.002)
            self.beside.append((sample.suite, set(self.under_way)))
        self.under_way.remove(sample.suite)
        return Output(answer=int(sample.input["question"].split()[0]) + 1)


def test_an_undisturbed_suite_never_runs_beside_another(tmp_path: Path) -> None:
    solver = Watching()

    @contextmanager
    def opened(place: Place) -> Iterator[Watching]:
        yield solver

    timed = replace(small_suite("timed", count=6), open_solver=opened, undisturbed=True)
    others = [replace(small_suite(name, count=9), open_solver=opened) for name in ("a", "b")]
    run = run_suites(
        [others[0], timed, others[1]],
        Place(Settings(home=tmp_path)),
        tmp_path / "r.jsonl",
        Options(at_once=4),
        identify=code,
    )
    assert run.summary is not None
    assert run.summary.complete
    assert any(len(names) > 1 for name, names in solver.beside if name == "a"), "nothing ran side by side"
    assert all(names == {"timed"} for name, names in solver.beside if name == "timed")


def test_a_measure_with_its_own_interval_keeps_it(tmp_path: Path) -> None:
    slowest = Scorer(
        "slowest",
        corpus=lambda records: max(record.output.answer for record in records),
        ends=lambda records: (1.0, 99.0),
        judged=False,
    )
    suite = replace(small_suite("timed", count=40), scorers=(slowest,))
    run = run_suites([suite], Place(Settings(home=tmp_path)), tmp_path / "r.jsonl", identify=code)
    assert run.summary is not None
    figure = run.summary.figures[0]
    assert (figure.value, figure.low, figure.high) == (40.0, 1.0, 99.0)
    assert figure.blocks == {}


def test_a_judged_measure_cannot_bring_its_own_interval() -> None:
    with pytest.raises(ValueError, match="not judged"):
        Scorer("p95", corpus=lambda records: 1.0, ends=lambda records: (None, None))
