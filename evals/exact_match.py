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
_BARE_FRACTION = re.compile(r"(?<![\w.])\.(?=\d)")
_MINUS = "\N{MINUS SIGN}"
_PUNCTUATION = re.compile(r"[^\w\s.%+-]|(?<!\d)\.|\.(?!\d)|_")


def normal_answer(text: str) -> str:
    """Return an answer in lower case, without punctuation and articles, with small numbers as digits.

    A minus (however it is written) and a decimal point stay where they belong to a number, so that -1.5 and
    15 differ, and so do .5 and 5. Marks are part of their letters: vowels of Hindi are. Two answers that are
    equal after this are the same answer.
    """
    text = unicodedata.normalize("NFKC", text).casefold().replace(_MINUS, "-").strip()
    text = _BARE_FRACTION.sub("0.", text)
    text = _BETWEEN_DIGITS.sub("", text)
    text = re.sub(r"(?<!\d)-(?!\d)|(?<=\w)-(?=\w)", " ", text)
    words = _PUNCTUATION.sub(_mark_or_space, text).split()
    kept = [_NUMBERS.get(word, word) for word in words if word not in _ARTICLES]
    # "a" alone is an option's letter, not an article.
    return " ".join(kept or words)


def _mark_or_space(found: re.Match[str]) -> str:
    return found[0] if unicodedata.category(found[0]).startswith("M") else " "


def exact_match(answer: str, accepted: Iterable[str]) -> bool:
    """Tell whether an answer equals one of the accepted ones; an empty answer never does."""
    given = normal_answer(answer)
    return bool(given) and any(given == normal_answer(one) for one in accepted)
