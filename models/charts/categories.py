"""Category names: tick labels matched to the places of marks, wrapped and slanted ones included."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.charts.axes import Side
from models.charts.scene import Text


def name_places(
    places: Sequence[float], texts: Sequence[Text], side: Side, edge: float, unit: float, span: float
) -> tuple[list[str], list[Text]]:
    """Name marks by the labels beside their axis.

    Args:
        places: centres of the marks (or groups) along the category axis, in working pixels.
        texts: texts that may be labels.
        side: `x` when labels stand in a row below or above, `y` when in a column beside.
        edge: the pixel line that the labels stand next to (baseline or plot edge).
        unit: usual text height.
        span: room for one category along the axis, in pixels.

    Returns:
        One name a place (empty where none was found), and the texts used.
    """
    best: tuple[float, list[str], list[Text]] = (-1.0, [""] * len(places), [])
    for direction in (1, -1):
        band = _band(texts, side, edge, unit, direction)
        names, used = _match(places, band, side, unit, span)
        named = sum(bool(name) for name in names)
        # Labels usually stand below or to the left; the other side must win clearly.
        usual = 0.5 if (side == "x") == (direction == 1) else 0.0
        if named + usual > best[0] and named:
            best = (named + usual, names, used)
    return best[1], best[2]


def _band(texts: Sequence[Text], side: Side, edge: float, unit: float, direction: int) -> list[Text]:
    """Return the texts of the first row (or column) beyond the edge, with its wrapped lines."""
    near, far = (1, 3) if side == "x" else (0, 2)
    if direction == 1:
        beyond = [(t.box[near] - edge, t) for t in texts if t.box[near] > edge - 0.5 * unit]
    else:
        beyond = [(edge - t.box[far], t) for t in texts if t.box[far] < edge + 0.5 * unit]
    if not beyond:
        return []
    reach = 7.0 * unit if side == "x" else 40 * unit
    beyond = [(gap, t) for gap, t in beyond if gap < reach]
    if side == "y":
        return _column(beyond, unit)
    nearest = _first_row(sorted(gap for gap, _ in beyond), unit)
    rows = [t for gap, t in beyond if gap < nearest + 1.1 * unit]
    wrapped = [
        t
        for gap, t in beyond
        if nearest + 1.1 * unit <= gap < nearest + 4.2 * unit
        and any(abs(t.cx - row.cx) < 0.8 * unit and t.width < 9 * unit for row in rows)
    ]
    # A lone centred text under many labels is the axis title, not a wrapped label.
    return rows + (wrapped if len(wrapped) >= 2 or len(rows) <= 2 else [])


def _first_row(gaps: Sequence[float], unit: float) -> float:
    """Return the gap of the first well-filled row: at least as many labels as the next ones."""
    best, count = gaps[0] if gaps else 0.0, 0
    for gap in gaps:
        here = sum(gap <= other < gap + 1.1 * unit for other in gaps)
        if here > count and (count == 0 or here >= 2 * count):
            best, count = gap, here
    return best


def _column(beyond: Sequence[tuple[float, Text]], unit: float) -> list[Text]:
    """Return the label column next to the edge; texts further out (axis title, notes) stay out."""
    if not beyond:
        return []
    upright = [(gap, t) for gap, t in beyond if t.width >= 0.8 * t.height or len(t.text) <= 2]
    gaps = sorted(gap for gap, _ in upright)
    if not gaps:
        return []
    start = float(np.median(gaps[: max(3, len(gaps) // 2)]))
    return [t for gap, t in upright if gap < start + 6 * unit]


def _match(
    places: Sequence[float], texts: Sequence[Text], side: Side, unit: float, span: float
) -> tuple[list[str], list[Text]]:
    if not texts or not places:
        return [""] * len(places), []
    lines = list(texts)
    anchor = _anchor(places, lines, side)
    parts: list[list[Text]] = [[] for _ in places]
    for text in lines:
        at = _at(text, side, anchor)
        distances = [abs(at - place) for place in places]
        index = int(np.argmin(distances))
        limit = max(0.62 * span, 0.6 * unit) if side == "x" else max(0.55 * span, 0.6 * unit)
        if distances[index] <= limit:
            parts[index].append(text)
    names = []
    for place, own in zip(places, parts, strict=True):
        if side == "x" and len(own) > 1:
            closest = min(abs(_at(t, side, anchor) - place) for t in own)
            own[:] = [t for t in own if abs(_at(t, side, anchor) - place) <= closest + 0.9 * unit]
        ordered = sorted(own, key=lambda t: (round(t.cy / max(1.0, 0.6 * unit)), t.box[0]))
        names.append(" ".join(t.text for t in ordered))
    return names, [t for own in parts for t in own]


def _at(text: Text, side: Side, anchor: str) -> float:
    if side == "y":
        return text.cy
    return {"centre": text.cx, "end": text.box[2], "start": text.box[0]}[anchor]


def _anchor(places: Sequence[float], texts: Sequence[Text], side: Side) -> str:
    """Return which end of slanted labels points at the marks: the one with the least misfit."""
    if side == "y":
        return "centre"

    def misfit(anchor: str) -> float:
        return float(np.median([min(abs(_at(t, side, anchor) - p) for p in places) for t in texts]))

    slanted = sum(t.height > 1.8 * min(t.height, 0.6 * t.width) for t in texts) > len(texts) / 2
    options = (
        ["centre", "end", "start"] if slanted or any(t.height > 0.45 * t.width for t in texts) else ["centre"]
    )
    return min(options, key=lambda a: misfit(a) * (1.0 if a == "centre" else 1.15))


def label_row(texts: Sequence[Text], edge: float, unit: float, *, low: float, high: float) -> list[Text]:
    """Return the category labels below a plot whose ink spans `low` to `high` along x."""
    wide = [t for t in texts if low - 5 * unit < t.cx < high + 5 * unit]
    return _band(wide, "x", edge, unit, 1)


def label_floor(texts: Sequence[Text], above: float, unit: float, width: float) -> float | None:
    """Return the top of the first row of labels below `above` that spreads over a plot of this width."""
    below = sorted((t for t in texts if t.box[1] > above), key=lambda t: t.box[1])
    for first in below:
        row = [t for t in below if 0 <= t.box[1] - first.box[1] < 0.8 * unit]
        xs = [t.cx for t in row]
        if len(row) >= 3 and max(xs) - min(xs) > 0.35 * width:
            return first.box[1]
        if len(row) == 2 and max(xs) - min(xs) > 0.3 * width and len(below) <= 4:
            return first.box[1]
    return None


_SEQUENCES = (
    "January February March April May June July August September October November December".split(),
    "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(),
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    "Mon Tue Wed Thu Fri Sat Sun".split(),
    "Q1 Q2 Q3 Q4".split(),
)


def repair_sequence(names: Sequence[str]) -> list[str]:
    """Put right misread names of a run of months, weekdays or quarters when enough are right."""
    if len(names) < 4:
        return list(names)
    for sequence in _SEQUENCES:
        count = len(sequence)
        for start in range(count):
            wanted = [sequence[(start + i) % count] for i in range(len(names))]
            hits = sum(
                name.strip(".").lower() == want.lower() for name, want in zip(names, wanted, strict=True)
            )
            if len(names) <= count and hits >= max(3, 0.4 * len(names)):
                return wanted
    return list(names)
