"""Charts as numbers: what the tower and the text model learn to say about drawings, with exact truth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from random import Random
from typing import Literal

ChartKind = Literal["bar", "hbar", "line", "pie", "donut", "scatter"]
KINDS: tuple[ChartKind, ...] = ("bar", "hbar", "line", "pie", "donut", "scatter")
Rgb = tuple[int, int, int]

COLOURS: dict[str, tuple[Rgb, ...]] = {
    "red": ((214, 39, 40), (228, 26, 28), (255, 0, 0), (200, 30, 50)),
    "blue": ((31, 119, 180), (55, 126, 184), (0, 0, 255), (30, 80, 160), (76, 114, 176)),
    "green": ((44, 160, 44), (77, 175, 74), (0, 128, 0), (85, 168, 104)),
    "orange": ((255, 127, 14), (255, 165, 0), (230, 120, 30), (221, 132, 82)),
    "purple": ((148, 103, 189), (128, 0, 128), (152, 78, 163), (129, 114, 179)),
    "yellow": ((255, 221, 51), (255, 215, 0), (240, 228, 66), (255, 240, 0)),
    "brown": ((140, 86, 75), (139, 69, 19), (166, 86, 40), (110, 70, 45)),
    "pink": ((227, 119, 194), (255, 105, 180), (247, 129, 191), (255, 150, 190)),
    "gray": ((127, 127, 127), (100, 100, 100), (150, 150, 150)),
    "teal": ((23, 190, 207), (0, 128, 128), (0, 160, 160), (100, 200, 200)),
    "black": ((0, 0, 0), (25, 25, 25), (45, 45, 45)),
}
"""Colour names with the values that plotting libraries use for them."""

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
Trend = Literal["rising", "falling", "mixed"]

_DRAWN: tuple[ChartKind, ...] = ("bar", "bar", "hbar", "line", "line", "pie", "donut", "scatter")
_GAP = 0.05  # the best must lead by this share of the range: about 7 of 150 pixels


@dataclass(frozen=True)
class ChartSpec:
    """A chart before it is drawn.

    Attributes:
        kind: How it is drawn.
        series: Bars and slices: one value a mark, one row. Lines: one row of values a line, 0 to 1.
            Points: one row of (x, y) flattened.
        colours: A colour name for each mark (bars, slices) or each line; one for all points.
        rgb: The colours as drawn, one for each name.
    """

    kind: ChartKind
    series: tuple[tuple[float, ...], ...]
    colours: tuple[str, ...]
    rgb: tuple[Rgb, ...]

    @property
    def values(self) -> tuple[float, ...]:
        """What marks are compared by: heights, shares, or where lines end."""
        return tuple(row[-1] for row in self.series) if self.kind == "line" else self.series[0]

    @property
    def marks(self) -> int:
        """How many bars, slices or lines there are; 0 for points."""
        return 0 if self.kind == "scatter" else len(self.values)

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
        return _leader([-value for value in self.values]) if self.marks > 1 else None

    @cached_property
    def trend(self) -> Trend | None:
        """Whether bars, a single line or points rise from left to right; None where that has no meaning."""
        if self.kind == "scatter":
            x, y = self.series[0][::2], self.series[0][1::2]
            slope = _correlation(x, y)
            return "rising" if slope > 0.75 else "falling" if slope < -0.75 else "mixed"
        if self.kind == "bar" or (self.kind == "line" and len(self.series) == 1):
            row = self.series[0]
            steps = [b - a for a, b in pairwise(row)]
            if all(step > 0 for step in steps):
                return "rising"
            return "falling" if all(step < 0 for step in steps) else "mixed"
        return None


def _leader(values: tuple[float, ...] | list[float]) -> int | None:
    order = sorted(range(len(values)), key=lambda place: -values[place])
    return order[0] if values[order[0]] - values[order[1]] >= _GAP else None


def _correlation(x: tuple[float, ...], y: tuple[float, ...]) -> float:
    mx, my = sum(x) / len(x), sum(y) / len(y)
    over = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    spread = (sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y)) ** 0.5
    return over / spread if spread else 0.0


def draw_colours(rng: Random, count: int, *, varied: bool) -> tuple[tuple[str, ...], tuple[Rgb, ...]]:
    """Return names and values of mark colours: all different, or one for all."""
    names = tuple(rng.sample(sorted(COLOURS), count)) if varied else (rng.choice(sorted(COLOURS)),) * count
    values = {name: rng.choice(COLOURS[name]) for name in names}
    return names, tuple(values[name] for name in names)


def random_spec(rng: Random, kind: ChartKind | None = None) -> ChartSpec:
    """Draw a chart: kinds evenly, two to nine marks, trends often clear."""
    chosen: ChartKind = rng.choice(_DRAWN) if kind is None else kind
    if chosen == "scatter":
        names, rgb = draw_colours(rng, 1, varied=False)
        return ChartSpec(chosen, (_points(rng),), names, rgb)
    if chosen == "line":
        count = rng.choice((1, 1, 1, 2, 3, 4, 5))
        names, rgb = draw_colours(rng, count, varied=True)
        length = rng.randint(4, 12)
        return ChartSpec(chosen, tuple(_row(rng, length) for _ in range(count)), names, rgb)
    if chosen in ("pie", "donut"):
        count = rng.randint(2, 8)
        names, rgb = draw_colours(rng, count, varied=True)
        raw = [rng.uniform(0.12, 1.0) for _ in range(count)]
        return ChartSpec(chosen, (tuple(value / sum(raw) for value in raw),), names, rgb)
    count = rng.randint(2, 9)
    names, rgb = draw_colours(rng, count, varied=rng.random() < 0.6)
    return ChartSpec(chosen, (_row(rng, count),), names, rgb)


def _row(rng: Random, count: int) -> tuple[float, ...]:
    """Values of 0.05 to 1; a third each rise, fall, or do neither."""
    way = rng.randrange(3)
    if way == 0:
        return tuple(rng.uniform(0.05, 1.0) for _ in range(count))
    steps = [rng.uniform(0.3, 1.0) for _ in range(count)]
    low, high = rng.uniform(0.05, 0.4), rng.uniform(0.65, 1.0)
    total, row = 0.0, []
    for step in steps:
        total += step
        row.append(total)
    row = [low + (value - row[0]) / max(row[-1] - row[0], 1e-9) * (high - low) for value in row]
    return tuple(row if way == 1 else row[::-1])


def _points(rng: Random) -> tuple[float, ...]:
    slope, noise = rng.choice((1.0, -1.0, 0.0)), rng.uniform(0.03, 0.12)
    points: list[float] = []
    for _ in range(rng.randint(12, 60)):
        x = rng.random()
        y = 0.5 + slope * (x - 0.5) * 0.8 + rng.gauss(0, noise) if slope else rng.random()
        points += [x, min(1.0, max(0.0, y))]
    return tuple(points)
