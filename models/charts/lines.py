"""Line charts to cells: each stroke's height where the category axis has a label or the line a point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from core.contracts import ChartCell
from models.charts.axes import Axis, points_with_end
from models.charts.categories import label_row, repair_sequence
from models.charts.numbers import PrintedNumber
from models.charts.scene import Scene, Text
from models.charts.strokes import Stroke
from models.charts.values import blur_at, printed_numbers, settle, tidy


@dataclass(frozen=True)
class Place:
    """A position on the category axis and its name."""

    x: float
    name: str


@dataclass(frozen=True)
class LineReading:
    """Cells of a line chart, with the texts that named or valued them."""

    cells: tuple[ChartCell, ...]
    used: frozenset[Text]


def read_lines(
    scene: Scene,
    strokes: Sequence[Stroke],
    axis: Axis | None,
    across: Axis | None,
    taken: set[Text],
    floor: float,
) -> LineReading:
    """Read every stroke at every place. Without a value axis only printed values count.

    `floor` is the lowest pixel row of the plot; category labels stand below it.
    """
    texts = [t for t in scene.texts if t not in taken and (axis is None or t not in axis.members)]
    floor = max([floor, *(r.bottom for s in strokes for r in s.runs.values())])
    places, row = find_places(texts, across, floor, scene.unit, strokes)
    gap = float(np.median(np.diff([p.x for p in places]))) if len(places) > 1 else 4 * scene.unit
    names = _names(strokes, texts, scene.unit, row)
    numbers = printed_numbers(texts, set(row))
    cells: list[ChartCell] = []
    used = set(row)
    for stroke, name in zip(strokes, names, strict=True):
        points = [(p, y) for p in places if (y := height_at(stroke, p.x, gap, scene.unit)) is not None]
        labels = _labels_at([(p.x, y) for p, y in points], numbers, scene.unit, gap)
        for index, (place, y) in enumerate(points):
            printed = labels.get(index)
            cell = _cell(scene, place, y, name, axis, printed)
            if cell is not None:
                cells.append(cell)
                used |= {printed[0]} if printed else set()
        cells += _cut_off(scene, stroke, name, axis, places)
    return LineReading(tuple(cells), frozenset(used))


def find_places(
    texts: Sequence[Text], across: Axis | None, floor: float, unit: float, strokes: Sequence[Stroke]
) -> tuple[list[Place], list[Text]]:
    """Return where to read: tick labels of the category axis, and years between sparse ones."""
    row = label_row(texts, floor, unit, low=min(s.start for s in strokes), high=max(s.end for s in strokes))
    if (
        across is not None
        and len(across.ticks) >= 3
        and len(set(across.members) & set(row)) >= 0.6 * len(row)
    ):
        return _numeric_places(across, strokes), list(dict.fromkeys([*row, *across.members]))
    joined = _joined(row, unit)
    names = repair_sequence([name for _, name in joined])
    return [Place(x, name) for (x, _), name in zip(joined, names, strict=True)], row


def _numeric_places(across: Axis, strokes: Sequence[Stroke]) -> list[Place]:
    whole = all(float(t.value).is_integer() for t in across.ticks)
    places = {t.position: Place(t.position, t.text.text.strip(" -–—.")) for t in across.ticks}
    for text in across.members:
        # A misread label still stands at its place; the scale says what it must be.
        value = across.value(text.cx)
        if all(abs(text.cx - x) > 3 for x in places) and whole and abs(value - round(value)) < 0.06:
            places[text.cx] = Place(text.cx, f"{round(value)}")
    ordered = sorted(places.values(), key=lambda p: p.x)
    return ordered + _between(across, strokes, ordered) if whole and across.kind == "linear" else ordered


def _between(across: Axis, strokes: Sequence[Stroke], places: Sequence[Place]) -> list[Place]:
    """Return whole numbers between labels where the strokes bend there: points without a label."""
    steps = [abs(across.value(b.x) - across.value(a.x)) for a, b in pairwise(places)]
    step = min(steps, default=1.0)
    pixels = abs(across.position(1.0) - across.position(0.0))
    first, last = min(s.start for s in strokes), max(s.end for s in strokes)
    if pixels < 4 or (last - first) / pixels > 250:
        return []
    known = {round(across.value(p.x)) for p in places}
    low, high = sorted((across.value(first), across.value(last)))
    wanted = [v for v in range(int(np.ceil(low - 0.2)), int(np.floor(high + 0.2)) + 1) if v not in known]
    if step < 1.5 or all(1000 <= v <= 2200 for v in known):
        # Labels that OCR missed, or years between sparse labels: the line can be read at each.
        return [Place(across.position(float(v)), str(v)) for v in wanted]
    bends = sum(_bends(stroke, across.position(float(v)), pixels) for stroke in strokes for v in wanted)
    if bends < max(1, 0.12 * len(wanted)):
        return []
    return [Place(across.position(float(v)), str(v)) for v in wanted]


def _bends(stroke: Stroke, x: float, reach: float) -> bool:
    a, b, c = (stroke.runs.get(round(x + k * 0.8 * reach)) for k in (-1, 0, 1))
    if a is None or b is None or c is None:
        return False
    return abs((a.centre + c.centre) / 2 - b.centre) > max(2.0, 0.8 * stroke.thickness)


def _joined(row: Sequence[Text], unit: float) -> list[tuple[float, str]]:
    """Join wrapped label lines that stand over one another; slanted labels point with their end."""
    slanted = points_with_end(row)
    upright = sum(t.height > 1.5 * t.width for t in row) > len(row) / 2
    found: list[tuple[float, str]] = []
    for text in sorted(row, key=lambda t: (t.cx, t.cy)):
        x = text.box[2] - 0.35 * unit if slanted and not upright else text.cx
        if found and abs(x - found[-1][0]) < 0.5 * unit and not slanted:
            found[-1] = (found[-1][0], f"{found[-1][1]} {text.text}")
        else:
            found.append((x, text.text))
    return found


def height_at(stroke: Stroke, x: float, gap: float, unit: float) -> float | None:
    """Return the pixel height of a stroke at a column, or None where it was not drawn.

    At a corner the ink of both legs mixes, so each leg is prolonged to the column; on a point marker
    the marker's own centre counts.
    """
    slack = min(0.35 * gap, 0.9 * unit)
    if x < stroke.start - slack or x > stroke.end + slack:
        return None
    x = float(np.clip(x, stroke.start, stroke.end))
    here = stroke.runs.get(round(x))
    reach = int(np.clip(0.25 * gap, 4, 14))
    left = _leg(stroke, x, -reach, -2)
    right = _leg(stroke, x, 2, reach)
    legs = [leg for leg in (left, right) if leg is not None]
    if here is not None and here.height > 2.1 * stroke.thickness and here.height < 3 * unit:
        beside = [stroke.runs.get(round(x) + k) for k in (-1, 1)]
        steep = any(run is None or run.height > 1.25 * here.height for run in beside)
        if not steep and _is_marker(stroke, round(x), here.height):
            return here.centre
    if len(legs) == 2 and abs(legs[0] - legs[1]) < max(6.0, 0.5 * unit):
        return float(np.mean(legs))
    if here is not None and not legs:
        return here.centre
    if len(legs) == 1 and (here is None or abs(legs[0] - here.centre) < unit):
        return legs[0]
    return here.centre if here is not None else (float(np.mean(legs)) if legs else None)


def _is_marker(stroke: Stroke, x: int, height: int) -> bool:
    """Whether a blob about as wide as high stands here, with thinner ink on both sides."""
    half = round(0.9 * height)
    sides = [stroke.runs.get(x + half), stroke.runs.get(x - half)]
    return all(run is None or run.height < 0.75 * height for run in sides)


def _leg(stroke: Stroke, x: float, first: int, last: int) -> float | None:
    columns = [round(x) + k for k in range(first, last + 1)]
    points = [(c, stroke.runs[c].centre) for c in columns if c in stroke.runs]
    if len(points) < 3:
        return None
    xs, ys = np.array([p[0] for p in points], float) + 0.5, np.array([p[1] for p in points])
    slope, intercept = np.polyfit(xs - x, ys, 1)
    if np.abs(slope * (xs - x) + intercept - ys).max() > 6:
        return None
    return float(intercept)


def _names(strokes: Sequence[Stroke], texts: Sequence[Text], unit: float, row: Sequence[Text]) -> list[str]:
    """Name strokes by the legend, else by the text at their end, else by order where there are several."""
    names = [stroke.name for stroke in strokes]
    for index, stroke in enumerate(strokes):
        if names[index]:
            continue
        end = stroke.runs[stroke.end]
        near = [
            (abs(t.cy - end.centre) + 0.3 * abs(t.box[0] - stroke.end), t)
            for t in texts
            if t not in row
            and -unit < t.box[0] - stroke.end < 4 * unit
            and abs(t.cy - end.centre) < 1.2 * unit
            and any(char.isalpha() for char in t.text)
        ]
        names[index] = min(near, key=lambda pair: pair[0])[1].text if near else ""
    if len(strokes) > 1:
        names = [name or f"Series {i + 1}" for i, name in enumerate(names)]
    return names


def _labels_at(
    points: Sequence[tuple[float, float]],
    numbers: Sequence[tuple[Text, PrintedNumber]],
    unit: float,
    gap: float,
) -> dict[int, tuple[Text, PrintedNumber]]:
    """Return the number printed at each point, nearest first; most points must have one."""
    pairs = []
    for text, number in numbers:
        for index, (x, y) in enumerate(points):
            dx, dy = abs(text.cx - x), abs(text.cy - y)
            if dx < min(0.5 * gap, 2.5 * unit) and dy < 2.2 * unit:
                pairs.append((dx + dy, index, text, number))
    pairs.sort(key=lambda p: p[0])
    found: dict[int, tuple[Text, PrintedNumber]] = {}
    gone: set[Text] = set()
    for _, index, text, number in pairs:
        if index not in found and text not in gone:
            found[index] = (text, number)
            gone.add(text)
    return found


def _cut_off(
    scene: Scene, stroke: Stroke, name: str, axis: Axis | None, places: Sequence[Place]
) -> list[ChartCell]:
    """Return doubtful cells for labels past the point where a line leaves the canvas at its top."""
    if axis is None:
        return []
    last = stroke.runs[stroke.end]
    beyond = [p for p in places if p.x > stroke.end + 0.9 * scene.unit]
    if not beyond or last.top > axis.span[0] - 2:
        return []
    box = scene.original((stroke.end - 4, last.top, stroke.end + 4, last.bottom + 1))
    value = tidy(axis.value(last.top), 0.01)
    return [
        ChartCell(series=name, category=place.name, value=value, confidence=0.1, box=box) for place in beyond
    ]


def _cell(
    scene: Scene,
    place: Place,
    y: float,
    series: str,
    axis: Axis | None,
    printed: tuple[Text, PrintedNumber] | None,
) -> ChartCell | None:
    measured = blur = None
    if axis is not None:
        measured, blur = axis.value(y), blur_at(axis, axis.span[1], y)
    reading = settle(
        printed[1] if printed else None,
        printed[0].score if printed else 1.0,
        measured,
        0.5 if blur is None else blur,
        weak=axis is not None and len(axis.ticks) < 3,
    )
    if reading is None:
        return None
    value = reading.value if printed or blur is None else tidy(reading.value, blur)
    half = 0.5 * scene.unit
    box = printed[0].box if printed else (place.x - half, y - half, place.x + half, y + half)
    return ChartCell(
        series=series,
        category=place.name,
        value=value,
        confidence=round(reading.confidence, 3),
        box=scene.original(box),
    )
