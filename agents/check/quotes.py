"""Does a quote occur in its evidence? And what stands around it?

A quote compares as people read it (`core.text.squash`), but it has to be whole: `3.00` is not a quote of
`73.00`, and `effusion` alone may not hide the `no` in front of it, so callers get the whole sentence back.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from core.text import sentences, squash


@lru_cache(maxsize=1024)
def plain(text: str) -> str:
    """Squash a text without letting `10²` become `102` or `1½` become `11⁄2`."""
    if text.isascii():
        return squash(text)
    return squash("".join(_mark_raised(char) for char in text))


def _mark_raised(char: str) -> str:
    kind = unicodedata.decomposition(char).split(" ", 1)[0]
    return f"^{char}" if kind in ("<super>", "<sub>", "<fraction>") else char


def occurs(quote: str, content: str) -> bool:
    """Return whether a quote stands in a content, whole: no part of a word or of a number."""
    needle, hay = plain(quote), plain(content)
    if not any(char.isalnum() for char in needle):
        return False
    if needle == hay:
        return True
    if len(needle) == 1 and not needle.isdigit():
        return False  # one letter stands in every text and supports nothing
    start = hay.find(needle)
    while start >= 0:
        if _whole(hay, start, start + len(needle)):
            return True
        start = hay.find(needle, start + 1)
    return False


def _whole(text: str, start: int, end: int) -> bool:
    before, after = text[:start], text[end:]
    first, last = text[start], text[end - 1]
    if first.isalnum() and before[-1:].isalnum():
        return False
    if last.isalnum() and after[:1].isalnum():
        return False
    if first.isdigit() and re.search(r"\d[.,:/]$|(?:^|\s)[-−]$|[.^]$", before):
        return False
    return not (last.isdigit() and re.match(r"[.,:/]\d|\^", after))


def surroundings(quote: str, content: str) -> str:
    """Return the sentences of a content that a quote touches, joined; the quote itself if none is found.

    Tables and Markdown count a line as a sentence, so that a cell does not borrow its neighbours' words.
    """
    return "\n".join(touched(quote, split_text(content))) or quote


def touched(quote: str, pieces: Iterable[str]) -> list[str]:
    """Return the pieces that a quote touches: it stands in them, or they in it."""
    return [piece for piece in pieces if occurs(quote, piece) or occurs(piece, quote)]


def line_sentences(text: str) -> list[str]:
    """Split a text into sentences, none of which goes on after the end of a line."""
    return [piece for line in text.split("\n") for piece in sentences(line)]


def split_text(text: str) -> list[str]:
    """Split a text into sentences; each row of a table or list is one of its own."""
    pieces: list[str] = []
    block: list[str] = []
    for line in [*text.splitlines(), ""]:
        stripped = line.strip()
        alone = not stripped or stripped[0] in "|#>" or re.match(r"(?:[-*+•]|\d{1,3}[.)])\s", stripped)
        if alone:
            pieces += sentences(" ".join(block))
            block = []
            if stripped and (stripped[0] in "|#" or not re.match(r"[-*+•\d>]", stripped)):
                pieces.append(stripped)
            elif stripped:
                block = [stripped]
        else:
            block.append(stripped)
    return [piece for piece in pieces if piece]
