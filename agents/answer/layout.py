"""A read page as lines and visual rows, so that an extractor can ask what stands beside and below."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from core.contracts import Box, Evidence
from models.ocr_layout import rows_of

_NO_BOX: Box = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Line:
    """A line of text with its place: `row` counts visual rows from the top, `place` within the row."""

    evidence: Evidence
    text: str
    box: Box
    row: int
    place: int

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.box[3] - self.box[1]

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.box[2] - self.box[0]

    @property
    def centre(self) -> float:
        """Horizontal centre in pixels."""
        return (self.box[0] + self.box[2]) / 2

    @property
    def trust(self) -> float:
        """The reader's score, 0 to 1."""
        return min(max(self.evidence.score, 0.0), 1.0)


@dataclass(frozen=True)
class Page:
    """The lines of one image, in reading order and by row."""

    rows: tuple[tuple[Line, ...], ...]
    height: float
    """The usual height of a line in pixels."""

    @property
    def lines(self) -> tuple[Line, ...]:
        """Every line, row by row."""
        return tuple(line for row in self.rows for line in row)

    @property
    def top(self) -> float:
        """Where the first line starts, in pixels."""
        return min((line.box[1] for line in self.lines), default=0.0)

    @property
    def bottom(self) -> float:
        """Where the last line ends, in pixels."""
        return max((line.box[3] for line in self.lines), default=0.0)

    def depth(self, line: Line) -> float:
        """How far down the text a line stands, 0 to 1."""
        return (line.box[1] - self.top) / max(self.bottom - self.top, 1.0)

    def right_of(self, line: Line) -> tuple[Line, ...]:
        """Return the lines of the same row to the right, nearest first."""
        return self.rows[line.row][line.place + 1 :]

    def is_header(self, line: Line) -> bool:
        """Whether a line stands in a row of column titles: no figures, and cells under its cells."""
        row = self.rows[line.row]
        if len(row) < 2 or line.row + 1 >= len(self.rows) or any(":" in cell.text for cell in row):
            return False
        if any(char.isdigit() for cell in row for char in cell.text):
            return False
        under = [cell for cell in self.rows[line.row + 1] if any(_overlaps(above, cell) for above in row)]
        if len(row) == 2:
            return len(under) >= 2 and all(any(c.isdigit() for c in cell.text) for cell in under)
        return len(under) >= 2

    def below(self, line: Line, *, reach: float = 2.2) -> tuple[Line, ...]:
        """Return the lines under a line, nearest first, within `reach` line heights."""
        limit = line.box[3] + reach * max(line.height, self.height * 0.7)
        found = [
            other
            for row in self.rows[line.row + 1 : line.row + 4]
            for other in row
            if other.box[1] <= limit and _overlaps(line, other)
        ]
        return tuple(sorted(found, key=lambda other: other.box[1]))


def _overlaps(line: Line, other: Line) -> bool:
    shared = min(line.box[2], other.box[2]) - max(line.box[0], other.box[0])
    return shared > 0.3 * min(line.width, other.width)


def pages_of(evidence: Sequence[Evidence]) -> list[Page]:
    """Group evidence of kind `ocr` by image and page, and lay its lines out."""
    groups: dict[tuple[str, int], list[Evidence]] = {}
    for item in evidence:
        if item.kind == "ocr" and item.content.strip():
            key = (item.locator.sha256 or item.source, item.locator.page or 0)
            groups.setdefault(key, []).append(item)
    return [_page(items) for items in groups.values()]


def _page(items: Sequence[Evidence]) -> Page:
    boxes = [item.locator.box or _NO_BOX for item in items]
    rows = tuple(
        tuple(
            Line(items[index], items[index].content.strip(), boxes[index], number, place)
            for place, index in enumerate(row)
        )
        for number, row in enumerate(rows_of(boxes))
    )
    heights = [box[3] - box[1] for box in boxes]
    return Page(rows, statistics.median(heights) if heights else 0.0)
