"""From recognised words to lines: split at wide gaps, tight boxes, reading order. Pure functions."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.contracts import Box, OcrLine
from models.ocr_text import tidy

# Words further apart than this share of the text's height belong to different lines (a label and the
# value in the next column); an ordinary space is 0.2 to 0.6 of the height.
GAP_SHARE = 0.85
# A label's colon holds its value when the detector saw one line.
COLON_GAP_SHARE = 1.3
# The detector grows its boxes so that no stroke is cut; these shares of the height bring a box back
# to the ink.
MARGIN_Y, MARGIN_X = 0.11, 0.08
# The detector parts `Date: 01/02/2018` where the colon is faint; its boxes then almost touch.
_TOUCH_SHARE = 0.3
_LABEL_WORD = re.compile(r"[^\W\d_]{2,14}\s?:?")
_COLUMN_LINES, _COLUMN_CHARS = 5, 20


@dataclass(frozen=True)
class Word:
    """A word of a recognised line with its box."""

    text: str
    box: Box


@dataclass(frozen=True)
class RawLine:
    """A line as the recogniser gave it; `height` is measured across a tilted line."""

    text: str
    box: Box
    height: float
    score: float
    words: tuple[Word, ...] = ()


def split_at_gaps(line: RawLine) -> list[RawLine]:
    """Split a line where two words stand further apart than words of one phrase do."""
    starts = _word_starts(line)
    if starts is None:
        return [line]
    cuts = [
        index
        for index in range(1, len(line.words))
        if line.words[index].box[0] - line.words[index - 1].box[2]
        > (COLON_GAP_SHARE if line.words[index - 1].text.endswith(":") else GAP_SHARE) * line.height
    ]
    if not cuts:
        return [line]
    parts: list[RawLine] = []
    for first, last in zip([0, *cuts], [*cuts, len(line.words)], strict=True):
        words = line.words[first:last]
        end = len(line.text) if last == len(line.words) else starts[last]
        text = line.text[starts[first] : end].strip()
        left = line.box[0] if first == 0 else words[0].box[0] - MARGIN_X * line.height
        right = line.box[2] if last == len(line.words) else words[-1].box[2] + MARGIN_X * line.height
        top, bottom = _slice_y(line, words)
        parts.append(RawLine(text, (left, top, right, bottom), line.height, line.score, words))
    return [part for part in parts if part.text]


def _slice_y(line: RawLine, words: Sequence[Word]) -> tuple[float, float]:
    """A part of a tilted line is lower or higher than the whole: take its own words' extent."""
    top = max(line.box[1], min(word.box[1] for word in words))
    bottom = min(line.box[3], max(word.box[3] for word in words))
    return (top, bottom) if bottom - top > 0.6 * line.height else (line.box[1], line.box[3])


def _word_starts(line: RawLine) -> list[int] | None:
    """Where each word starts in the text, or None when words and text do not match."""
    starts: list[int] = []
    position = 0
    for word in line.words:
        found = line.text.find(word.text, position)
        if found < 0 or not word.text:
            return None
        starts.append(found)
        position = found + len(word.text)
    return starts or None


def join_touching(lines: Sequence[RawLine]) -> list[RawLine]:
    """Join a one-word label with the figure that its box touches: they are one phrase."""
    rows = rows_of([line.box for line in lines])
    joined: list[RawLine] = []
    for row in rows:
        for index in row:
            line = lines[index]
            last = joined[-1] if joined and index != row[0] else None
            if last is not None and _belong(last, line):
                joined[-1] = _join(last, line)
            else:
                joined.append(line)
    return joined


def _belong(label: RawLine, value: RawLine) -> bool:
    near = value.box[0] - label.box[2] < _TOUCH_SHARE * min(label.height, value.height)
    alike = 0.7 < label.height / max(value.height, 1e-6) < 1.4
    return near and alike and bool(_LABEL_WORD.fullmatch(label.text)) and value.text[:1].isdigit()


def _join(a: RawLine, b: RawLine) -> RawLine:
    box = (a.box[0], min(a.box[1], b.box[1]), b.box[2], max(a.box[3], b.box[3]))
    score = (a.score * len(a.text) + b.score * len(b.text)) / (len(a.text) + len(b.text))
    return RawLine(f"{a.text} {b.text}", box, max(a.height, b.height), score, (*a.words, *b.words))


def tighten(box: Box, height: float) -> Box:
    """Take the detector's margin off a box; never below half its size."""
    x0, y0, x1, y1 = box
    dx = min(MARGIN_X * height, (x1 - x0) / 4)
    dy = min(MARGIN_Y * height, (y1 - y0) / 4)
    return (x0 + dx, y0 + dy, x1 - dx, y1 - dy)


