"""A chart as the embedded VLM is to see it: what follows from the table, and what nobody could dispute."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import correlation
from typing import Literal

from finetune.synth.chart import Chart
from finetune.synth.colours import SHADES
from finetune.synth.tables import trend_of

ChartKind = Literal["bar", "hbar", "grouped", "stacked", "line", "area", "pie", "donut", "scatter"]
KINDS: tuple[ChartKind, ...] = (
    "bar", "hbar", "grouped", "stacked", "line", "area", "pie", "donut", "scatter",
)  # fmt: skip
COLOURS = tuple(SHADES)
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
Trend = Literal["rising", "falling", "flat", "mixed"]

_TRENDS: dict[str, Trend] = {"up": "rising", "down": "falling", "flat": "flat", "mixed": "mixed"}
_SINGLE = ("bar", "hbar", "pie", "donut")
_GAP = 0.05  # the best must lead by this share of the highest (of the circle in pies): about 7 of 150 pixels
_STEEP, _LOOSE = 0.75, 0.35  # correlations that people call a trend, and that they do not


@dataclass(frozen=True)
class ChartSpec:
    """A chart without its looks.

    Attributes:
        kind: How it is drawn.
        series: Bars and slices: one value a mark, one row. Lines: one row of values a line. As shares of the
            highest; slices as shares of the whole. Points: one row of (x, y) flattened.
        colours: A colour name for each mark (bars, slices) or each line; one where all share it.
    """

    kind: ChartKind
    series: tuple[tuple[float, ...], ...]
    colours: tuple[str, ...]

    @property
    def values(self) -> tuple[float, ...]:
        """What marks are compared by: heights, shares, or where lines end."""
        return tuple(row[-1] for row in self.series) if self.kind == "line" else self.series[0]

    @property
    def marks(self) -> int:
        """How many bars, slices or lines there are; 0 where that is not asked."""
        return len(self.values) if self.kind in (*_SINGLE, "line") else 0

    @property
    def varied(self) -> bool:
        """Whether marks have colours of their own."""
        return len(set(self.colours)) > 1

    @cached_property
    def highest(self) -> int | None:
        """Place of the highest (longest, largest, ending highest) mark, where one leads clearly."""
        return _leader(self.values) if self.marks > 1 else None

    @cached_property
    def lowest(self) -> int | None:
        """Place of the lowest mark, where one trails clearly."""
        return _leader(tuple(-value for value in self.values)) if self.marks > 1 else None

    @cached_property
    def trend(self) -> Trend | None:
        """Whether bars, a single line or points rise from left to right; None where people would differ."""
        if self.kind == "scatter":
            return _lean(self.series[0]) if len(self.series) == 1 else None
        if self.kind in ("bar", "line", "area") and len(self.series) == 1:
            found = trend_of(self.series[0])
            return _TRENDS[found] if found else None
        return None


def spec_of(chart: Chart) -> ChartSpec:
    """Return what is to be seen in a chart that `finetune.synth` draws."""
    kind: ChartKind = {"barh": "hbar", "lines": "line"}.get(chart.type, chart.type)  # type: ignore[assignment]
    names = tuple(colour.name for colour in chart.colours)
    if kind == "scatter":
        rows = tuple(tuple(part for point in cloud for part in point) for cloud in chart.table.points)
        return ChartSpec(kind, rows, names)
    if chart.by == "one":
        names = names[:1] * len(chart.values)
    rows = chart.table.values
    whole = sum(rows[0]) if kind in ("pie", "donut") else max(max(row) for row in rows)
    return ChartSpec(kind, tuple(tuple(value / whole for value in row) for row in rows), names)


def _leader(values: tuple[float, ...]) -> int | None:
    order = sorted(range(len(values)), key=lambda place: -values[place])
    return order[0] if values[order[0]] - values[order[1]] >= _GAP else None


def _lean(flat: tuple[float, ...]) -> Trend | None:
    x, y = flat[::2], flat[1::2]
    constant = len(set(x)) == 1 or len(set(y)) == 1
    slope = 0.0 if constant else correlation(x, y)
    if abs(slope) > _STEEP:
        return "rising" if slope > 0 else "falling"
    return "mixed" if abs(slope) < _LOOSE else None
