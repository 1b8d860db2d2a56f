"""The picture made ready for reading: one working size, flat colours, and text boxes set aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.contracts import Box, OcrLine

WORKING_SIDE = 1600
"""Longest side in pixels while reading: large enough for 2-pixel lines, small enough for a second's work."""
SMALL_SIDE = 700
_MERGE_DISTANCE = 6.0
_LABEL_DISTANCE = 11.0
_MAX_COLOURS = 40


@dataclass(frozen=True)
class Text:
    """A line of text in working pixels."""

    text: str
    box: Box
    score: float

    @property
    def cx(self) -> float:
        """Horizontal centre."""
        return (self.box[0] + self.box[2]) / 2

    @property
    def cy(self) -> float:
        """Vertical centre."""
        return (self.box[1] + self.box[3]) / 2

    @property
    def width(self) -> float:
        """Width in working pixels."""
        return self.box[2] - self.box[0]

    @property
    def height(self) -> float:
        """Height in working pixels."""
        return self.box[3] - self.box[1]


@dataclass(frozen=True)
class Scene:
    """What the readers share.

    `pixels` is (height, width, 3) RGB at the working scale; `lab` the same in CIE Lab as float32;
    `labels` (height, width) holds an index into `colours` (n, 3; Lab) or -1 where a pixel is no flat
    colour; `background` is the index of the page colour; `panels` are further colours that only paint
    the plot's ground; `unit` is the usual text height in working pixels.
    """

    pixels: NDArray[np.uint8]
    lab: NDArray[np.float32]
    labels: NDArray[np.int16]
    colours: NDArray[np.float32]
    background: int
    panels: frozenset[int]
    texts: tuple[Text, ...]
    unit: float
    scale: float
    found: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    """What several readers ask for, found once: see `models.charts.shapes`."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in working pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def original(self, box: Sequence[float]) -> Box:
        """Map a working box back to pixels of the image that was given."""
        x0, y0, x1, y1 = (round(float(side) / self.scale, 1) for side in box)
        return x0, y0, x1, y1

    def marks(self) -> list[int]:
        """Return the colours that are neither page nor plot ground, most used first."""
        counts = np.bincount(self.labels[self.labels >= 0].ravel(), minlength=len(self.colours))
        skip = self.panels | {self.background}
        return [int(i) for i in np.argsort(-counts) if int(i) not in skip and counts[i] > 0]


def make_scene(pixels: NDArray[np.uint8], lines: Sequence[OcrLine]) -> Scene:
    """Scale the picture, find its flat colours, and label every pixel. Pure."""
    import cv2

    height, width = pixels.shape[:2]
    longest = max(height, width)
    scale = WORKING_SIDE / longest if longest > WORKING_SIDE else (2.0 if longest < SMALL_SIDE else 1.0)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    elif scale > 1:
        # Nearest keeps flat colours flat; blends would look like colours of their own.
        grown = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
        pixels = np.asarray(grown, np.uint8)
    texts = tuple(_scaled(line, scale) for line in lines if line.text.strip())
    unit = _text_unit(texts, pixels.shape[1])
    lab = _to_lab(pixels)
    colours = _flat_colours(pixels, lab)
    labels = _label(pixels, colours)
    background = _background(labels, len(colours))
    panels = _panels(labels, colours, background)
    return Scene(pixels, lab, labels, colours, background, panels, texts, unit, scale)


def _scaled(line: OcrLine, scale: float) -> Text:
    x0, y0, x1, y1 = (side * scale for side in line.box)
    return Text(line.text.strip(), (x0, y0, x1, y1), line.score)


def _text_unit(texts: Sequence[Text], width: int) -> float:
    heights = [min(text.height, text.width) for text in texts]
    return float(np.clip(np.median(heights), 6, 60)) if heights else max(8.0, width / 60)


def _to_lab(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    import cv2

    scaled: NDArray[np.float32] = pixels.astype(np.float32) / 255.0
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2LAB), np.float32)


def _flat_colours(pixels: NDArray[np.uint8], lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the colours that fill areas: pixels whose neighbours agree, counted and merged."""
    import cv2

    kernel = np.ones((3, 3), np.uint8)
    spread = _largest(cv2.dilate(pixels, kernel).astype(np.int16) - cv2.erode(pixels, kernel))
    flat = spread <= 10
    if not flat.any():
        return np.zeros((1, 3), np.float32)
    bins = _bins(pixels)[flat]
    counts = np.bincount(bins, minlength=64**3)
    order = np.argsort(-counts)[:3000]
    order = order[counts[order] > 0]
    sums = np.stack(
        [np.bincount(bins, weights=lab[..., i][flat], minlength=64**3)[order] for i in range(3)], 1
    )
    means = sums / counts[order][:, None]
    least = max(24.0, 0.00002 * flat.size)
    found: list[NDArray[np.float64]] = []
    weights: list[float] = []
    for mean, count in zip(means, counts[order], strict=True):
        distances = [float(np.linalg.norm(mean - known)) for known in found]
        nearest = int(np.argmin(distances)) if distances else -1
        if nearest >= 0 and distances[nearest] < _MERGE_DISTANCE:
            weights[nearest] += float(count)
        elif len(found) < 4 * _MAX_COLOURS:
            found.append(mean)
            weights.append(float(count))
    kept = [i for i in np.argsort(-np.asarray(weights)) if weights[i] >= least][:_MAX_COLOURS]
    return np.asarray([found[i] for i in kept or [0]], np.float32)


