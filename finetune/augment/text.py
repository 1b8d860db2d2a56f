"""Small changes of a question's words that leave its meaning: typing slips, case, synonyms, dropped words."""

from __future__ import annotations

import re
from collections.abc import Collection
from random import Random
from typing import Literal

from finetune.augment import words
from finetune.data.rows import TrainRow

Slip = Literal["swap", "drop", "double", "neighbour", "case", "synonym", "stop_word"]
SLIPS: tuple[Slip, ...] = ("swap", "drop", "double", "neighbour", "case", "synonym", "stop_word")
_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")
_NEIGHBOURS = {
    "a": "sqz", "b": "vghn", "c": "xdfv", "d": "sefc", "e": "wrd", "f": "dgrc", "g": "fhtv", "h": "gjyb", "i": "uok", "j": "hkun",
    "k": "jlim", "l": "kop", "m": "njk", "n": "bmhj", "o": "ipl", "p": "ol", "q": "wa", "r": "etf", "s": "adwx", "t": "ryg",
    "u": "yij", "v": "cbfg", "w": "qes", "x": "zcsd", "y": "tuh", "z": "xas",
}  # fmt: skip
_SYNONYMS: dict[str, tuple[str, ...]] = {
    "picture": ("image",), "image": ("picture",), "photo": ("picture",), "kind": ("type", "sort"), "type": ("kind", "sort"),
    "displayed": ("shown",), "shown": ("displayed",), "show": ("display",), "visible": ("seen",), "pictured": ("shown",),
    "people": ("persons",), "biggest": ("largest",), "largest": ("biggest",), "bigger": ("larger",), "larger": ("bigger",),
    "presently": ("now",), "receipt": ("bill",), "purchase": ("buy",), "automobile": ("car",), "depicted": ("shown",),
    "located": ("placed",), "evident": ("visible",), "determine": ("find",), "identify": ("name",),
    "chart": ("graph",), "scan": ("image",),
}  # fmt: skip
_STOP = {"please", "the", "a", "an", "of", "there", "overall", "really", "actually"}
_DROPPABLE = {"please", "the", "overall", "really", "actually"}
_NEGATIONS = {
    "no", "not", "none", "nor", "neither", "never", "without", "nothing", "nobody", "cannot", "can't", "isn't", "aren't", "don't",
    "doesn't", "didn't", "won't", "wasn't", "weren't", "hasn't", "haven't", "shouldn't", "absent", "absence", "lack", "lacks",
    "free", "except", "unless", "but", "only", "least", "less", "fewer", "most", "more", "all", "any", "every", "both", "either", "or",
    "and", "if", "than", "same", "different", "normal", "abnormal", "exclude", "excluding", "other", "many", "much", "few", "little",
}  # fmt: skip
_SHORTEST = 5


def perturb(
    row: TrainRow, random: Random, *, known: Collection[str] = (), most: int = 2
) -> tuple[str, tuple[Slip, ...]]:
    """Return the question with one to `most` small changes, and which they are (none where nothing may change).

    Numbers, negations, comparisons, sides, colours, names and every word of the answers stay as they are. A slip
    never makes another word of `known`.
    """
    question, done = row.question, []
    for slip in random.sample(SLIPS, len(SLIPS)):
        changed = _apply(question, slip, _protected(row), random, {word.lower() for word in known})
        if changed is not None and changed != question:
            question = changed
            done.append(slip)
        if len(done) >= random.randint(1, most):
            break
    # Two slips can undo each other.
    return question, tuple(done) if question != row.question else ()


def is_protected(word: str, row: TrainRow) -> bool:
    """Whether a word of a row's question must stay as it is."""
    return word.lower() in _protected(row) or _by_form(word)


def _protected(row: TrainRow) -> set[str]:
    kept = {word.lower() for text in (*row.answers, *row.choices) for word in _WORD.findall(text)}
    for index, match in enumerate(_WORD.finditer(row.question)):
        if index and match.group()[0].isupper():  # a name; the first word is capital anyway
            kept.add(match.group().lower())
    return kept | _NEGATIONS


def _by_form(word: str) -> bool:
    """Whether a word carries meaning that a slip could turn: sides, colours, brightness, comparisons, short words."""
    families = (
        words.SIDES,
        words.UPRIGHT,
        words.COLOUR,
        words.BRIGHT,
        words.SIZE,
        words.EXTENT,
        words.MEDICAL,
    )
    return (
        word.lower() in _NEGATIONS
        or any(family.fullmatch(word) for family in families)
        or (word.lower().endswith(("er", "est")) and word.lower() not in _SYNONYMS)
        or word.isupper()
    )


def _apply(question: str, slip: Slip, kept: set[str], random: Random, known: set[str]) -> str | None:
    if slip == "case":
        return _recase(question, kept, random)
    free = [m for m in _WORD.finditer(question) if m.group().lower() not in kept and not _by_form(m.group())]
    if slip == "synonym":
        free = [
            m
            for m in _WORD.finditer(question)
            if m.group().lower() not in kept and m.group().lower() in _SYNONYMS
        ]
    elif slip == "stop_word":
        free = [m for m in free if m.group().lower() in _DROPPABLE and m.start() > 0]
    else:
        free = [m for m in free if len(m.group()) >= _SHORTEST and m.group().isalpha()]
    if not free:
        return None
    match = random.choice(free)
    word = match.group()
    if slip == "synonym":
        new = random.choice(_SYNONYMS[word.lower()])
        new = new.capitalize() if word[0].isupper() else new
        if new.lower() in kept:
            return None
    elif slip == "stop_word":
        return question[: match.start()] + question[match.end() :].lstrip(" ")
    else:
        new = _mistype(word, slip, random)
        if new.lower() in known | kept | _NEGATIONS or _by_form(new):
            return None
    return question[: match.start()] + new + question[match.end() :]


def _mistype(word: str, slip: Slip, random: Random) -> str:
    at = random.randrange(1, len(word) - 1)  # first and last letters carry a word
    if slip == "swap":
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :] if at + 2 <= len(word) else word
    if slip == "drop":
        return word[:at] + word[at + 1 :]
    if slip == "double":
        return word[:at] + word[at] + word[at:]
    return word[:at] + random.choice(_NEIGHBOURS.get(word[at].lower(), word[at])) + word[at + 1 :]


def _recase(question: str, kept: set[str], random: Random) -> str:
    """Write words in small letters, or all in capitals; protected words, and what is a name, stay."""
    loud = random.random() < 0.3

    def one(match: re.Match[str]) -> str:
        word = match.group()
        if word.lower() in kept or _by_form(word):
            return word
        return word.upper() if loud else word.lower()

    return _WORD.sub(one, question)
