"""Which kind of chart a picture is, by name, also for kinds that are not read.

Rules over shapes: what fills a disc, what stands on one baseline, what runs from side to side, what lies
scattered. Nothing here is learned, so each rule can be read and tested.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.charts.axes import Axis
from models.charts.bar_layout import BarLayout
from models.charts.numbers import read_number
from models.charts.pies import Pie
from models.charts.scene import Scene
from models.charts.shapes import Shape, ink, is_rectangle, shapes_of, solid_shapes, without_texts
from models.charts.strokes import Stroke

Kind = Literal[
    "bar", "stacked_bar", "line", "pie", "scatter", "map", "heatmap", "area", "table", "not_a_chart"
]


@dataclass(frozen=True)
class Clues:
    """What the readers found, for the rules to weigh."""

    scene: Scene
    plot: tuple[int, int, int, int]
    axis: Axis | None
    across: Axis | None
    pie: Pie | None
    layout: BarLayout | None
    rects: Sequence[Shape]
    strokes: Callable[[], Sequence[Stroke]]
    """Found only when asked for: tracing costs most of the time."""
    swatches: Sequence[Shape]
    all_axes: tuple[Axis, ...] = ()


def name_kind(clues: Clues) -> Kind:
    """Return the kind of a picture. Pure."""
    if clues.pie is not None:
        return "pie"
    if _photo(clues.scene):
        return "not_a_chart"
    if _lattice(clues.rects, clues.scene.unit):
        return "heatmap"
    return _filled(clues) or _thin(clues)


def _filled(clues: Clues) -> Kind | None:
    """Return the kind when filled parts decide it: land and areas, or bars."""
    blots = _blots(clues)
    layout = clues.layout
    bar_area = sum(bar.shape.area for bar in layout.bars) if layout else 0.0
    if blots and sum(s.area for s in blots) > max(1.5 * bar_area, 0.02 * clues.scene.labels.size):
        wide = [s for s in blots if s.width > 0.45 * (clues.plot[2] - clues.plot[0])]
        return _filled_kind(clues, blots, wide)
    if layout is not None and _holds_bars(clues, layout):
        return "stacked_bar" if layout.stacked else "bar"
    return None


def _thin(clues: Clues) -> Kind:
    """Return the kind of a picture of dots and strokes, or of text alone."""
    dots, carpet = _dots(clues)
    drawn = [] if carpet else clues.strokes()
    longest = max((stroke.end - stroke.start for stroke in drawn), default=0)
    if carpet or (dots >= 8 and not drawn) or (dots >= 15 and dots > 0.02 * longest):
        return "scatter"
    if drawn and (clues.axis is not None or _row_of_labels(clues)):
        return "line"
    if dots >= 5 and clues.axis is not None:
        return "scatter"
    return "table" if _table(clues.scene) else "not_a_chart"


def _photo(scene: Scene) -> bool:
    """Whether flat colours explain too little: a photograph or a scan."""
    flat = float((scene.labels >= 0).mean())
    ground = float((scene.labels == scene.background).mean())
    return flat < 0.55 or (ground < 0.12 and not scene.panels and flat < 0.8)


def _lattice(rects: Sequence[Shape], unit: float) -> bool:
    """Whether rectangles of one size tile two directions in several colours."""
    tiles = [r for r in rects if min(r.width, r.height) >= 0.8 * unit]
    if len(tiles) < 6:
        return False
    width, height = float(np.median([t.width for t in tiles])), float(np.median([t.height for t in tiles]))
    alike = [
        t
        for t in tiles
        if abs(t.width - width) < 0.12 * width + 2 and abs(t.height - height) < 0.12 * height + 2
    ]
    columns, rows = _steps([t.cx for t in alike], width), _steps([t.cy for t in alike], height)
    covered = sum(t.area for t in tiles)
    return (
        len(alike) >= 6
        and columns >= 2
        and rows >= 2
        and len(alike) >= 0.45 * columns * rows
        and len({t.colour for t in alike}) >= 3
        and sum(t.area for t in alike) > 0.6 * covered
        and columns * rows >= 8
    )


def _steps(values: Sequence[float], size: float) -> int:
    ordered = sorted(values)
    return 1 + sum(b - a > 0.5 * size for a, b in itertools.pairwise(ordered)) if ordered else 0


def _blots(clues: Clues) -> list[Shape]:
    """Return large filled parts that are no rectangles: land, areas under curves."""
    unit = clues.scene.unit
    found = []
    for colour in clues.scene.marks():
        for shape in solid_shapes(clues.scene, colour):
            thick = shape.area / max(1, shape.width, shape.height)
            if not is_rectangle(shape, unit) and shape.area > 6 * unit * unit and thick > 0.75 * unit:
                found.append(shape)
    return found


def _filled_kind(clues: Clues, blots: Sequence[Shape], wide: Sequence[Shape]) -> Kind:
    axis = clues.axis
    if axis is not None and wide and len(axis.ticks) >= 3:
        low, high = min(s.y0 for s in blots), max(s.y1 for s in blots)
        start, end = axis.span
        # A scale as tall as what it measures; a map's colour bar is not.
        if min(end, high) - max(start, low) > 0.6 * (high - low):
            return "area"
    return "map" if len(blots) >= 3 or axis is None or not wide else "area"


def _holds_bars(clues: Clues, layout: BarLayout) -> bool:
    scene = clues.scene
    labelled = clues.axis is not None or clues.across is not None
    inside = [
        t
        for t in scene.texts
        if read_number(t.text) is not None
        and any(b.shape.x0 - 3 * scene.unit < t.cx < b.shape.x1 + 3 * scene.unit for b in layout.bars)
    ]
    sizeable = sum(b.shape.area for b in layout.bars) > 6 * scene.unit**2
    enough = len(layout.bars) >= 2 or (labelled and sizeable)
    return (
        enough and sizeable and layout.stray < 0.7 and (labelled or len(inside) >= 1 or len(layout.bars) >= 3)
    )


def _dots(clues: Clues) -> tuple[int, bool]:
    """Count separate small marks inside the plot, and say whether marks carpet it."""
    scene = clues.scene
    x0, y0, x1, y1 = clues.plot
    mask = without_texts(ink(scene), scene.texts)
    for swatch in clues.swatches:
        mask[swatch.y0 - 2 : swatch.y1 + 2, swatch.x0 - 2 : swatch.x1 + 2] = False
    inner = _without_frame(mask[y0:y1, x0:x1])
    shapes = shapes_of(inner.astype(np.uint8), -1, least=4.0)
    limit = 3.6 * scene.unit
    dots = [
        s
        for s in shapes
        if max(s.width, s.height) <= limit
        and min(s.width, s.height) >= 3
        and 0.5 < s.width / s.height < 2.0
        and s.fill > 0.55
    ]
    columns = {round(s.cx / scene.unit) for s in dots}
    heights = {round(s.cy / scene.unit) for s in dots}
    spread = min(len(columns), len(heights))
    starts = (np.diff(inner.astype(np.int8), axis=0, prepend=0) == 1).sum(axis=0)
    busy = float(np.median(starts[starts > 0])) if (starts > 0).any() else 0.0
    carpet = busy >= 7 and len(dots) >= 25
    return (len(dots) if spread >= 3 else 0), carpet


def _without_frame(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    cleared = mask.copy()
    if not mask.size:
        return cleared
    cleared[mask.mean(axis=1) > 0.45] = False
    cleared[:, mask.mean(axis=0) > 0.45] = False
    return cleared


def runs_through(stroke: Stroke) -> bool:
    """Whether a stroke is drawn along most of its width, and leaps rarely."""
    columns = sorted(stroke.runs)
    filled = len(columns) / max(1, stroke.end - stroke.start + 1)
    leaps = [
        max(0, stroke.runs[b].top - stroke.runs[a].bottom - 1, stroke.runs[a].top - stroke.runs[b].bottom - 1)
        for a, b in itertools.pairwise(columns)
        if b - a == 1
    ]
    return filled > 0.6 and (not leaps or float(np.mean([leap > 3 for leap in leaps])) < 0.05)


def _row_of_labels(clues: Clues) -> bool:
    return clues.across is not None or len(clues.scene.texts) >= 4


def _table(scene: Scene) -> bool:
    """Whether numbers stand in at least three rows and two columns, with names beside them."""
    numbers = [t for t in scene.texts if read_number(t.text) is not None]
    if len(numbers) < 6 or len(numbers) > 0.9 * len(scene.texts):
        return False
    right = [t.box[2] for t in numbers]
    columns = sum(sum(abs(a - b) < scene.unit for b in right) >= 3 for a in {round(v) for v in right})
    rows = _steps([t.cy for t in numbers], scene.unit)
    return rows >= 3 and columns >= 4 and len(numbers) >= 1.6 * rows
