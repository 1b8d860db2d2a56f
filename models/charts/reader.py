"""The chart reader: name the kind, then read its cells, or decline by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from core.contracts import ChartCell, ChartTable, OcrLine
from core.errors import VidenceError, invalid_input
from models.charts.axes import Axis, find_axes
from models.charts.bar_layout import find_layout, refine_ends
from models.charts.bars import read_bars
from models.charts.categories import label_floor
from models.charts.kind import Clues, Kind, name_kind, runs_through
from models.charts.legend import LegendEntry, find_legend
from models.charts.lines import read_lines
from models.charts.pies import find_pie, read_pie
from models.charts.scene import Scene, distance, make_scene
from models.charts.shapes import Shape, overlap, rectangles
from models.charts.strokes import Stroke, find_strokes
from models.charts.titles import axis_titles, chart_title

READABLE: tuple[Kind, ...] = ("bar", "stacked_bar", "line", "pie")
NAMES: dict[Kind, str] = {
    "scatter": "a scatter plot",
    "map": "a map",
    "heatmap": "a heatmap",
    "area": "an area chart",
    "table": "a table",
}


def read_chart(pixels: NDArray[np.uint8], lines: Sequence[OcrLine]) -> ChartTable:
    """Read a chart's table from its pixels (height, width, 3; RGB) and its OCR lines.

    Returns:
        The table. `rows` is empty when the chart shows neither a scale nor printed values.

    Raises:
        VidenceError: `invalid_input`, naming the kind, for charts that are not read and for pictures
            that are no chart.
    """
    clues, legend = look(pixels, lines)
    kind = name_kind(clues)
    if kind not in READABLE:
        raise declined(kind)
    scene = clues.scene
    taken = {entry.text for entry in legend}
    if kind == "pie" and clues.pie is not None:
        title, titled = chart_title(scene, clues.pie.y - clues.pie.radius, taken)
        cells, _ = read_pie(scene, clues.pie, legend, taken | titled)
        return _table("pie", title, "", "", cells)
    if kind == "line":
        title, titled = chart_title(scene, _plot_top(clues), taken)
        reading = read_lines(
            scene, clues.strokes(), clues.axis, clues.across, taken | titled, float(clues.plot[3])
        )
        used = taken | titled | set(reading.used) | set(clues.axis.members if clues.axis else ())
        x, y = axis_titles(scene, clues.axis, [t for t in reading.used if t.cy > scene.size[0] / 3], used)
        return _table("line", title, x, y, reading.cells)
    assert clues.layout is not None
    layout = refine_ends(clues.layout, scene)
    top = min(b.shape.y0 for b in layout.bars)
    title, titled = chart_title(scene, top, taken)
    bars = read_bars(scene, layout, clues.all_axes, legend, titled)
    used = taken | titled | set(bars.used)
    x, y = axis_titles(scene, bars.axis, [t for t in bars.named if layout.side == "y"], used)
    return _table(kind, title, x, y, bars.cells)


def look(pixels: NDArray[np.uint8], lines: Sequence[OcrLine]) -> tuple[Clues, list[LegendEntry]]:
    """Gather what the rules and readers need, and the legend."""
    scene = make_scene(pixels, lines)
    upright, lying = find_axes(scene, "y"), find_axes(scene, "x")
    steady = [axis for axis in (*upright, *lying) if len(axis.ticks) >= 4]
    legend = find_legend(scene, [text for axis in steady for text in axis.members])
    axis = _outer(scene, upright)
    plot = _plot(scene, axis)
    pie = find_pie(scene) if axis is None or len(axis.ticks) < 4 else None
    swatches = [entry.swatch for entry in legend]
    rects = [r for r in rectangles(scene) if not any(_same(r, s) for s in swatches)]
    rects = [r for r in rects if not _fringe(scene, r, legend)]
    clues = Clues(
        scene=scene,
        plot=plot,
        axis=axis,
        across=next((a for a in lying if len(a.ticks) >= 3), None),
        pie=pie,
        layout=find_layout(rects, scene.unit) if pie is None else None,
        rects=rects,
        strokes=cache(lambda: _distinct(find_strokes(scene, plot, legend, scene.texts))),
        swatches=swatches,
        all_axes=(*upright, *lying),
    )
    return clues, legend


def _fringe(scene: Scene, rect: Shape, legend: Sequence[LegendEntry]) -> bool:
    """Whether a sliver has a colour that the legend lacks: the soft rim of a compressed picture."""
    if len(legend) < 2 or min(rect.width, rect.height) > 0.3 * scene.unit:
        return False
    colour = scene.colours[rect.colour]
    return all(float(np.linalg.norm(entry.colour - colour)) > 8 for entry in legend)


def declined(kind: Kind) -> VidenceError:
    """Return the error that names a kind that is not read."""
    if kind in NAMES:
        return invalid_input(
            f"This looks like {NAMES[kind]}; Vidence reads bar, line and pie charts.",
            help="Give the data as a bar, line or pie chart, or ask `vidence read` for the text in it.",
        )
    return invalid_input(
        "This does not look like a chart.",
        help="Give a picture of a bar, line or pie chart; `vidence read` reads text in any image.",
    )


def _outer(scene: Scene, axes: Sequence[Axis]) -> Axis | None:
    """Return the value axis at a side of the picture's ink: the one with most ticks."""
    good = [axis for axis in axes if len(axis.ticks) >= 3]
    if not good:
        good = [
            axis
            for axis in axes
            if axis.candidates == 2 and axis.span[1] - axis.span[0] > 0.15 * scene.size[0]
        ]
    return good[0] if good else None