def _largest(channels: NDArray[Any]) -> NDArray[Any]:
    """Return the largest of three channels; numpy's reductions are slow over so short an axis."""
    first, second, third = (channels[..., index] for index in range(3))
    found: NDArray[Any] = np.maximum(np.maximum(first, second), third)
    return found


def distance(lab: NDArray[np.float32], colour: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far Lab colours (..., 3) lie from another, or from others that broadcast against them."""
    first, second, third = (lab[..., index] - colour[..., index] for index in range(3))
    away: NDArray[np.float32] = np.sqrt(first * first + second * second + third * third)
    return away


def _bins(pixels: NDArray[np.uint8]) -> NDArray[np.int32]:
    small = (pixels >> 2).astype(np.int32)
    return (small[..., 0] << 12) | (small[..., 1] << 6) | small[..., 2]


def _label(pixels: NDArray[np.uint8], colours: NDArray[np.float32]) -> NDArray[np.int16]:
    """Give every pixel its nearest flat colour through a table over 64 levels a channel."""
    used, inverse = np.unique(_bins(pixels), return_inverse=True)
    centres = np.stack([(used >> 12) & 63, (used >> 6) & 63, used & 63], axis=-1) * 4 + 2
    table = _to_lab(centres.astype(np.uint8)[None])[0]
    distances = distance(table[:, None, :], colours[None])
    nearest = np.argmin(distances, axis=1).astype(np.int16)
    nearest[distances.min(axis=1) > _LABEL_DISTANCE] = -1
    return np.asarray(nearest[inverse].reshape(pixels.shape[:2]), np.int16)


def _background(labels: NDArray[np.int16], count: int) -> int:
    edge = np.concatenate(
        [labels[:3].ravel(), labels[-3:].ravel(), labels[:, :3].ravel(), labels[:, -3:].ravel()]
    )
    everywhere = np.bincount(labels[labels >= 0].ravel(), minlength=count)
    border = np.bincount(edge[edge >= 0], minlength=count)
    return int(np.argmax(border / max(1, border.sum()) + everywhere / max(1, everywhere.sum())))


def _panels(labels: NDArray[np.int16], colours: NDArray[np.float32], background: int) -> frozenset[int]:
    """Return pale colours that fill a box edge to edge: the plot's ground, not a mark."""
    found = set()
    total = labels.size
    for index, colour in enumerate(colours):
        mask = labels == index
        area = int(mask.sum())
        pale = colour[0] > 80 and float(np.hypot(colour[1], colour[2])) < 14
        if index == background or not pale or area < 0.08 * total:
            continue
        rows, columns = np.flatnonzero(mask.mean(axis=1) > 0.2), np.flatnonzero(mask.mean(axis=0) > 0.2)
        if not len(rows) or not len(columns):
            continue
        inner = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        sides = (inner[:3].any(0).mean(), inner[:, :3].any(1).mean(), inner[:, -3:].any(1).mean())
        # Bars may stand along one side of the ground, so one open side is allowed.
        patch = max(4, round(0.03 * min(inner.shape)))
        ends = (slice(0, patch), slice(-patch, None))
        corners = sum(bool(inner[a, b].mean() > 0.4) for a in ends for b in ends)
        if sorted(sides)[1] > 0.6 and corners >= 3:
            found.add(index)
    return frozenset(found)
