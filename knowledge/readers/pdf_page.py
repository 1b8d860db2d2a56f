"""A PDF page as text whose every character knows its place, by PDFium."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from core.contracts import Box

_HYPHENS = (0x2, 0xFFFE)
"""What PDFium puts for a hyphen at the end of a line that breaks a word."""


@dataclass(frozen=True)
class Line:
    """A line of a page's text: its offsets and its box."""

    start: int
    end: int
    text: str
    box: Box

    @property
    def height(self) -> float:
        """Its height in points."""
        return self.box[3] - self.box[1]

    @property
    def width(self) -> float:
        """Its width in points."""
        return self.box[2] - self.box[0]


@dataclass(frozen=True)
class PageText:
    """A page's text, and the box of each character or None; boxes are points from the top left."""

    text: str
    boxes: Sequence[Box | None]
    width: float
    height: float

    def box(self, start: int, end: int) -> Box | None:
        """Return the box around a span of the text."""
        return union(box for box in self.boxes[start:end] if box is not None)

    def lines(self) -> list[Line]:
        """Return the lines that have a place, in the order of the text."""
        found = []
        breaks = [-1, *(match.start() for match in re.finditer("\n", self.text)), len(self.text)]
        for before, after in pairwise(breaks):
            box = self.box(before + 1, after)
            text = self.text[before + 1 : after].strip()
            if box is not None and text:
                found.append(Line(before + 1, after, text, box))
        return found


def read_page(page: Any) -> PageText:
    """Return the text of a pypdfium2 page. Words broken at a line's end are joined; nothing else changes."""
    import pypdfium2.raw as pdfium

    width, height = page.get_size()
    text_page = page.get_textpage()
    place = Placing(page, width, height)
    chars: list[str] = []
    boxes: list[Box | None] = []
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    codes = [pdfium.FPDFText_GetUnicode(text_page, index) for index in range(text_page.count_chars())]
    joining = False
    for index, code in enumerate(codes):
        if code in _HYPHENS:
            joining = True
            continue
        if joining and code in (0xA, 0xD):
            continue
        joining = False
        char = _char(code, codes[index - 1] if index else 0)
        if not char:
            continue
        box = None
        if not char.isspace() and pdfium.FPDFText_GetCharBox(text_page, index, left, right, bottom, top):
            box = place(left.value, bottom.value, right.value, top.value)
        chars.append(char)
        boxes.append(box)
    text_page.close()
    return PageText("".join(chars), boxes, width, height)


def _char(code: int, before: int) -> str:
    """Return a code as a character, or nothing. Codes beyond the first plane come in two halves."""
    if code == 0xA:
        return "\n"
    if code in {0x9, 0xA0}:
        return " "
    if 0xDC00 <= code < 0xE000:
        return chr(0x10000 + ((before - 0xD800) << 10) + (code - 0xDC00)) if 0xD800 <= before < 0xDC00 else ""
    unprintable = code < 32 or 127 <= code < 160 or 0xD800 <= code < 0xE000 or 0xFFFE <= code < 0x10000
    return "" if unprintable or code >= 0x110000 else chr(code)


class Placing:
    """Turns a page's own coordinates into points from the top left of the page as it is shown."""

    def __init__(self, page: Any, width: float, height: float) -> None:
        self._rotated = page.get_rotation()
        self._width, self._height = width, height
        self._left, self._bottom, self._right, self._top = page.get_bbox()

    def __call__(self, left: float, bottom: float, right: float, top: float) -> Box:
        """Return a box as it is shown."""
        x0, x1 = left - self._left, right - self._left
        y0, y1 = bottom - self._bottom, top - self._bottom
        if self._rotated == 90:
            return (y0, x0, y1, x1)
        if self._rotated == 180:
            return (self._width - x1, y0, self._width - x0, y1)
        if self._rotated == 270:
            return (self._width - y1, self._height - x1, self._width - y0, self._height - x0)
        return (x0, self._height - y1, x1, self._height - y0)


def union(boxes: Iterable[Box]) -> Box | None:
    """Return the box around boxes, or None for none."""
    found = list(boxes)
    if not found:
        return None
    return (
        min(box[0] for box in found),
        min(box[1] for box in found),
        max(box[2] for box in found),
        max(box[3] for box in found),
    )


def shared(one: Box, two: Box) -> float:
    """Return the area that two boxes share."""
    across = min(one[2], two[2]) - max(one[0], two[0])
    down = min(one[3], two[3]) - max(one[1], two[1])
    return max(across, 0.0) * max(down, 0.0)


def area(box: Box) -> float:
    """Return a box's area."""
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def beside(one: Box, two: Box) -> float:
    """Return how much two boxes overlap across the page, as a share of the narrower."""
    across = min(one[2], two[2]) - max(one[0], two[0])
    return across / max(min(one[2] - one[0], two[2] - two[0]), 1.0)
