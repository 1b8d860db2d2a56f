"""Slips of the finger in a question, mended by the words of the evidence that was found for it.

Extraction looks for the question's words in the evidence, and one swapped letter is another word to it. A
word is a slip when it is none that the embedded text model knows, and the evidence does not have it; it is
mended when exactly one word of the evidence is one slip away. Names, numbers and codes are never touched.
Terms of medicine often differ in one letter (abduction, adduction): the caller leaves such questions alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from functools import cache

from agents.question import ParsedQuestion, parse_question
from core.contracts import Evidence

_WORD = re.compile(r"(?<![\w.@/'’-])[a-z]{5,}(?![\w@/'’-])")
"""Whole words in lower case; shorter ones have too many neighbours."""


def suspects(question: ParsedQuestion, evidence: Iterable[Evidence]) -> list[str]:
    """Return the words of a question that the evidence does not have: all that could be slips. Fast."""
    asked = dict.fromkeys(_WORD.findall(question.stem))
    if not asked:
        return []
    text = " ".join(item.content for item in evidence).lower()
    return [word for word in asked if word not in text]


def mended(
    question: ParsedQuestion, evidence: Sequence[Evidence], known: Collection[str] | None = None
) -> ParsedQuestion:
    """Return the question with its slips mended, or the very same.

    Args:
        question: What was asked.
        evidence: What was found for it.
        known: Words that are no slips; by default those of the embedded text model, read once (blocking).
    """
    words = known_words() if known is None else known
    slips = [word for word in suspects(question, evidence) if word not in words]
    if not slips or not words:
        return question
    stand = {word for item in evidence for word in _WORD.findall(item.content)}
    text = question.text
    for slip in slips:
        near = [word for word in stand if word[0] == slip[0] and one_slip(slip, word)]
        if len({word.rstrip("s") for word in near}) == 1:
            text = re.sub(rf"\b{slip}\b", min(near, key=len), text)
    return question if text == question.text else parse_question(text)


def one_slip(one: str, other: str) -> bool:
    """Return whether two words are one letter apart: added, missing, changed, or two swapped."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if same is None:
        return True
    left, right = one[same:], other[same:]
    swapped = left[1:2] + left[:1] + left[2:]
    return left[1:] == right[1:] or left[1:] == right or left == right[1:] or swapped == right


@cache
def known_words() -> frozenset[str]:
    """Return the words that the embedded text model has whole; none where it is not installed. Blocking."""
    from core.errors import VidenceError
    from models.minilm import minilm_folder

    try:
        path = minilm_folder() / "vocab.txt"
        lines = path.read_text(encoding="utf-8").split("\n")
    except (VidenceError, OSError):
        return frozenset()
    return frozenset(line for line in lines if line.isalpha())