def _plot(scene: Scene, axis: Axis | None) -> tuple[int, int, int, int]:
    height, width = scene.size
    if axis is None:
        return 0, round(0.1 * height), width, round(0.92 * height)
    low, high = axis.span
    labels = [t.box for t in axis.members]
    left = int(max(box[2] for box in labels)) + 2
    right = width
    if left > 0.6 * width:  # the scale stands at the right
        left, right = 0, int(min(box[0] for box in labels)) - 2
    step = (high - low) / max(1, len(axis.ticks) - 1)
    floor = label_floor(
        [t for t in scene.texts if t not in axis.members], high - scene.unit, scene.unit, right - left
    )
    bottom = int(min(height, max(high + 2, high + 1.3 * step if floor is None else floor - 2)))
    bottom = _frame_bottom(scene, left, right, int(high) - 2, bottom)
    return left, max(0, int(low - 1.2 * step)), right, bottom


def _frame_bottom(scene: Scene, left: int, right: int, first: int, last: int) -> int:
    """Return the row of the axis line (or the end of the plot's ground) below the lowest tick, if any."""
    grounds = scene.colours[[scene.background, *sorted(scene.panels)]]
    strip = scene.lab[max(0, first) : last, left:right]
    if not strip.size:
        return last
    if scene.panels:
        inside = (
            np.isin(scene.labels[max(0, first) : last, left:right], list(scene.panels)).mean(axis=1) > 0.3
        )
        if inside.any() and not inside[-1]:
            return max(0, first) + int(np.flatnonzero(inside)[-1]) + 1
    away = np.min([distance(strip, ground) for ground in grounds], axis=0) > 12
    used = np.flatnonzero(away.any(axis=0))
    span = used[-1] - used[0] + 1 if len(used) else 1
    lines = np.flatnonzero(away.sum(axis=1) > 0.7 * max(span, 0.4 * (right - left)))
    return max(0, first) + int(lines[-1]) + 2 if len(lines) else last


def _plot_top(clues: Clues) -> float:
    return (
        float(clues.axis.span[0])
        if clues.axis is not None
        else float(min(r.top for s in clues.strokes() for r in s.runs.values()))
    )


def _same(a: Shape, b: Shape) -> bool:
    return (
        overlap(a.x0, a.x1, b.x0, b.x1) > 0.7
        and overlap(a.y0, a.y1, b.y0, b.y1) > 0.7
        and a.area < 3 * b.area
    )


def _distinct(strokes: Sequence[Stroke]) -> list[Stroke]:
    """Drop strokes that only retrace another one (markers, blends), and those that leap about."""
    kept: list[Stroke] = []
    longest = max((stroke.end - stroke.start for stroke in strokes), default=0)
    for stroke in strokes:
        if (stroke.end - stroke.start < 0.25 * longest and not stroke.name) or not runs_through(stroke):
            continue
        heights = [run.centre for run in stroke.runs.values()]
        if kept and not stroke.name and float(np.std(heights)) < 1.0:
            continue  # an axis or a rule, not data
        shadows = False
        for other in kept:
            shared = [x for x in stroke.runs if x in other.runs]
            near = [
                x
                for x in shared
                if abs(stroke.runs[x].centre - other.runs[x].centre) < 2.5 + other.runs[x].height / 2
            ]
            shadows |= len(near) > 0.5 * len(stroke.runs)
        if not shadows:
            kept.append(stroke)
    return kept


def _table(kind: str, title: str, x: str, y: str, cells: Sequence[ChartCell]) -> ChartTable:
    return ChartTable(type=kind, title=title, x=x, y=y, rows=tuple(cells))
