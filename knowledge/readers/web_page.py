"""The visible text of a page by its headings, in one pass over its tags.

The standard library's parser gives tags as events, so that time grows with a page's length alone; building a
tree first took minutes on pages that are nested ten thousand deep. llama-index's HTML readers keep only the
text of chosen tags and no sections.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from knowledge.readers.cutting import Section, split_text
from knowledge.records import Piece

_NOISE = frozenset({"script", "style", "noscript", "template", "nav", "svg", "head"})
_BLOCKS = frozenset(
    "p div section article main header footer aside li ul ol dl dt dd table tr h1 h2 h3 h4 h5 h6 pre "
    "blockquote figure figcaption br hr form".split()
)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_OPEN, _CLOSE = "\x02", "\x03"
"""Marks around headings; the page's own are taken out."""


def html_pieces(path: Path, text: str) -> list[Piece]:
    """Return the visible text of a page by its headings. Lines would be those of no file: none given."""
    title, body, sections = html_text(text)
    return split_text(body, title=title or path.stem, sections=sections, path=str(path), lines=False)


def html_text(text: str) -> tuple[str, str, list[Section]]:
    """Return a page's title, its normalised text and its sections."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    plain = re.sub(r"[ \r\f\v\xa0]+", " ", "".join(reader.parts))
    plain = re.sub(r" ?\n[ \n]*", "\n", plain)
    body, start, heading = "", 0, ""
    sections: list[Section] = []
    for part in re.split(rf"({_OPEN}[^{_CLOSE}]*{_CLOSE})", plain):
        if part.startswith(_OPEN):
            sections.append(Section(start, len(body), heading))
            start, heading = len(body), re.sub(r"\s+", " ", part.strip(_OPEN + _CLOSE)).strip()
        body += part.replace(_OPEN, "").replace(_CLOSE, "")
    sections.append(Section(start, len(body), heading))
    return re.sub(r"\s+", " ", "".join(reader.title)).strip(), body, sections


class _Reader(HTMLParser):
    """Collects visible text, with line breaks where blocks begin and end."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.title: list[str] = []
        self._noise: list[str] = []
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title" and "svg" not in self._noise:
            self._in_title = True
        if tag == "body":
            # A head that was never closed ends here.
            self._noise = []
        if tag in _NOISE:
            self._noise.append(tag)
        elif not self._noise:
            if tag in _BLOCKS:
                self.parts.append("\n")
            if tag in _HEADINGS:
                self.parts.append(_OPEN)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS and not self._noise:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        if tag in self._noise:
            # Closing one closes what was left open inside it.
            del self._noise[len(self._noise) - 1 - self._noise[::-1].index(tag) :]
        elif not self._noise:
            if tag in _HEADINGS:
                self.parts.append(_CLOSE)
            if tag in _BLOCKS:
                self.parts.append("\n")
            if tag in {"td", "th"}:
                self.parts.append("\t")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        elif not self._noise:
            self.parts.append(data.replace(_OPEN, "").replace(_CLOSE, ""))
