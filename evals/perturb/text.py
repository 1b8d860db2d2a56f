"""Changes of a question's wording that keep its meaning. Pure; the same seed gives the same text.

What an answer hangs on is never touched: names, numbers, codes, and words that deny, compare or ask.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection

_WORD = re.compile(r"[^\W\d_]+")
_SHORTEST = 5
"""Shorter words turn into other words too easily (`form`, `from`)."""
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
MEANING = frozenset(
    "never without except neither nobody nothing cannot false wrong untrue "
    "before after above below under least fewer fewest highest lowest longer longest shorter shortest taller "
    "tallest heavier heaviest lighter lightest higher lower larger largest smaller smallest older oldest "
    "younger youngest earlier earliest later latest first which where when whose there their often".split()
)
"""Words that a slip of the finger would turn into another question."""


def typos(text: str, seed: int, count: int = 1, known: Collection[str] = ()) -> str:
    """Return the text with a slip of the finger in so many words, fewer when fewer may be touched.

    A letter inside a word is swapped with the next, dropped, doubled, or replaced by its neighbour on the
    keyboard. Only lower-case words of five letters or more are touched, none of `MEANING`.

    Args:
        text: A question in English.
        seed: Picks words and slips.
        count: So many words.
        known: Words that a slip may not make; those of the collection asked, for example.
    """
    dice = random.Random(f"typo-{seed}-{text}")  # noqa: S311 - a draw, no secret
    free = [match for match in _WORD.finditer(text) if _is_free(text, match)]
    chosen = dice.sample(free, min(count, len(free)))
    for match in sorted(chosen, key=lambda one: -one.start()):
        text = text[: match.start()] + _slipped(match[0], dice, known) + text[match.end() :]
    return text


def _slipped(word: str, dice: random.Random, known: Collection[str]) -> str:
    places = [(slip, at) for slip in _SLIPS for at in range(1, len(word) - 2)]
    dice.shuffle(places)
    for slip, at in places:
        changed = slip(word, at, dice)
        if changed != word and changed not in known:
            return changed
    return word


def _is_free(text: str, match: re.Match[str]) -> bool:
    word = match[0]
    inside = text[match.start() - 1 : match.start()] + text[match.end() : match.end() + 1]
    joined = any(char in "-'’_/@.0123456789" and char for char in inside.rstrip(".?! "))
    return word.islower() and len(word) >= _SHORTEST and word not in MEANING and not joined


def _swap(word: str, at: int, dice: random.Random) -> str:
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _drop(word: str, at: int, dice: random.Random) -> str:
    return word[:at] + word[at + 1 :]


def _double(word: str, at: int, dice: random.Random) -> str:
    return word[:at] + word[at] + word[at:]


def _neighbour(word: str, at: int, dice: random.Random) -> str:
    for row in _ROWS:
        place = row.find(word[at])
        if place >= 0:
            beside = [row[near] for near in (place - 1, place + 1) if 0 <= near < len(row)]
            return word[:at] + dice.choice(beside) + word[at + 1 :]
    return word


_SLIPS: tuple[Callable[[str, int, random.Random], str], ...] = (_swap, _drop, _double, _neighbour)


def lower_case(text: str) -> str:
    """Return the text as people type it in a hurry: no capitals."""
    return text.lower()


def upper_case(text: str) -> str:
    """Return the text with caps lock on."""
    return text.upper()


def bare(text: str) -> str:
    """Return the text without its mark at the end and without commas between words."""
    return re.sub(r",(?=\s)", "", text).rstrip("?!. ")


def spaced(text: str) -> str:
    """Return the text with white space as a paste leaves it."""
    return "  " + "  ".join(text.split(" ")) + " \n"


def excited(text: str) -> str:
    """Return the text with more marks at the end than it needs."""
    return text.rstrip("?!. ") + " ???!"


FORMATS: dict[str, Callable[[str], str]] = {
    "lower case": lower_case,
    "upper case": upper_case,
    "no marks": bare,
    "white space": spaced,
    "many marks": excited,
}
"""Changes of case, punctuation and white space."""

FRAMES = (
    "Could you tell me this, please: {}",
    "I have a question. {}",
    "{} Please answer briefly.",
    "Hello! {} Thank you in advance.",
    "Our team needs to know the following for a report: {}",
)
"""What people write around a question."""


def framed(text: str, seed: int) -> str:
    """Return the question with politeness or a reason around it."""
    return FRAMES[seed % len(FRAMES)].format(text)
