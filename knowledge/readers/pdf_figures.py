"""Where the figures and tables of a PDF page are.

A figure's region is the drawing next to its caption, with the labels in and around them; a table's is what
stands between its rules, or the lines of cells under its caption. The heuristics are those of PDFFigures
(Clark and Divvala 2016) in short: captions first, then the region that each can claim. Boxes are points from
the page's top left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.contracts import Box
from knowledge.readers.pdf_captions import Caption, find_captions
from knowledge.readers.pdf_graphics import Graphics
from knowledge.readers.pdf_page import Line, PageText, area, beside, shared, union

_REACH = 90.0
"""Points from a caption within which its figure begins."""
_SMALLEST = (36.0, 24.0)
_LABEL_REACH = 14.0
_LABEL_WORDS = 6
_PROSE_WORDS = 9


@dataclass(frozen=True)
class Region:
    """A figure or table: its place, its caption (empty for an image without one), its kind and number."""

    box: Box
    caption: str = ""
    kind: str = "figure"
    number: str = ""


def find_regions(page: PageText, graphics: Graphics) -> list[Region]:
    """Return the figures and tables of a page from its text and drawings, top to bottom."""
    lines = page.lines()
    captions = find_captions(lines)
    claimed: list[Region] = []
    for caption in captions:
        others = [item for item in captions if item is not caption]
        others_lines = {line for item in captions for line in item.lines}
        free = [line for line in lines if line not in others_lines]
        find = _table if caption.kind == "table" else _figure
        box = find(caption, others, free, graphics, page)
        if box is not None and not any(shared(box, old.box) > 0.5 * area(box) for old in claimed):
            claimed.append(Region(_padded(box, page), caption.text, caption.kind, caption.number))
    for image in graphics.images:
        if _large(image, page) and not any(shared(image, old.box) > 0.5 * area(image) for old in claimed):
            claimed.append(Region(_padded(image, page)))
    return sorted(claimed, key=lambda region: (region.box[1], region.box[0]))


def _large(box: Box, page: PageText) -> bool:
    """Whether an image without a caption is worth a piece: no icon, no background."""
    share = area(box) / max(page.width * page.height, 1.0)
    return min(box[2] - box[0], box[3] - box[1]) >= 72 and 0.02 <= share <= 0.85


def _figure(
    caption: Caption, others: Sequence[Caption], lines: Sequence[Line], graphics: Graphics, page: PageText
) -> Box | None:
    """Return the drawings that a caption can claim: the nearest, and what stands close to it."""
    free = [
        box for box in graphics.drawings if _big(box) and shared(box, caption.box) < 0.5 * area(caption.box)
    ]
    near = [(distance, box) for box in free if (distance := _distance(caption, box)) is not None]
    if not near:
        return None
    box = min(near)[1]
    above = box[3] <= caption.box[1] + 6
    for _ in range(4):
        for item in graphics.drawings:
            same_side = (item[3] <= caption.box[1] + 6) if above else (item[1] >= caption.box[3] - 6)
            near_it = _close(box, item, 36.0) or (_level(box, item) and not _claimed(item, others))
            if same_side and near_it and not _parted(box, item, others, lines):
                box = union((box, item)) or box
    return _with_labels(box, lines, caption)


def _big(box: Box) -> bool:
    return box[2] - box[0] >= _SMALLEST[0] and box[3] - box[1] >= _SMALLEST[1]


def _distance(caption: Caption, box: Box) -> float | None:
    """Return how far a drawing is from a caption; one above counts as nearer than one below."""
    if beside(box, caption.box) < 0.3:
        return None
    above, below = caption.box[1] - box[3], box[1] - caption.box[3]
    if -8 <= above <= _REACH:
        return above
    if -8 <= below <= _REACH:
        return below + 30
    return None


def _close(one: Box, two: Box, reach: float) -> bool:
    grown = (one[0] - reach, one[1] - reach, one[2] + reach, one[3] + reach)
    return shared(grown, (two[0], two[1], max(two[2], two[0] + 0.1), max(two[3], two[1] + 0.1))) > 0


def _level(one: Box, two: Box) -> bool:
    """Whether two drawings are panels side by side: about as high as each other, and not far apart."""
    down = min(one[3], two[3]) - max(one[1], two[1])
    across = max(one[0], two[0]) - min(one[2], two[2])
    return down > 0.6 * max(one[3] - one[1], two[3] - two[1]) and across < 90


def _claimed(box: Box, captions: Sequence[Caption]) -> bool:
    return any(_distance(caption, box) is not None for caption in captions)


def _parted(one: Box, two: Box, others: Sequence[Caption], lines: Sequence[Line]) -> bool:
    """Whether another caption, or prose, stands between two drawings."""
    both = union((one, two)) or one
    middle = [item.box for item in others]
    middle += [line.box for line in lines if len(line.text.split()) >= _PROSE_WORDS]
    return any(
        shared(box, both) > 0.5 * area(box) and shared(box, one) + shared(box, two) < 0.3 * area(box)
        for box in middle
    )


def _with_labels(box: Box, lines: Sequence[Line], caption: Caption) -> Box:
    """Grow a region by the text in it and by short labels at its border."""
    for _ in range(2):
        grown = (
            box[0] - _LABEL_REACH,
            box[1] - _LABEL_REACH,
            box[2] + _LABEL_REACH,
            box[3] + _LABEL_REACH,
        )
        for line in lines:
            if line in caption.lines:
                continue
            inside = shared(line.box, box) > 0.5 * area(line.box)
            label = len(line.text.split()) <= _LABEL_WORDS and line.width < 0.9 * (box[2] - box[0])
            if inside or (label and shared(line.box, grown) > 0.5 * area(line.box)):
                box = union((box, line.box)) or box
    above = box[1] < caption.box[1]
    # Never over the caption itself.
    return (box[0], box[1], box[2], min(box[3], caption.box[1])) if above else (
        box[0], max(box[1], caption.box[3]), box[2], box[3],
    )  # fmt: skip


def _table(
    caption: Caption, others: Sequence[Caption], lines: Sequence[Line], graphics: Graphics, page: PageText
) -> Box | None:
    """Return a table's place: its rules or grid below the caption, else above, else lines of cells below."""
    for below in (True, False):
        marks = [*graphics.rules, *(box for box in graphics.drawings if _big(box))]
        found = _ruled(caption, others, lines, marks, below=below)
        if found is not None:
            return found
    return _cells(caption, lines)


