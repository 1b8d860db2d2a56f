"""Boxes as words: numbers that no image size changes, and the part of the picture that a box is in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from core.contracts import Box

_SCALE = 1000
_ACROSS = ("left", "center", "right")
_DOWN = ("upper", "middle", "lower")


def box_text(boxes: Sequence[Box], width: int, height: int) -> str:
    """Return boxes as `[x0, y0, x1, y1]` in thousandths of the image's width and height, left to right."""
    scaled = [
        tuple(
            min(_SCALE, max(0, round(value * _SCALE / side)))
            for value, side in zip(box, (width, height, width, height), strict=True)
        )
        for box in boxes
    ]
    return " ".join(f"[{', '.join(map(str, box))}]" for box in sorted(scaled))


def place_text(boxes: Sequence[Box], width: int, height: int) -> str:
    """Return where boxes lie, in thirds of the picture: `center`, `upper left and lower right`."""
    found = []
    for x0, y0, x1, y1 in sorted(boxes):
        across = _ACROSS[min(2, int(3 * (x0 + x1) / 2 / width))]
        down = _DOWN[min(2, int(3 * (y0 + y1) / 2 / height))]
        both = "center" if (down, across) == ("middle", "center") else f"{down} {across}"
        if both not in found:
            found.append(both)
    return " and ".join(found)


def box_of(box: Any) -> Box | None:
    """Return `[x, y, width, height]` as `[x0, y0, x1, y1]`, or nothing for what is not four numbers."""
    if not isinstance(box, list | tuple) or len(box) != 4:
        return None
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in box):
        return None
    x, y, width, height = (float(value) for value in box)
    return (x, y, x + width, y + height)
