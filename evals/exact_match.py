"""Whether a short answer is one of the accepted ones, as VQA's evaluation sees it (Antol et al. 2015)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()
    )
}
_ARTICLES = {"a", "an", "the"}
_BETWEEN_DIGITS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_PUNCTUATION = re.compile(r"[^\w\s.%+-]|(?<!\d)\.|\.(?!\d)|_")


def normal_answer(text: str) -> str:
    """Return an answer in lower case, without punctuation and articles, with small numbers as digits.

    A minus and a decimal point stay where they belong to a number, so that -1.5 and 15 differ. Two answers
    that are equal after this are the same answer.
    """
    text = unicodedata.normalize("NFKC", text).casefold().strip()
    text = _BETWEEN_DIGITS.sub("", text)
    text = re.sub(r"(?<!\d)-(?!\d)|(?<=\w)-(?=\w)", " ", text)
    words = _PUNCTUATION.sub(" ", text).split()
    kept = [_NUMBERS.get(word, word) for word in words if word not in _ARTICLES]
    # "a" alone is an option's letter, not an article.
    return " ".join(kept or words)


def exact_match(answer: str, accepted: Iterable[str]) -> bool:
    """Tell whether an answer equals one of the accepted ones; an empty answer never does."""
    given = normal_answer(answer)
    return bool(given) and any(given == normal_answer(one) for one in accepted)
