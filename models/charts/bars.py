"""Bars to cells: columns named by tick labels, colours by the legend, ends by the value axis."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.contracts import ChartCell
from models.charts.axes import Axis, Side
from models.charts.bar_layout import Bar, BarLayout
from models.charts.categories import name_places, repair_sequence
from models.charts.legend import LegendEntry
from models.charts.numbers import PrintedNumber, read_number
from models.charts.scene import Scene, Text
from models.charts.shapes import overlap
from models.charts.values import blur_at, printed_numbers, settle, tidy

_SAME_COLOUR = 14.0


@dataclass(frozen=True)
class BarReading:
    """Cells of a bar chart, with the texts that named or valued them."""

    cells: tuple[ChartCell, ...]
    used: frozenset[Text]
    axis: Axis | None
    named: tuple[Text, ...] = ()


def read_bars(
    scene: Scene, layout: BarLayout, axes: Sequence[Axis], legend: Sequence[LegendEntry], titles: set[Text]
) -> BarReading:
    """Read every bar of a layout. Bars without a scale and without a printed value give no cell."""
    axis = _value_axis(layout, axes)
    if axis is not None:
        axis = _rest_on_zero(axis, layout, scene.unit)
    taken = {entry.text for entry in legend} | titles
    if axis is not None:
        taken |= set(axis.members)
    groups = _groups(layout)
    labels = [t for t in scene.texts if t not in taken]
    places = [float(np.mean([b.centre for b in group])) for group in groups]
    span = _span(places, layout)
    inside_free = [t for t in labels if not _inside_any(t, layout) and not _ends_a_bar(t, layout, scene.unit)]
    names, named = name_places(places, inside_free, _other(layout.side), _edge(layout), scene.unit, span)
    names = repair_sequence(names)
    series = _series(scene, layout, legend, groups)
    if layout.stacked and not legend:
        series = _header_names(scene, layout, groups, series, taken | set(named))
    printed = _printed_at(scene, layout, taken | set(named))
    ruler = _ruler(layout, printed) if axis is None else None
    cells: list[ChartCell] = []
    for group, name in zip(groups, names, strict=True):
        for bar in group:
            cell = _cell(scene, layout, bar, name, series[bar], axis, printed.get(bar), ruler)
            if cell is not None:
                cells.append(cell)
    if len(groups) > 1 and all(len(g) == 1 for g in groups) and not any(names) and legend:
        # Colours name the columns themselves: one bar a legend entry.
        cells = [replace_names(cell, "", cell.series) for cell in cells]
    cells += _absent(scene, layout, axis, places, names, named, labels, span, cells)
    used = frozenset(taken | set(named) | {text for text, _ in printed.values()})
    return BarReading(tuple(cells), used, axis, tuple(named))


def replace_names(cell: ChartCell, series: str, category: str) -> ChartCell:
    """Return a cell under other names."""
    return cell.model_copy(update={"series": series, "category": category})


def _other(side: Side) -> Side:
    return "x" if side == "y" else "y"


def _edge(layout: BarLayout) -> float:
    """Return where category labels begin: past the baseline, and past bars that cross it."""
    outer = [bar.end for bar in layout.bars if (bar.end > layout.baseline) == (layout.side == "y")]
    if layout.side == "y":
        return max([layout.baseline, *outer])
    return min([layout.baseline, *[b.end for b in layout.bars if b.end < layout.baseline]])


def _span(places: Sequence[float], layout: BarLayout) -> float:
    gaps = np.diff(sorted(places))
    return float(np.median(gaps)) if len(gaps) else 3 * layout.thickness


def _value_axis(layout: BarLayout, axes: Sequence[Axis]) -> Axis | None:
    low = min(bar.low for bar in layout.bars)
    high = max(bar.high for bar in layout.bars)
    for axis in axes:
        if axis.side != layout.side:
            continue
        across = [t.text.cx if axis.side == "y" else t.text.cy for t in axis.ticks]
        outside = all(a < low or a > high for a in across)
        start, end = axis.span
        reach = [min(b.start, b.end) for b in layout.bars] + [max(b.start, b.end) for b in layout.bars]
        covers = overlap(start, end, min(reach), max(reach)) > 0.3
        if outside and covers and (len(axis.ticks) >= 3 or axis.candidates <= 3):
            return axis
    return None


def _rest_on_zero(axis: Axis, layout: BarLayout, unit: float) -> Axis:
    """Where zero falls a hair beside the baseline, bars show better than labels where it is."""
    if axis.kind in {"log", "pieces"}:
        return axis
    gap = layout.baseline - axis.position(0.0)
    return axis.shifted(gap) if (2.0 if axis.sharp else 0.0) < abs(gap) < 0.35 * unit else axis


def _groups(layout: BarLayout) -> list[list[Bar]]:
    """Return bars by category: stacks by place, side-by-side bars by colour and gap."""
    ordered = sorted(layout.bars, key=lambda b: (b.centre, abs(b.start - layout.baseline)))
    columns: list[list[Bar]] = []
    for bar in ordered:
        if columns and overlap(bar.low, bar.high, columns[-1][0].low, columns[-1][0].high) > 0.6:
            columns[-1].append(bar)
        else:
            columns.append([bar])
    colours = [bar.shape.colour for bar in layout.bars]
    repeated = [c for c in set(colours) if colours.count(c) >= 2]
    if layout.stacked or len(set(colours)) < 2 or not repeated:
        return columns
    gaps = [b[0].low - a[0].high for a, b in itertools.pairwise(columns)]
    close = float(np.percentile(gaps, 25)) if gaps else 0.0
    if len(repeated) == 1 and colours.count(repeated[0]) >= 0.6 * len(colours):
        return columns  # one bar highlighted among many
    groups: list[list[Bar]] = [list(columns[0])] if columns else []
    for gap, column in zip(gaps, columns[1:], strict=True):
        here = {b.shape.colour for b in groups[-1]}
        apart = gap > max(close + 0.35 * layout.thickness, 0.3 * layout.thickness)
        if apart or here & {b.shape.colour for b in column}:
            groups.append(list(column))
        else:
            groups[-1].extend(column)
    return groups if max(len(g) for g in groups) >= 2 else columns


def _series(
    scene: Scene, layout: BarLayout, legend: Sequence[LegendEntry], groups: Sequence[Sequence[Bar]]
) -> dict[Bar, str]:
    several = any(len(group) > 1 for group in groups)
    order: dict[int, str] = {}
    for bar in sorted(layout.bars, key=lambda b: (abs(b.start - layout.baseline), b.centre)):
        colour = bar.shape.colour
        if colour in order:
            continue
        near = [(float(np.linalg.norm(e.colour - scene.colours[colour])), e.name) for e in legend]
        if near and min(near)[0] < _SAME_COLOUR:
            order[colour] = min(near)[1]
        else:
            order[colour] = f"Series {len(order) + 1}" if several else ""
    return {bar: order[bar.shape.colour] for bar in layout.bars}


def _header_names(
    scene: Scene, layout: BarLayout, groups: Sequence[Sequence[Bar]], series: dict[Bar, str], taken: set[Text]
) -> dict[Bar, str]:
    """Name the segments of lying stacks by the heads above the first row, where there is one each."""
    if layout.side != "x" or not groups:
        return series
    first = list(groups[0])
    top = min(bar.low for bar in first)
    heads: dict[int, str] = {}
    for bar in first:
        low, high = min(bar.start, bar.end), max(bar.start, bar.end)
        above = [
            t
            for t in scene.texts
            if t not in taken
            and 0 < top - t.cy < 3.2 * scene.unit
            and low - scene.unit < t.cx < high + scene.unit
            and t.width < 12 * scene.unit
        ]
        if above:
            heads[bar.shape.colour] = " ".join(t.text for t in sorted(above, key=lambda t: t.cy))
    if len(heads) < max(2, len(first)) or len(set(heads.values())) < len(heads):
        return series
    return {bar: heads.get(bar.shape.colour, name) for bar, name in series.items()}


def _inside_any(text: Text, layout: BarLayout) -> bool:
    return any(
        b.shape.x0 <= text.cx <= b.shape.x1 and b.shape.y0 <= text.cy <= b.shape.y1 for b in layout.bars
    )


def _ends_a_bar(text: Text, layout: BarLayout, unit: float) -> bool:
    """Whether a number stands at the far end of a bar that runs towards the labels: a value, no name."""
    if read_number(text.text) is None:
        return False
    backwards = [b for b in layout.bars if (b.end < b.start) == (layout.side == "x")]
    distances = [d for b in backwards if (d := _label_distance(text, b, layout, unit)) is not None]
    return any(d < 2.4 for d in distances)


def _printed_at(scene: Scene, layout: BarLayout, taken: set[Text]) -> dict[Bar, tuple[Text, PrintedNumber]]:
    """Return the number printed in or just beyond each bar; each text serves one bar."""
    pairs = []
    for text, number in printed_numbers(scene.texts, taken):
        for bar in layout.bars:
            distance = _label_distance(text, bar, layout, scene.unit)
            if distance is not None:
                pairs.append((distance, text, number, bar))
    pairs.sort(key=lambda p: p[0])
    found: dict[Bar, tuple[Text, PrintedNumber]] = {}
    gone: set[Text] = set()
    for _, text, number, bar in pairs:
        if bar not in found and text not in gone:
            found[bar] = (text, number)
            gone.add(text)
    outside = [text for bar, (text, _) in found.items() if not _inside_any(text, layout)]
    if layout.stacked and len(outside) < len(found):
        # Beside stacks stand totals, which are nobody's segment.
        found = {bar: pair for bar, pair in found.items() if pair[0] not in outside or len(layout.bars) <= 2}
    return found if len(found) >= 0.3 * len(layout.bars) else {}


def _label_distance(text: Text, bar: Bar, layout: BarLayout, unit: float) -> float | None:
    along = text.cy if layout.side == "y" else text.cx
    across = text.cx if layout.side == "y" else text.cy
    half = (text.height if layout.side == "y" else text.width) / 2
    if not bar.low - 0.35 * unit <= across <= bar.high + 0.35 * unit:
        return None
    misfit = abs(across - bar.centre) / max(1.0, unit)
    low, high = min(bar.start, bar.end), max(bar.start, bar.end)
    if low <= along <= high:
        return misfit
    gap = (low - along if along < low else along - high) - half
    if gap > 1.1 * unit:
        return None
    beyond_end = (along > high) == (bar.end > bar.start)
    return misfit + 1 + max(0.0, gap) / unit + (0 if beyond_end else 2)


def _ruler(layout: BarLayout, printed: dict[Bar, tuple[Text, PrintedNumber]]) -> float | None:
    """Return value per pixel when the printed numbers fit the bars' lengths, for bars without one."""
    ratios = [
        number.value / abs(bar.end - bar.start)
        for bar, (_, number) in printed.items()
        if abs(bar.end - bar.start) >= 4
    ]
    if len(ratios) < 3:
        return None
    middle = float(np.median(ratios))
    spread = float(np.median(np.abs(np.asarray(ratios) - middle)))
    return middle if middle > 0 and spread < 0.06 * middle else None


