"""How measures went over many runs. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from core.contracts import Contract
from evals.run.file import Run
from evals.run.sample import content_hash
from evals.run.slices import Figure, figures


class Point(Contract):
    """A measure in one run. `run` is its place among the runs, oldest first, from 0."""

    run: int = 0
    started: str
    commit: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int = Field(0, description="Samples with a score.")
    measured: str = Field("", description="Hash of what was measured: samples, versions, epochs.")


class Trend(Contract):
    """A measure of a suite over runs, oldest first; not every run need have it."""

    family: str
    suite: str
    metric: str
    higher_is_better: bool
    points: tuple[Point, ...]

    @property
    def breaks(self) -> tuple[int, ...]:
        """Places among the points at which something else was measured than before: values do not compare."""
        pairs = zip(self.points, self.points[1:], strict=False)
        return tuple(at for at, (a, b) in enumerate(pairs, 1) if a.measured != b.measured)

    @property
    def change(self) -> float:
        """Last minus the first that measured the same thing without a break."""
        first = self.breaks[-1] if self.breaks else 0
        return self.points[-1].value - self.points[first].value


def run_figures(run: Run) -> Sequence[Figure]:
    """Return the figures of a run, added up anew when it was killed before its summary."""
    return run.summary.figures if run.summary else figures(run.header, run.records)


def in_order(runs: Sequence[Run]) -> list[Run]:
    """Return runs in the order in which they started."""
    return sorted(runs, key=lambda one: one.header.started)


def _measured(run: Run, figure: Figure) -> str:
    suite = run.header.suite(figure.suite)
    metric = suite.metrics[figure.metric]
    what = [suite.version, suite.data_sha256, metric.version, metric.higher_is_better, run.header.epochs]
    return content_hash(what)[:12]


def trends(runs: Sequence[Run]) -> list[Trend]:
    """Return how each measure of a whole suite went, in the order in which the runs started."""
    found: dict[tuple[str, str, str], list[Point]] = {}
    direction: dict[tuple[str, str, str], bool] = {}
    for place, run in enumerate(in_order(runs)):
        for figure in run_figures(run):
            if figure.by or figure.value is None:
                continue
            key = figure.family, figure.suite, figure.metric
            direction[key] = figure.higher_is_better
            found.setdefault(key, []).append(
                Point(
                    run=place,
                    started=run.header.started,
                    commit=run.header.code.commit[:10],
                    value=figure.value,
                    low=figure.low,
                    high=figure.high,
                    n=figure.n,
                    measured=_measured(run, figure),
                )
            )
    return [
        Trend(
            family=family,
            suite=suite,
            metric=metric,
            higher_is_better=direction[family, suite, metric],
            points=tuple(points),
        )
        for (family, suite, metric), points in found.items()
    ]
