"""Which rectangles are bars: a shared baseline, like widths, and stacks that grow from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.charts.axes import Side
from models.charts.scene import Scene
from models.charts.shapes import Shape, overlap


@dataclass(frozen=True)
class Bar:
    """A bar or segment. Along the value axis it runs from `start` (towards the baseline) to `end`."""

    shape: Shape
    start: float
    end: float
    low: float
    high: float
    """The bar's extent along the category axis."""

    @property
    def centre(self) -> float:
        """Centre along the category axis."""
        return (self.low + self.high) / 2

    @property
    def thickness(self) -> float:
        """Extent along the category axis."""
        return self.high - self.low


@dataclass(frozen=True)
class BarLayout:
    """Bars that share a baseline. `side` is the side of the value axis: `y` for upright bars."""

    side: Side
    baseline: float
    bars: tuple[Bar, ...]
    stacked: bool
    stray: float
    """Share of rectangle area that the layout does not explain."""

    @property
    def places(self) -> list[float]:
        """Centres of distinct columns (or rows) of bars, in order."""
        found: list[list[float]] = []
        for centre in sorted(bar.centre for bar in self.bars):
            if found and centre - found[-1][-1] < 0.4 * self.thickness:
                found[-1].append(centre)
            else:
                found.append([centre])
        return [float(np.mean(group)) for group in found]

    @property
    def thickness(self) -> float:
        """Usual thickness."""
        return float(np.median([bar.thickness for bar in self.bars]))


def refine_ends(layout: BarLayout, scene: Scene) -> BarLayout:
    """Place each bar's far end between pixels, by how much of its last rows the bar's colour fills."""
    return replace(
        layout, bars=tuple(replace(bar, end=_sub_pixel(bar, layout.side, scene)) for bar in layout.bars)
    )


def _sub_pixel(bar: Bar, side: Side, scene: Scene) -> float:
    inset = 0.2 * bar.thickness
    low, high = int(bar.low + inset), max(int(bar.low + inset) + 1, int(bar.high - inset))
    strip = scene.lab[:, low:high].mean(axis=1) if side == "y" else scene.lab[low:high].mean(axis=0)
    outward = 1 if bar.end > bar.start else -1
    first = int(bar.end) if outward == 1 else int(bar.end) - 1
    inner, outer = first - 3 * outward, first + 3 * outward
    if not (0 <= outer < len(strip) and 0 <= inner < len(strip)) or abs(bar.end - bar.start) < 5:
        return bar.end
    step = strip[outer] - strip[inner]
    length = float(step @ step)
    if length < 225:
        return bar.end
    rows = strip[[first + k * outward for k in (-2, -1, 0, 1, 2)]]
    share = np.clip((rows - strip[inner]) @ step / length, 0, 1)
    return bar.end + outward * (float((1 - share).sum()) - 2.0)


def _make(shape: Shape, side: Side) -> Bar:
    if side == "y":
        return Bar(shape, shape.y1, shape.y0, shape.x0, shape.x1)
    return Bar(shape, shape.x0, shape.x1, shape.y0, shape.y1)


def find_layout(rects: Sequence[Shape], unit: float) -> BarLayout | None:
    """Return the layout that explains most rectangles, or None. Legend swatches must be left out."""
    options = [layout for side in ("y", "x") if (layout := _layout(rects, side, unit)) is not None]
    return max(options, key=_merit, default=None)


def _merit(layout: BarLayout) -> float:
    count = len(layout.bars)
    ends = np.array([abs(bar.end - layout.baseline) for bar in layout.bars])
    # Bars of one kind differ in length; a lattice seen from its wrong side does not.
    varied = float(ends.std() / max(1.0, ends.mean())) if count > 1 else 0.5
    longish = np.mean([abs(bar.end - bar.start) >= bar.thickness for bar in layout.bars])
    touching = np.mean([abs(bar.start - layout.baseline) <= 3 for bar in layout.bars])
    shape = (0.4 + min(0.6, varied)) * (0.6 + 0.4 * float(longish)) * (0.6 + 0.4 * float(touching))
    return float((1 - layout.stray) * math.sqrt(count) * shape)


def _layout(rects: Sequence[Shape], side: Side, unit: float) -> BarLayout | None:
    bars = [_make(shape, side) for shape in rects]
    bars = [bar for bar in bars if bar.thickness >= max(3.0, 0.2 * unit)]
    if not bars:
        return None
    tolerance = max(2.5, 0.14 * unit)
    best: tuple[float, float, float] | None = None
    for line in {edge for bar in bars for edge in (bar.start, bar.end)}:
        touching = [b for b in bars if min(abs(b.start - line), abs(b.end - line)) <= tolerance]
        thickness = _usual([b.thickness for b in touching], [abs(b.end - b.start) for b in touching])
        alike = [b for b in touching if _like(b.thickness, thickness)]
        extent = sum(abs(b.end - b.start) ** 0.5 for b in alike)
        count = len(_columns(alike))
        if best is None or (count, extent) > best[:2]:
            best = (count, extent, line)
    if best is None:
        return None
    return _grow(bars, side, best[2], tolerance)


def _usual(values: Sequence[float], weights: Sequence[float]) -> float:
    order = np.argsort(values)
    heavy = np.cumsum(np.asarray(weights)[order])
    return float(np.asarray(values)[order][np.searchsorted(heavy, heavy[-1] / 2)])


def _like(a: float, b: float) -> bool:
    return abs(a - b) <= max(2.0, 0.15 * max(a, b))


def _columns(bars: Sequence[Bar]) -> set[int]:
    thickness = float(np.median([b.thickness for b in bars])) if bars else 1.0
    return {round(bar.centre / max(1.0, 0.5 * thickness)) for bar in bars}


def _grow(bars: Sequence[Bar], side: Side, line: float, tolerance: float) -> BarLayout | None:
    first = [b for b in bars if min(abs(b.start - line), abs(b.end - line)) <= tolerance]
    thickness = _usual([b.thickness for b in first], [abs(b.end - b.start) for b in first])
    first = [b for b in first if _like(b.thickness, thickness)]
    chosen = [_away_from(bar, line) for bar in first]
    rest = [b for b in bars if b not in first and _like(b.thickness, thickness)]
    stacked = 0
    grown = True
    while grown and rest:
        grown = False
        for bar in list(rest):
            for below in chosen:
                same = overlap(bar.low, bar.high, below.low, below.high) > 0.85
                outward = _away_from(bar, below.end)
                direction = np.sign(below.end - below.start) == np.sign(outward.end - outward.start)
                if same and direction and abs(outward.start - below.end) <= 1.6 * tolerance:
                    chosen.append(outward)
                    rest.remove(bar)
                    stacked += 1
                    grown = True
                    break
    if not chosen:
        return None
    total = sum(bar.shape.area for bar in bars)
    used = sum(bar.shape.area for bar in chosen)
    chosen.sort(key=lambda b: (b.centre, abs(b.start - line)))
    baseline = float(np.median([b.start for b in chosen if abs(b.start - line) <= tolerance] or [line]))
    return BarLayout(
        side, baseline, tuple(chosen), stacked >= max(1, 0.2 * len(first)), 1 - used / max(1.0, total)
    )


def _away_from(bar: Bar, line: float) -> Bar:
    """Turn a bar so that it starts at its edge nearer to the line."""
    if abs(bar.start - line) <= abs(bar.end - line):
        return bar
    return Bar(bar.shape, bar.end, bar.start, bar.low, bar.high)