def _cell(
    scene: Scene,
    layout: BarLayout,
    bar: Bar,
    category: str,
    series: str,
    axis: Axis | None,
    printed: tuple[Text, PrintedNumber] | None,
    ruler: float | None,
) -> ChartCell | None:
    measured, blur = None, 0.5
    if axis is not None:
        measured, blur = axis.value(bar.end), blur_at(axis, bar.start, bar.end)
        if layout.stacked:
            measured = abs(measured - axis.value(bar.start))
            blur = min(1.0, 1.5 / max(1.0, abs(bar.end - bar.start)))
    elif ruler is not None:
        measured = ruler * abs(bar.end - bar.start)
        blur = min(1.0, 1.5 / max(1.0, abs(bar.end - bar.start)))
    number = printed[1] if printed else None
    score = printed[0].score if printed else 1.0
    weak = axis is not None and len(axis.ticks) < 3
    reading = settle(number, score, measured, blur, weak=weak)
    if reading is None:
        return None
    value = reading.value if number else tidy(reading.value, blur)
    confidence = reading.confidence
    if number is None and axis is not None and _off_canvas(bar, layout, axis):
        confidence = min(confidence, 0.15)
    if not category and len(layout.places) > 1:
        confidence *= 0.6
    return ChartCell(
        series=series,
        category=category,
        value=value,
        confidence=round(confidence, 3),
        box=scene.original(bar.shape.box),
    )


