"""Pies and rings: where the circle is, which angle each colour takes, and what is printed at it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.contracts import ChartCell
from models.charts.legend import LegendEntry
from models.charts.numbers import PrintedNumber, embedded_number, read_number
from models.charts.scene import Scene, Text
from models.charts.values import agrees, settle

_STEPS = 1440
_SAME_COLOUR = 14.0
_BRIDGE = round(6 * _STEPS / 360)


@dataclass(frozen=True)
class Sector:
    """A slice: colour index, and where it begins and ends in degrees clockwise from noon."""

    colour: int
    start: float
    end: float

    @property
    def share(self) -> float:
        """Share of the full turn."""
        return (self.end - self.start) / 360

    def holds(self, angle: float) -> bool:
        """Whether an angle lies in the slice."""
        return (angle - self.start) % 360 <= self.end - self.start

    def gap(self, angle: float) -> float:
        """Return the angle's distance from the slice's middle, in degrees."""
        middle = (self.start + self.end) / 2
        return abs((angle - middle + 180) % 360 - 180)


@dataclass(frozen=True)
class Pie:
    """A pie in working pixels."""

    x: float
    y: float
    radius: float
    inner: float
    sectors: tuple[Sector, ...]


def find_pie(scene: Scene) -> Pie | None:
    """Return the pie or ring that fills a large disc with at least two slices, or None."""
    import cv2

    grounds = [scene.background, *sorted(scene.panels)]
    painted = ((scene.labels >= 0) & ~np.isin(scene.labels, grounds)).astype(np.uint8)
    size = max(3, round(0.35 * scene.unit) | 1)
    closed = cv2.morphologyEx(painted, cv2.MORPH_CLOSE, np.ones((size, size), np.uint8))
    contours, tree = cv2.findContours(closed, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    best: Pie | None = None
    for index in sorted(range(len(contours)), key=lambda i: -cv2.contourArea(contours[i]))[:4]:
        if tree[0][index][3] >= 0:
            continue
        holes = [contours[i] for i in range(len(contours)) if tree[0][i][3] == index]
        for x, y, radius, inner in _circles(_points(contours[index]), [_points(hole) for hole in holes]):
            if radius < 0.09 * min(scene.size) or radius < 2.5 * scene.unit:
                continue
            sectors = _sectors(scene, x, y, radius, inner)
            if sectors and (best is None or len(sectors) > len(best.sectors)):
                best = Pie(x, y, radius, inner, tuple(sectors))
        if best is not None:
            break
    return best


def _points(contour: object) -> NDArray[np.int32]:
    return np.asarray(contour, np.int32)


def _circles(
    outer: NDArray[np.int32], holes: Sequence[NDArray[np.int32]]
) -> list[tuple[float, float, float, float]]:
    import cv2

    found = []
    points = outer.reshape(-1, 2).astype(np.float64)
    centre = _fit_circle(points)
    hole = max(holes, key=cv2.contourArea, default=None)
    ring = None
    if hole is not None and cv2.contourArea(hole) > 0.04 * cv2.contourArea(outer):
        ring = _fit_circle(hole.reshape(-1, 2).astype(np.float64))
    if centre is not None:
        inside = ring[2] if ring is not None and ring[3] < 0.06 else 0.0
        if centre[3] < 0.035:
            found.append((centre[0], centre[1], centre[2], inside))
    if ring is not None and ring[3] < 0.04:
        # Slices of unequal depth still share the hole.
        reach = np.hypot(points[:, 0] - ring[0], points[:, 1] - ring[1])
        found.append((ring[0], ring[1], float(np.percentile(reach, 30)), ring[2]))
    return found


def _fit_circle(points: NDArray[np.float64]) -> tuple[float, float, float, float] | None:
    """Fit a circle by least squares twice, the second time without stray points.

    Returns centre x, y, radius, and the median misfit as a share of the radius.
    """
    kept = points
    x = y = radius = 0.0
    for _ in range(3):
        if len(kept) < 20:
            return None
        system = np.column_stack([2 * kept, np.ones(len(kept))])
        solution, *_ = np.linalg.lstsq(system, (kept**2).sum(axis=1), rcond=None)
        x, y = float(solution[0]), float(solution[1])
        radius = math.sqrt(max(1e-6, float(solution[2]) + x * x + y * y))
        misfit = np.abs(np.hypot(kept[:, 0] - x, kept[:, 1] - y) - radius)
        kept = kept[misfit <= max(1.5, 2.5 * float(np.median(misfit)))]
    misfit = np.abs(np.hypot(points[:, 0] - x, points[:, 1] - y) - radius)
    return x, y, radius, float(np.median(misfit)) / radius


def _sectors(scene: Scene, x: float, y: float, radius: float, inner: float) -> list[Sector]:
    height, width = scene.size
    angles = np.arange(_STEPS) * (2 * math.pi / _STEPS)
    low = max(0.35 * radius, inner + 0.15 * (radius - inner)) if inner else 0.45 * radius
    radii = np.linspace(low, radius - 0.06 * (radius - inner) - 1, 28)
    columns = np.clip(np.round(x + np.outer(np.sin(angles), radii)), 0, width - 1).astype(int)
    rows = np.clip(np.round(y - np.outer(np.cos(angles), radii)), 0, height - 1).astype(int)
    labels = scene.labels[rows, columns].astype(int)
    lettered = _in_texts(scene, columns, rows).mean(axis=1) > 0.35
    winners, purity = np.full(_STEPS, -1), np.zeros(_STEPS)
    own = (labels >= 0) & ~np.isin(labels, [*scene.panels])
    known = len(scene.colours)
    places = labels + known * np.arange(_STEPS)[:, None]
    counts = np.bincount(places[own], minlength=_STEPS * known).reshape(_STEPS, known)
    rays = own.sum(axis=1) >= 0.3 * labels.shape[1]
    winners[rays] = counts[rays].argmax(axis=1)
    purity[rays] = counts[rays].max(axis=1) / own[rays].sum(axis=1)
    winners = _bridged(np.where(winners == scene.background, -1, winners), lettered)
    painted = winners >= 0
    purity[painted & lettered] = 1.0
    if painted.mean() < 0.9 or np.median(purity[painted]) < 0.8 or np.mean(purity[painted] > 0.6) < 0.8:
        return []
    sectors = _runs(np.where(painted, winners, -1))
    return sectors if 2 <= len(sectors) <= 24 else []


def _in_texts(scene: Scene, columns: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    inside = np.zeros(columns.shape, bool)
    for text in scene.texts:
        x0, y0, x1, y1 = text.box
        inside |= (columns >= x0 - 1) & (columns <= x1 + 1) & (rows >= y0 - 1) & (rows <= y1 + 1)
    return inside


def _bridged(winners: NDArray[np.int64], lettered: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Fill angles hidden by a printed label where both sides have one colour."""
    filled = winners.copy()
    count = len(winners)
    known = np.flatnonzero((winners >= 0) & ~lettered)
    if not len(known):
        return filled
    for index in np.flatnonzero(lettered):
        at = int(np.searchsorted(known, index))
        before, after = winners[known[at - 1]], winners[known[at % len(known)]]
        if before == after:
            filled[index % count] = before
    return filled


