"""Shapes of one colour: connected parts, rectangles, and the ink that is neither ground nor text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.charts.scene import Scene, Text, distance

_INK_DISTANCE = 12.0


@dataclass(frozen=True)
class Shape:
    """A connected part: its box (`x1`, `y1` exclusive), area, share of the box filled, and colour."""

    x0: int
    y0: int
    x1: int
    y1: int
    area: float
    fill: float
    colour: int

    @property
    def width(self) -> int:
        """Width in working pixels."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """Height in working pixels."""
        return self.y1 - self.y0

    @property
    def cx(self) -> float:
        """Horizontal centre."""
        return (self.x0 + self.x1) / 2

    @property
    def cy(self) -> float:
        """Vertical centre."""
        return (self.y0 + self.y1) / 2

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The box as floats."""
        return float(self.x0), float(self.y0), float(self.x1), float(self.y1)


def ink(scene: Scene) -> NDArray[np.bool_]:
    """Return where pixels differ clearly from the page and the plot's ground; shape (height, width)."""
    if "ink" not in scene.found:
        grounds = scene.colours[[scene.background, *sorted(scene.panels)]]
        nearest = np.min([distance(scene.lab, ground) for ground in grounds], axis=0)
        scene.found["ink"] = nearest > _INK_DISTANCE
    inked: NDArray[np.bool_] = scene.found["ink"]
    return inked


def without_texts(mask: NDArray[np.bool_], texts: Iterable[Text], margin: float = 1.0) -> NDArray[np.bool_]:
    """Return the mask with text boxes cleared."""
    cleared = mask.copy()
    for text in texts:
        x0, y0, x1, y1 = text.box
        rows = slice(max(0, int(y0 - margin)), int(np.ceil(y1 + margin)))
        cleared[rows, max(0, int(x0 - margin)) : int(np.ceil(x1 + margin))] = False
    return cleared


def solid_shapes(scene: Scene, colour: int) -> list[Shape]:
    """Return the filled parts of one flat colour, holes (printed labels, grid lines) closed."""
    key = "solid", colour
    if key not in scene.found:
        healed = _heal(scene, scene.labels == colour)
        scene.found[key] = found = []
        for shape in shapes_of(healed, colour):
            whole = is_rectangle(shape, scene.unit) or shape.area < 9 * scene.unit**2
            found += [shape] if whole else _without_hairs(healed, shape)
    return list(scene.found[key])


def _without_hairs(mask: NDArray[np.uint8], shape: Shape) -> list[Shape]:
    """Cut grid lines of like colour off a part; it stays one when no line held it together."""
    import cv2

    part = np.zeros_like(mask)
    window = (slice(shape.y0, shape.y1), slice(shape.x0, shape.x1))
    part[window] = cv2.morphologyEx(mask[window], cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    return shapes_of(part, shape.colour, least=25.0)


def _heal(scene: Scene, mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Give pixels of text that stand inside the colour back to it, and close hairlines."""
    import cv2

    healed = mask.astype(np.uint8)
    for text in scene.texts:
        x0, y0, x1, y1 = (int(v) for v in text.box)
        part = mask[max(0, y0 - 2) : y1 + 3, max(0, x0 - 2) : x1 + 3]
        if part.size and part.mean() > 0.3:
            ring = np.concatenate([part[0], part[-1], part[:, 0], part[:, -1]])
            if ring.mean() > 0.85:
                healed[max(0, y0 - 1) : y1 + 2, max(0, x0 - 1) : x1 + 2] = 1
    closed = cv2.morphologyEx(healed, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return np.asarray(closed, np.uint8)


def shapes_of(mask: NDArray[np.uint8], colour: int, least: float = 6.0) -> list[Shape]:
    """Return the outer connected parts of a mask, filled, of at least `least` pixels."""
    import cv2

    # Two levels, so that parts inside a frame are found as well as the frame itself.
    contours, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    found = []
    for index, contour in enumerate(contours):
        if tree[0][index][3] >= 0:
            continue
        x, y, width, height = cv2.boundingRect(contour)
        # contourArea runs through pixel centres: the rim's half pixels are added back.
        area = float(cv2.contourArea(contour)) + len(contour) / 2 + 1
        if area >= least:
            found.append(Shape(x, y, x + width, y + height, area, min(1.0, area / (width * height)), colour))
    return found


def rectangles(scene: Scene) -> list[Shape]:
    """Return the rectangles of every mark colour, without frames that hold several others."""
    found = [
        shape
        for colour in scene.marks()
        for shape in solid_shapes(scene, colour)
        if is_rectangle(shape, scene.unit) and min(shape.width, shape.height) >= 2 and shape.area >= 12
    ]
    return [s for s in found if not _is_letter(scene, s) and not _is_frame(s, found)]


def is_rectangle(shape: Shape, unit: float) -> bool:
    """Whether a part fills its box; small parts may lose more of it to their soft rims."""
    return shape.fill >= (0.94 if shape.area > 9 * unit * unit else 0.82)


def _is_letter(scene: Scene, shape: Shape) -> bool:
    """Whether a shape is a stroke of some text: small and inside its box."""
    return (
        any(
            t.box[0] - 2 <= shape.x0
            and shape.x1 <= t.box[2] + 2
            and t.box[1] - 2 <= shape.y0
            and shape.y1 <= t.box[3] + 2
            for t in scene.texts
        )
        and shape.area < 2.5 * scene.unit**2
    )


def _is_frame(shape: Shape, others: list[Shape]) -> bool:
    inside = 0
    for other in others:
        if other is not shape and other.area < 0.5 * shape.area:
            holds = (
                shape.x0 <= other.x0
                and shape.y0 <= other.y0
                and shape.x1 >= other.x1
                and shape.y1 >= other.y1
            )
            inside += holds and other.colour != shape.colour
    return inside >= 3


def overlap(a0: float, a1: float, b0: float, b1: float) -> float:
    """Return the shared length of two intervals as a share of the shorter one."""
    return max(0.0, min(a1, b1) - max(a0, b0)) / max(1e-6, min(a1 - a0, b1 - b0))
