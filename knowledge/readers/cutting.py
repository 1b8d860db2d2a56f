"""Cutting text into pieces that stay exact: every piece is a span of its source, quotes can be checked.

Sections come from headings (Markdown) or pages; a section that is too long for the embedding model is
packed by sentences with llama-index's SentenceSplitter. Its words are counted by our own pattern and its
sentences cut by ours, so that it needs neither tiktoken nor nltk, both of which fetch files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from core.contracts import Locator
from knowledge.records import Piece, PieceKind

CHUNK_WORDS = 320
"""Words and marks a piece; `docs/retrieval.md` has the sizes that were measured."""
OVERLAP_WORDS = 40
_WORD = re.compile(r"\w+|[^\w\s]")
_SENTENCE = re.compile(r".+?(?:[.!?][\"'’”)\]]*\s+(?=[\"'“(\[]?[A-Z0-9])|\n\s*\n|\Z)", re.S)
_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.+?)[ \t#]*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")


@dataclass(frozen=True)
class Section:
    """A stretch of a text: `start` and `end` are character offsets, `heading` its path of titles."""

    start: int
    end: int
    heading: str = ""


def split_text(
    text: str,
    *,
    kind: PieceKind = "passage",
    title: str = "",
    sections: list[Section] | None = None,
    path: str | None = None,
    page: int | None = None,
    lines: bool = True,
) -> list[Piece]:
    """Cut a text into pieces of at most `CHUNK_WORDS`, none across a section's border.

    Args:
        text: The exact text.
        kind: What the pieces are.
        title: Title of the document; searched with each piece, before the section's heading.
        sections: Spans in order; by default the whole text is one.
        path: File for the locator.
        page: Page for the locator.
        lines: Whether the text's lines are those of the file.
    """
    line_of = _LineIndex(text) if lines else None
    pieces = []
    for section in sections or [Section(0, len(text))]:
        for start, end in _spans(text, section.start, section.end):
            pieces.append(
                Piece(
                    text=text[start:end],
                    kind=kind,
                    locator=Locator(
                        path=path,
                        page=page,
                        section=section.heading or None,
                        lines=(line_of(start), line_of(end - 1)) if line_of else None,
                    ),
                    title=" > ".join(part for part in (title, section.heading) if part),
                )
            )
    return pieces


def markdown_sections(text: str) -> list[Section]:
    """Return the sections of a Markdown text by its ATX headings; fenced code has no headings."""
    marks: list[tuple[int, str]] = []
    trail: list[tuple[int, str]] = []
    fence = ""
    place = 0
    for line in text.splitlines(keepends=True):
        fenced = _FENCE.match(line)
        if fenced and not fence:
            fence = fenced[1][0] * 3
        elif fenced and fenced[1].startswith(fence):
            fence = ""
        elif not fence and (heading := _HEADING.match(line.rstrip("\r\n"))):
            level = len(heading[1])
            trail = [*(item for item in trail if item[0] < level), (level, heading[2].strip())]
            marks.append((place, " > ".join(name for _, name in trail)))
        place += len(line)
    starts = [(0, ""), *marks]
    ends = [start for start, _ in marks] + [len(text)]
    return [
        Section(start, end, heading)
        for (start, heading), end in zip(starts, ends, strict=True)
        if text[start:end].strip()
    ]


def _spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the offsets of the pieces of one section, without white space around them."""
    body = text[start:end]
    start += len(body) - len(body.lstrip())
    body = body.strip()
    if not body:
        return
    if count_words(body) <= CHUNK_WORDS:
        yield start, start + len(body)
        return
    cursor = 0
    for part in _splitter().split_text(body):
        found = body.find(part, cursor)
        if found < 0:
            # The splitter joined what does not stand together: the exact text wins over its cut.
            yield from _even_spans(body, start)
            return
        yield start + found, start + found + len(part)
        # The next piece overlaps this one, but never starts before it.
        cursor = found + 1


def _even_spans(body: str, start: int) -> Iterator[tuple[int, int]]:
    words = list(_WORD.finditer(body))
    for first in range(0, len(words), CHUNK_WORDS - OVERLAP_WORDS):
        part = words[first : first + CHUNK_WORDS]
        yield start + part[0].start(), start + part[-1].end()


def count_words(text: str) -> int:
    """Return the number of words and marks, the measure of a piece's size."""
    return len(_WORD.findall(text))


@cache
def _splitter() -> Any:
    from llama_index.core.node_parser import SentenceSplitter

    return SentenceSplitter(
        chunk_size=CHUNK_WORDS,
        chunk_overlap=OVERLAP_WORDS,
        tokenizer=_WORD.findall,
        chunking_tokenizer_fn=_SENTENCE.findall,
        include_metadata=False,
    )


class _LineIndex:
    """Line numbers from 1 for the character offsets of a text."""

    def __init__(self, text: str) -> None:
        self._ends = [match.start() for match in re.finditer(r"\n", text)]

    def __call__(self, offset: int) -> int:
        from bisect import bisect_left

        return bisect_left(self._ends, offset) + 1
