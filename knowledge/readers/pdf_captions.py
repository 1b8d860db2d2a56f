"""The captions of a PDF page: lines that begin with `Figure 3.`, `Table 2:` and the like."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.contracts import Box
from knowledge.readers.pdf_page import Line, PageText, beside, union

_CAPTION = re.compile(
    r"(?P<kind>(?:Supplement(?:ary|al)\s+)?(?:Fig(?:ure)?|Table|Tab|Chart|Scheme|Plate|Exhibit|Algorithm|Box))"
    r"\.?\s*(?P<number>\d+(?:[.\-]\d+)*[A-Za-z]?|[IVXL]+|[A-Z]\.?\d+)(?P<mark>\s*[.:|—–\-)]|\s+|$)(?P<rest>.*)",
    re.I | re.S,
)
_GAP = 0.8
"""Of a line's height: more white than this ends a block of lines."""


@dataclass(frozen=True)
class Caption:
    """A caption with its place and lines; `kind` is `figure` or `table`."""

    text: str
    box: Box
    kind: str
    number: str
    lines: tuple[Line, ...]


def has_captions(page: PageText) -> bool:
    """Return whether a page may have captions; drawings need not be looked at where there are none."""
    return any(_CAPTION.match(line.strip()) for line in page.text.split("\n"))


def find_captions(lines: Sequence[Line]) -> list[Caption]:
    """Return the captions among the lines of a page, in order."""
    found = []
    for index, line in enumerate(lines):
        match = _CAPTION.match(line.text)
        if match is None or not _begins(match, line, lines[index - 1] if index else None):
            continue
        block = _block(index, lines)
        kind = "table" if match["kind"].lower().split()[-1].startswith("tab") else "figure"
        box = union(item.box for item in block)
        if box is not None:
            text = " ".join(" ".join(item.text.split()) for item in block)
            found.append(Caption(text, box, kind, match["number"], tuple(block)))
    return found


def _begins(match: re.Match[str], line: Line, before: Line | None) -> bool:
    """Whether a line that names a figure is its caption, not a sentence of the text about it."""
    if match["mark"].strip() or not match["rest"]:
        # `Figure 2.` may also end a sentence that was broken before it.
        return bool(match["mark"].strip() and match["rest"]) or before is None or _apart(before, line)
    if not match["rest"][0].isupper():
        return False
    return before is None or _apart(before, line)


def _apart(before: Line, line: Line) -> bool:
    gap = line.box[1] - before.box[3]
    return (
        gap > _GAP * max(line.height, before.height)
        or gap < -line.height
        or beside(before.box, line.box) <= 0
    )


def _block(index: int, lines: Sequence[Line]) -> list[Line]:
    """Return a caption's lines: those that follow closely, in the same column and about the same size."""
    block = [lines[index]]
    for line in lines[index + 1 : index + 15]:
        last = block[-1]
        gap = line.box[1] - last.box[3]
        follows = -0.5 * last.height <= gap <= _GAP * max(line.height, last.height)
        alike = 0.75 <= line.height / max(last.height, 1.0) <= 1.34
        if not follows or not alike or beside(line.box, block[0].box) < 0.5 or _CAPTION.match(line.text):
            break
        # A line that ends well before the block's border is its last.
        if len(block) > 1 and last.width < 0.6 * max(item.width for item in block[:-1]):
            break
        block.append(line)
    return block
