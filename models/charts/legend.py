"""Legends: small swatches beside texts, found by shape and alignment rather than by place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.charts.numbers import read_number
from models.charts.scene import Scene, Text
from models.charts.shapes import Shape, ink, shapes_of, solid_shapes, without_texts

_DECORATION = " ■●▪•◆|_-–—~=:"


@dataclass(frozen=True)
class LegendEntry:
    """A series as the legend names it: text, colour (Lab, shape (3,)), swatch and text."""

    name: str
    colour: NDArray[np.float32]
    swatch: Shape
    text: Text


def find_legend(scene: Scene, taken: Sequence[Text] = ()) -> list[LegendEntry]:
    """Return legend entries in reading order; `taken` texts (tick labels) cannot be entries.

    At least two aligned swatches of like size make a legend.
    """
    texts = [text for text in scene.texts if text not in set(taken)]
    entries = [entry for shape in _swatches(scene) if (entry := _entry(scene, shape, texts)) is not None]
    return _aligned(_one_per_text(entries), scene.unit)


def _swatches(scene: Scene) -> list[Shape]:
    unit = scene.unit
    found = [
        shape
        for colour in scene.marks()
        for shape in solid_shapes(scene, colour)
        if 0.4 * unit <= shape.height <= 2.0 * unit
        and 0.4 * unit <= shape.width <= 4.5 * unit
        and shape.fill > 0.7
    ]
    loose = without_texts(ink(scene), scene.texts).astype(np.uint8)
    for shape in shapes_of(loose, -1):
        thin = shape.height <= 1.6 * unit and 0.8 * unit <= shape.width <= 5 * unit
        if thin and shape.width > 1.3 * shape.height:
            found.append(shape)
    return found


def _entry(scene: Scene, shape: Shape, texts: Sequence[Text]) -> LegendEntry | None:
    unit = scene.unit
    best: tuple[float, Text, str] | None = None
    for text in texts:
        if abs(text.cy - shape.cy) > 0.75 * unit or text.height > 2.6 * unit:
            continue
        gap = text.box[0] - shape.x1
        if -0.6 * unit <= gap <= 2.2 * unit and shape.cx < text.box[0] + 0.4 * unit:
            name = text.text
        elif text.box[0] <= shape.cx < text.box[2] - unit and _solid_inside(scene, shape, text):
            name, gap = _part_after(text, shape), 0.1 * unit
        else:
            continue
        name = name.strip(_DECORATION)
        if _can_name(name) and (best is None or abs(gap) < best[0]):
            best = (abs(gap), text, name)
    if best is None:
        return None
    return LegendEntry(best[2], _colour_of(scene, shape), shape, best[1])


def _can_name(name: str) -> bool:
    """Whether a text can name a series: words, or a year; a bare value beside a bar cannot."""
    number = read_number(name)
    return bool(name) and (number is None or (number.value.is_integer() and 1000 <= number.value <= 2200))


def _solid_inside(scene: Scene, shape: Shape, text: Text) -> bool:
    """Whether a shape inside a text's box is a swatch and no stroke of a letter."""
    colourful = shape.colour >= 0 and float(np.hypot(*scene.colours[shape.colour][1:])) > 8
    return (
        colourful and shape.fill > 0.9 and 0.4 * text.height <= shape.height and shape.width < 2 * scene.unit
    )


def _part_after(text: Text, shape: Shape) -> str:
    """Return the words of a text that stand right of a swatch inside its box."""
    start = (shape.x1 - text.box[0]) / max(1.0, text.width) * len(text.text)
    cuts = [0, *[m.end() for m in re.finditer(r" |(?<=[a-z)])(?=[A-Z])", text.text)]]
    return text.text[min(cuts, key=lambda i: abs(i - start)) :]


def _colour_of(scene: Scene, shape: Shape) -> NDArray[np.float32]:
    part = scene.lab[shape.y0 : shape.y1, shape.x0 : shape.x1].reshape(-1, 3)
    if shape.colour >= 0:
        return np.asarray(scene.colours[shape.colour], np.float32)
    distance = np.linalg.norm(part - scene.colours[scene.background], axis=1)
    core = part[distance >= 0.8 * distance.max()]
    return np.asarray(np.median(core, axis=0), np.float32)


def _one_per_text(entries: list[LegendEntry]) -> list[LegendEntry]:
    kept: dict[tuple[Text, str], LegendEntry] = {}
    for entry in entries:
        known = kept.get((entry.text, entry.name))
        if known is None or _rank(entry) > _rank(known):
            kept[(entry.text, entry.name)] = entry
    return list(kept.values())


def _rank(entry: LegendEntry) -> tuple[bool, float]:
    return entry.swatch.colour >= 0, entry.swatch.area


def _aligned(entries: list[LegendEntry], unit: float) -> list[LegendEntry]:
    best: list[LegendEntry] = []
    for seed in entries:
        alike = [e for e in entries if _alike(e.swatch, seed.swatch, unit)]
        column = [e for e in alike if abs(e.swatch.x0 - seed.swatch.x0) <= 0.5 * unit]
        row = [e for e in alike if abs(e.swatch.cy - seed.swatch.cy) <= 0.5 * unit]
        grid = alike if len(column) >= 2 and len(row) >= 2 else []
        for group in (column, row, grid):
            distinct = _distinct(group)
            if len(distinct) >= 2 and (len(distinct), -_spread(distinct)) > (len(best), -_spread(best)):
                best = distinct
    best = _trim_merged(best)
    return sorted(best, key=lambda e: (round(e.swatch.cy / max(1.0, unit)), e.swatch.x0))


def _alike(a: Shape, b: Shape, unit: float) -> bool:
    return abs(a.height - b.height) <= max(2.0, 0.3 * unit) and abs(a.width - b.width) <= max(2.0, 0.4 * unit)


def _distinct(group: list[LegendEntry]) -> list[LegendEntry]:
    """Drop entries whose colour another entry already has: bars beside labels, not swatches."""
    kept: list[LegendEntry] = []
    for entry in group:
        if all(float(np.linalg.norm(entry.colour - other.colour)) > 4 for other in kept):
            kept.append(entry)
    return kept if len(kept) >= 0.75 * len(group) else []


def _spread(group: Sequence[LegendEntry]) -> float:
    if not group:
        return 0.0
    xs, ys = [e.swatch.cx for e in group], [e.swatch.cy for e in group]
    return (max(xs) - min(xs)) + (max(ys) - min(ys))


def _trim_merged(entries: list[LegendEntry]) -> list[LegendEntry]:
    """Where OCR read several entries as one text, end each name where the next swatch begins."""
    trimmed = []
    for entry in entries:
        later = [
            other
            for other in entries
            if other.text == entry.text and other.swatch.x0 > entry.swatch.x0 and other.name in entry.name
        ]
        name = entry.name
        if later:
            name = name[: name.rindex(min(later, key=lambda e: e.swatch.x0).name)].strip(_DECORATION)
        trimmed.append(replace(entry, name=name or entry.name))
    return trimmed