def rows_of(boxes: Sequence[Box]) -> list[list[int]]:
    """Group boxes into visual rows, top to bottom, each left to right.

    A box joins the row of its nearest left neighbour at the same height, so that a slightly tilted
    page keeps its rows.
    """
    order = sorted(range(len(boxes)), key=lambda i: (boxes[i][0], boxes[i][1]))
    rows: list[list[int]] = []
    for index in order:
        best, overlap = -1, 0.5
        for number, row in enumerate(rows):
            share = _shared_height(boxes[row[-1]], boxes[index])
            clear = boxes[row[-1]][2] - boxes[index][0] < 0.5 * _height(boxes[index])
            if share > overlap and clear:
                best, overlap = number, share
        if best >= 0:
            rows[best].append(index)
        else:
            rows.append([index])
    return sorted(rows, key=lambda row: statistics.fmean(_middle(boxes[i]) for i in row))


def _height(box: Box) -> float:
    return box[3] - box[1]


def _middle(box: Box) -> float:
    return (box[1] + box[3]) / 2


def _shared_height(a: Box, b: Box) -> float:
    shared = min(a[3], b[3]) - max(a[1], b[1])
    return shared / max(min(_height(a), _height(b)), 1e-6)


def reading_order(lines: Sequence[RawLine]) -> list[RawLine]:
    """Order lines row by row; columns of prose are read one after the other."""
    gutter = _prose_gutter(lines)
    if gutter is None:
        return [lines[i] for row in rows_of([line.box for line in lines]) for i in row]
    top, bottom, x = gutter
    middle = [line for line in lines if top <= _middle(line.box) <= bottom]
    left = [line for line in middle if line.box[2] <= x]
    right = [line for line in middle if line.box[2] > x]
    above = [line for line in lines if _middle(line.box) < top]
    below = [line for line in lines if _middle(line.box) > bottom]
    return [line for part in (above, left, right, below) for line in _by_rows(part)]


def _by_rows(lines: Sequence[RawLine]) -> list[RawLine]:
    return [lines[i] for row in rows_of([line.box for line in lines]) for i in row]


def _prose_gutter(lines: Sequence[RawLine]) -> tuple[float, float, float] | None:
    """Find the gap between two columns of running text: (top, bottom, x), or None.

    Labels with values beside them also leave a gap, but their lines are short.
    """
    prose = [line for line in lines if len(line.text) >= _COLUMN_CHARS]
    if len(prose) < 2 * _COLUMN_LINES:
        return None
    for edge in sorted({line.box[2] for line in prose}):
        left = [line for line in prose if line.box[2] <= edge]
        if len(left) < _COLUMN_LINES:
            continue
        top = min(line.box[1] for line in left)
        bottom = max(line.box[3] for line in left)
        beside = [line for line in lines if top <= _middle(line.box) <= bottom and line.box[2] > edge]
        long_right = [line for line in beside if len(line.text) >= _COLUMN_CHARS]
        if len(long_right) < _COLUMN_LINES or any(line.box[0] <= edge for line in beside):
            continue
        if len(left) + len(long_right) >= 0.8 * len(
            [line for line in lines if top <= _middle(line.box) <= bottom]
        ):
            return top, bottom, edge
    return None


def finish(lines: Sequence[RawLine], *, width: int, height: int) -> list[OcrLine]:
    """Split, order, tighten and clip raw lines of an image of this size in pixels."""
    parts = [part for line in lines for part in split_at_gaps(line)]
    done = []
    for line in reading_order(join_touching(parts)):
        x0, y0, x1, y1 = tighten(line.box, line.height)
        box = (max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height)))
        done.append(
            OcrLine(
                text=tidy(line.text),
                box=(round(box[0], 1), round(box[1], 1), round(box[2], 1), round(box[3], 1)),
                score=round(min(max(line.score, 0.0), 1.0), 4),
            )
        )
    return done


def moved(line: RawLine, *, scale: float, dy: float) -> RawLine:
    """Map a line of a scaled tile back: multiply by `scale`, then shift down by `dy` pixels."""

    def back(box: Box) -> Box:
        return (box[0] * scale, box[1] * scale + dy, box[2] * scale, box[3] * scale + dy)

    words = tuple(Word(word.text, back(word.box)) for word in line.words)
    return replace(line, box=back(line.box), height=line.height * scale, words=words)


def unturn(box: Box, turns: int, width: int, height: int) -> Box:
    """Map a box of an image that was turned `turns` quarters counter-clockwise back to it.

    `width` and `height` are those of the original in pixels.
    """
    x0, y0, x1, y1 = box
    if turns == 1:
        return (width - y1, x0, width - y0, x1)
    if turns == 2:
        return (width - x1, height - y1, width - x0, height - y0)
    if turns == 3:
        return (y0, height - x1, y1, height - x0)
    return box