def _ruled(
    caption: Caption, others: Sequence[Caption], lines: Sequence[Line], marks: Sequence[Box], *, below: bool
) -> Box | None:
    edge = caption.box[3] if below else caption.box[1]
    side = [box for box in marks if (box[1] >= edge - 4 if below else box[3] <= edge + 4)]
    side = [box for box in side if beside(box, caption.box) >= 0.3]
    side.sort(key=lambda box: box[1] if below else -box[3])
    region: Box | None = None
    for mark in side:
        reached = edge if region is None else (region[3] if below else region[1])
        between = (mark[0], min(reached, mark[1]), mark[2], max(reached, mark[3]))
        prose = [
            line
            for line in lines
            if shared(line.box, between) > 0.5 * area(line.box) and len(line.text.split()) >= _PROSE_WORDS
        ]
        gap = mark[1] - reached if below else reached - mark[3]
        captioned = any(shared(item.box, between) > 0.5 * area(item.box) for item in others)
        # Between the caption and the first rule stands nothing; between rules stand rows, not paragraphs.
        if (
            captioned
            or (region is None and gap > 40)
            or (region is not None and (gap > 400 or len(prose) > 6))
        ):
            break
        region = union((region, mark)) if region else mark
    if region is None or region[3] - region[1] < 10:
        return None
    inside = [line.box for line in lines if shared(line.box, region) > 0.5 * area(line.box)]
    return union((region, *inside)) if inside else None


def _cells(caption: Caption, lines: Sequence[Line]) -> Box | None:
    """Return the lines right under a caption that are cells: short, or with wide white in them."""
    rows: list[Line] = []
    under = sorted(
        (line for line in lines if line.box[1] >= caption.box[3] - 2), key=lambda line: line.box[1]
    )
    bottom = caption.box[3]
    for line in under:
        if line.box[1] - bottom > 2.5 * line.height or len(line.text.split()) >= 2 * _PROSE_WORDS:
            break
        if beside(line.box, caption.box) > 0 or rows:
            rows.append(line)
            bottom = max(bottom, line.box[3])
    return union(line.box for line in rows) if len(rows) >= 3 else None


def _padded(box: Box, page: PageText) -> Box:
    pad = 3.0
    return (
        round(max(box[0] - pad, 0.0), 1),
        round(max(box[1] - pad, 0.0), 1),
        round(min(box[2] + pad, page.width), 1),
        round(min(box[3] + pad, page.height), 1),
    )
