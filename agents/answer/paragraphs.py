"""Lines of a page joined into paragraphs, so that sentences that run over lines can be read and cited."""

from __future__ import annotations

from dataclasses import dataclass

from agents.answer.layout import Line, Page
from core.text import is_sentence

_MIN_WORDS = 7
_MAX_GAP = 0.9
"""Lines of one paragraph stand at most this many line heights apart."""


@dataclass(frozen=True)
class Paragraph:
    """A text joined from lines; `starts` gives each line's first character in it."""

    text: str
    lines: tuple[Line, ...]
    starts: tuple[int, ...]

    def lines_of(self, start: int, end: int) -> list[Line]:
        """Return the lines that a span of characters touches."""
        return [
            line
            for line, first in zip(self.lines, self.starts, strict=True)
            if first < end and first + len(line.text) > start
        ]


def paragraphs_of(page: Page) -> list[Paragraph]:
    """Return the paragraphs of running text on a page; short labels are none."""
    runs: list[list[Line]] = []
    for line in page.lines:
        home = next((run for run in reversed(runs) if _continues(run[-1], line)), None)
        if home is not None:
            home.append(line)
        else:
            runs.append([line])
    found = [_joined(run) for run in runs]
    return [item for item in found if len(item.text.split()) >= _MIN_WORDS or is_sentence(item.text)]


def _continues(last: Line, line: Line) -> bool:
    height = max(1.0, min(last.height, line.height))
    gap = line.box[1] - last.box[3]
    overlap = min(last.box[2], line.box[2]) - max(last.box[0], line.box[0])
    return (
        -0.5 * height <= gap <= _MAX_GAP * height
        and 0.7 < last.height / max(1.0, line.height) < 1.4
        and overlap > 0.3 * min(last.width, line.width)
        and any(char.isalpha() for char in line.text)
    )


def _joined(run: list[Line]) -> Paragraph:
    starts, text = [], ""
    for line in run:
        text += " " if text else ""
        starts.append(len(text))
        text += line.text
    return Paragraph(text, tuple(run), tuple(starts))
