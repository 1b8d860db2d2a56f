"""The shapes of a report's charts, as numbers: the template draws them as inline SVG. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from evals.compare.trends import Trend
from evals.run.slices import Figure

WIDTH = 220
LINE_WIDTH, LINE_HEIGHT = 160, 36
_EDGE = 4


@dataclass(frozen=True)
class Bar:
    """A value with its interval on a scale from 0 to `top`, in pixels; `says` is its text for a reader."""

    value: float
    low: float
    high: float
    base: float | None
    says: str


@dataclass(frozen=True)
class Line:
    """A small line over runs: points as SVG wants them, and the last one's place."""

    points: str
    last_x: float
    last_y: float
    says: str


def bar(figure: Figure, base: Figure | None = None) -> Bar | None:
    """Place a figure, and that of another run, on a scale; None without a value."""
    if figure.value is None:
        return None
    values = [figure.value, figure.high or 0.0, (base.value or 0.0) if base else 0.0]
    top = max(1.0, *values)
    low = figure.value if figure.low is None else figure.low
    high = figure.value if figure.high is None else figure.high
    other = base.value if base is not None else None
    says = f"{figure.value:.3f}, 95% interval {low:.3f} to {high:.3f}"
    if other is not None:
        says += f"; base {other:.3f}"

    def place(value: float) -> float:
        return round(max(0.0, value) / top * WIDTH, 1)

    return Bar(place(figure.value), place(low), place(high), None if other is None else place(other), says)


def line(trend: Trend) -> Line | None:
    """Draw a trend small, from where its samples last changed; None with fewer than two points."""
    values = [point.value for point in trend.points[trend.breaks[-1] if trend.breaks else 0 :]]
    if len(values) < 2:
        return None
    low, high = min(values), max(values)
    # Equal values lie in the middle; a tiny change must not look like a cliff.
    room = max(high - low, 0.05)
    middle = (high + low) / 2
    step = (LINE_WIDTH - 2 * _EDGE) / (len(values) - 1)
    places = [
        (
            round(_EDGE + number * step, 1),
            round(_EDGE + (0.5 - (value - middle) / room) * (LINE_HEIGHT - 2 * _EDGE), 1),
        )
        for number, value in enumerate(values)
    ]
    says = f"{trend.suite} {trend.metric}: " + ", ".join(f"{value:.3f}" for value in values)
    return Line(" ".join(f"{x},{y}" for x, y in places), *places[-1], says)