def _off_canvas(bar: Bar, layout: BarLayout, axis: Axis) -> bool:
    """Whether a bar is cut where the drawing ends: beyond the last tick, and not alone there."""
    low, high = axis.span
    beyond = bar.end < low - 3 or bar.end > high + 3
    return beyond and not layout.stacked and sum(abs(other.end - bar.end) <= 1 for other in layout.bars) >= 2


def _absent(
    scene: Scene,
    layout: BarLayout,
    axis: Axis | None,
    places: Sequence[float],
    names: Sequence[str],
    named: Sequence[Text],
    labels: Sequence[Text],
    span: float,
    cells: Sequence[ChartCell],
) -> list[ChartCell]:
    """Return zero cells for labels in the category row over which no bar stands."""
    if axis is None or not named or layout.stacked or any(cell.series for cell in cells) or len(places) < 2:
        return []
    if abs(axis.position(0.0) - layout.baseline) > 2:
        return []
    upright = layout.side == "y"
    row = float(np.median([t.cy if upright else t.box[2] for t in named]))
    found = []
    for text in labels:
        if text in named or abs((text.cy if upright else text.box[2]) - row) > 0.6 * scene.unit:
            continue
        at = text.cx if upright else text.cy
        steps = [(at - place) / max(1.0, span) for place in places]
        off_grid = min(abs(step - round(step)) for step in steps)
        if min(abs(step) for step in steps) > 0.7 and off_grid < 0.15 and len(text.text) < 30:
            box = text.box
            found.append(
                ChartCell(series="", category=text.text, value=0.0, confidence=0.5, box=scene.original(box))
            )
    return found
