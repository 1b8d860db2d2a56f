"""How measures went over many runs. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from core.contracts import Contract
from evals.run.file import Run
from evals.run.slices import Figure, figures


class Point(Contract):
    """A measure in one run."""

    started: str
    commit: str
    value: float
    low: float | None = None
    high: float | None = None


class Trend(Contract):
    """A measure of a suite over runs, oldest first."""

    family: str
    suite: str
    metric: str
    higher_is_better: bool
    points: tuple[Point, ...]

    @property
    def change(self) -> float:
        """Last minus first."""
        return self.points[-1].value - self.points[0].value


def run_figures(run: Run) -> Sequence[Figure]:
    """Return the figures of a run, added up anew when it was killed before its summary."""
    return run.summary.figures if run.summary else figures(run.header, run.records)


def trends(runs: Sequence[Run]) -> list[Trend]:
    """Return how each measure of a whole suite went, in the order in which the runs started."""
    found: dict[tuple[str, str, str], list[Point]] = {}
    direction: dict[tuple[str, str, str], bool] = {}
    for run in sorted(runs, key=lambda one: one.header.started):
        for figure in run_figures(run):
            if figure.by or figure.value is None:
                continue
            key = figure.family, figure.suite, figure.metric
            direction[key] = figure.higher_is_better
            found.setdefault(key, []).append(
                Point(
                    started=run.header.started,
                    commit=run.header.code.commit[:10],
                    value=figure.value,
                    low=figure.low,
                    high=figure.high,
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
