"""Multiple choice: which letter an answer chooses, and whether it is the right one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from evals.exact_match import normal_answer

_ALONE = re.compile(r"\W*([A-Za-z])\W*")
_IN_FRONT = re.compile(r"\W*([A-Za-z])[).:](?=\s|$)")
# A small `a` before a word is an article: "the answer is a decline" names no letter.
_NAMED = re.compile(
    r"\b(?:answer|option|choice)\b\W*(?:is\b)?\W*(?!(?-i:a)\s+\w)([A-Za-z])(?![\w'])", re.IGNORECASE
)


@dataclass(frozen=True)
class Choice:
    """The right letter of a multiple choice question, and what the options say, by letter."""

    letter: str
    options: Mapping[str, str]


def chosen_letter(text: str | None, options: Mapping[str, str] | None = None) -> str | None:
    """Return the letter that an answer chooses, or None.

    A letter alone ("B", "(b)"), an option's own words, a letter in front ("B. 42"), or one that is named
    ("the answer is B"), in this order. A letter that is no option chooses nothing.
    """
    text = (text or "").strip()
    said = normal_answer(text)
    alone = _ALONE.fullmatch(text)
    same = [letter for letter, option in (options or {}).items() if said and normal_answer(option) == said]
    if alone is None and len(same) == 1:
        return same[0].upper()
    found = alone or _IN_FRONT.match(text) or _NAMED.search(text)
    letter = found[1].upper() if found else None
    known = {name.upper() for name in options} if options else {letter}
    return letter if letter in known else None


def choice_match(prediction: str | None, gold: str | Choice) -> float:
    """Return 1 when an answer chooses the right letter, else 0."""
    letter, options = (gold.letter, gold.options) if isinstance(gold, Choice) else (gold, None)
    return float(chosen_letter(prediction, options) == letter.strip().upper())