def _runs(winners: NDArray[np.int64]) -> list[Sector]:
    """Cut the turn into slices; each boundary or separator is shared by its two neighbours."""
    step = 360 / len(winners)
    least = 6
    changes = np.flatnonzero(winners != np.roll(winners, 1))
    if not len(changes):
        return []
    pieces = []
    for a, b in zip(changes, np.append(changes[1:], changes[0] + len(winners)), strict=True):
        if winners[a % len(winners)] >= 0 and b - a >= least:
            pieces.append([int(winners[a % len(winners)]), int(a), int(b)])
    merged: list[list[int]] = []
    for piece in pieces:
        # A printed text (or the lines of a pattern) inside one slice does not cut it.
        if merged and merged[-1][0] == piece[0] and piece[1] - merged[-1][2] <= _BRIDGE:
            merged[-1][2] = piece[2]
        else:
            merged.append(piece)
    if (
        len(merged) > 1
        and merged[0][0] == merged[-1][0]
        and merged[0][1] + len(winners) - merged[-1][2] <= _BRIDGE
    ):
        merged[0][1] = merged.pop()[1] - len(winners)
    sectors: list[Sector] = []
    for place, (slice_colour, first, last) in enumerate(merged):
        before, after = merged[place - 1], merged[(place + 1) % len(merged)]
        start = (first + (before[2] - (len(winners) if place == 0 else 0))) / 2
        end = (last + after[1] + (len(winners) if place == len(merged) - 1 else 0)) / 2
        sectors.append(Sector(slice_colour, start * step, end * step))
    return sectors


