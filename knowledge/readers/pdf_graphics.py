"""What is drawn on a PDF page, joined to what a reader sees as one drawing.

Boxes are points from the page's top left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.contracts import Box
from knowledge.readers.pdf_page import Placing, area, union

_CELL = 4.0
"""Points a cell of the grid on which marks are joined."""
_JOIN = 2
"""Cells that a mark reaches beyond itself."""


@dataclass(frozen=True)
class Graphics:
    """What is drawn on a page: connected drawings, thin rules across it, and embedded images."""

    drawings: tuple[Box, ...]
    rules: tuple[Box, ...]
    images: tuple[Box, ...]


def read_graphics(page: Any, place: Placing, width: float, height: float) -> Graphics:
    """Return what is drawn on a pypdfium2 page."""
    import pypdfium2.raw as pdfium

    marks: list[Box] = []
    images: list[Box] = []
    for thing in page.get_objects(max_depth=2):
        if thing.type == pdfium.FPDF_PAGEOBJ_TEXT:
            continue
        box = _bounds(thing, place)
        if box is None:
            continue
        if thing.type == pdfium.FPDF_PAGEOBJ_IMAGE:
            images.append(box)
        # A frame or a background as large as the page joins everything to everything.
        if area(box) < 0.85 * width * height and thing.type != pdfium.FPDF_PAGEOBJ_FORM:
            marks.append(box)
    rules = tuple(box for box in marks if box[3] - box[1] < 3 and box[2] - box[0] > 60)
    return Graphics(tuple(_connected(marks, width, height)), rules, tuple(images))


def _bounds(thing: Any, place: Placing) -> Box | None:
    import pypdfium2

    try:
        return place(*thing.get_bounds())
    except pypdfium2.PdfiumError:
        # A few kinds of object have no place.
        return None


def _connected(marks: Sequence[Box], width: float, height: float) -> list[Box]:
    """Join marks that touch or nearly do, on a grid: a plot can hold tens of thousands of paths."""
    import numpy as np

    rows, columns = int(height / _CELL) + 2, int(width / _CELL) + 2
    filled = np.zeros((rows, columns), dtype=bool)
    spans = []
    for box in marks:
        x0, y0, x1, y1 = (int(np.clip(value / _CELL, 0, limit - 1)) for value, limit in
                          zip(box, (columns, rows, columns, rows), strict=True))  # fmt: skip
        filled[max(y0 - _JOIN, 0) : y1 + _JOIN + 1, max(x0 - _JOIN, 0) : x1 + _JOIN + 1] = True
        spans.append((y0, x0))
    names = _components(filled)
    groups: dict[int, list[Box]] = {}
    for box, (y, x) in zip(marks, spans, strict=True):
        groups.setdefault(int(names[y, x]), []).append(box)
    joined = [union(boxes) for boxes in groups.values()]
    return [box for box in joined if box is not None]


def _components(filled: Any) -> Any:
    """Number the connected areas of a boolean grid (four neighbours)."""
    import numpy as np

    names = np.zeros(filled.shape, dtype=np.int32)
    count = 0
    for y, x in zip(*np.nonzero(filled), strict=True):
        if names[y, x]:
            continue
        count += 1
        names[y, x] = count
        stack = [(int(y), int(x))]
        while stack:
            row, column = stack.pop()
            for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                inside = 0 <= near[0] < filled.shape[0] and 0 <= near[1] < filled.shape[1]
                if inside and filled[near] and not names[near]:
                    names[near] = count
                    stack.append(near)
    return names