def read_pie(
    scene: Scene, pie: Pie, legend: Sequence[LegendEntry], taken: set[Text]
) -> tuple[list[ChartCell], set[Text]]:
    """Return one cell a slice: its printed value, or its share in percent when nothing is printed."""
    texts = [t for t in scene.texts if t not in taken and all(t is not e.text for e in legend)]
    own = _texts_of(pie, texts, scene.unit)
    names, printed = [], []
    for index, sector in enumerate(pie.sectors):
        name, number = _describe(own[index])
        entry = _entry_of(scene, sector, legend)
        if entry is not None:
            split = embedded_number(entry.name)
            name = split[0] if split else entry.name
            number = number or ((split[1], entry.text) if split else None)
        names.append(name)
        printed.append(number)
    total = _total(pie, [p[0] for p in printed if p is not None])
    doubtful = _angles_lie(pie, printed, total)
    cells = []
    for sector, name, number in zip(pie.sectors, names, printed, strict=True):
        measured = sector.share * total
        blur = min(1.0, 0.0022 / max(1e-3, sector.share))
        reading = settle(number[0] if number else None, number[1].score if number else 1.0, measured, blur)
        if reading is None:
            continue
        value = reading.value if number else float(f"{reading.value:.4g}")
        confidence = reading.confidence * (1.0 if name else 0.6)
        if doubtful and not number:
            confidence = min(confidence, 0.25)
        box = number[1].box if number else _sector_box(pie, sector)
        cells.append(
            ChartCell(
                series="",
                category=name,
                value=value,
                confidence=round(confidence, 3),
                box=scene.original(box),
            )
        )
    used = {t for texts_ in own for t in texts_} | {e.text for e in legend}
    return cells, used


def _texts_of(pie: Pie, texts: Sequence[Text], unit: float) -> list[list[Text]]:
    """Return each slice's texts: inside it, or just outside at its angle."""
    found: list[list[Text]] = [[] for _ in pie.sectors]
    for text in texts:
        nearest_x = float(np.clip(pie.x, text.box[0], text.box[2]))
        nearest_y = float(np.clip(pie.y, text.box[1], text.box[3]))
        if math.hypot(text.cx - pie.x, text.cy - pie.y) <= pie.radius:
            angle = math.degrees(math.atan2(text.cx - pie.x, pie.y - text.cy)) % 360
            if pie.inner and math.hypot(text.cx - pie.x, text.cy - pie.y) < 0.75 * pie.inner:
                continue  # the middle of a ring holds a title or a total
            index = next((i for i, s in enumerate(pie.sectors) if s.holds(angle)), None)
        else:
            gap = math.hypot(nearest_x - pie.x, nearest_y - pie.y) - pie.radius
            if gap > max(2.2 * unit, 0.22 * pie.radius):
                continue
            angle = math.degrees(math.atan2((nearest_x + text.cx) / 2 - pie.x, pie.y - text.cy)) % 360
            index = int(
                np.argmin([max(0.0, s.gap(angle) - 180 * s.share) + 0.15 * s.gap(angle) for s in pie.sectors])
            )
        if index is not None:
            found[index].append(text)
    return found


def _describe(texts: Sequence[Text]) -> tuple[str, tuple[PrintedNumber, Text] | None]:
    words, number = [], None
    for text in sorted(texts, key=lambda t: (t.cy, t.cx)):
        alone = read_number(text.text)
        split = embedded_number(text.text) if alone is None else None
        if alone is not None:
            # Of a count and a percentage, the percentage is the slice.
            number = (alone, text) if number is None or alone.unit == "%" else number
        elif split is not None:
            words.append(split[0])
            number = number or (split[1], text)
        else:
            words.append(text.text)
    return " ".join(words).strip(" :,"), number


def _entry_of(scene: Scene, sector: Sector, legend: Sequence[LegendEntry]) -> LegendEntry | None:
    near = [(float(np.linalg.norm(e.colour - scene.colours[sector.colour])), i) for i, e in enumerate(legend)]
    return legend[min(near)[1]] if near and min(near)[0] < _SAME_COLOUR else None


def _total(pie: Pie, numbers: Sequence[PrintedNumber]) -> float:
    """Return what the whole pie stands for: 100, or the sum when every slice prints a count."""
    values = [n.value for n in numbers]
    if len(values) == len(pie.sectors) and not any(n.unit == "%" for n in numbers) and sum(values) > 0:
        return float(sum(values))
    return 100.0


def _angles_lie(pie: Pie, printed: Sequence[tuple[PrintedNumber, Text] | None], total: float) -> bool:
    """Whether the printed values disagree with the angles so often that angles say nothing."""
    pairs = [
        (n[0].value, s.share * total) for s, n in zip(pie.sectors, printed, strict=True) if n is not None
    ]
    wrong = sum(not agrees(value, measured, 0.01) for value, measured in pairs)
    return len(pairs) >= 2 and wrong >= 0.5 * len(pairs)


def _sector_box(pie: Pie, sector: Sector) -> tuple[float, float, float, float]:
    turns = np.radians(np.linspace(sector.start, sector.end, 24))
    xs = np.concatenate([pie.x + pie.radius * np.sin(turns), pie.x + pie.inner * np.sin(turns)])
    ys = np.concatenate([pie.y - pie.radius * np.cos(turns), pie.y - pie.inner * np.cos(turns)])
    return float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max())
