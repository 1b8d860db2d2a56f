# ruff: noqa: E501 - tables of words and patterns, one group to a line
"""Entailment by overlap: the words that carry a claim have to stand in what it quotes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from agents.check.quotes import split_text
from core.text import content_words, words

MIN_COVERAGE = 0.8
"""Share of a claim's content words that its quotes must contain; one word in five may be a paraphrase."""

NUMBER_WORDS = frozenset(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty".split()
)
_TEMPLATE = frozenset(
    "answer according chart document docs figure file form found given graph image information listed "
    "line mean means note page paper picture print printed question read reads receipt refer report say says "
    "screenshot show shown shows source state stated states table text value values written entry field record "
    "following respectively total company date address name number amount invoice time phone telephone tel fax "
    "email price cost seller vendor store shop merchant customer cashier percent percentage share proportion "
    "passage abstract article study code function class defined default called named label labelled labeled yes "
    "compared difference sum average ratio also there about".split()
)


_NOT_KEYS = _TEMPLATE | NUMBER_WORDS


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """Cut English endings lightly: `charts`, `rising` and `raised` meet their base forms."""
    for ending in ("'s", "’s"):
        word = word.removesuffix(ending)
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 4 and word.endswith(("sses", "xes", "ches", "shes")):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if len(word) > len(ending) + 2 and word.endswith(ending):
            word = word.removesuffix(ending)
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    return word[:-1] + "i" if len(word) > 3 and word.endswith("y") else word


def stems(text: str) -> frozenset[str]:
    """Return the stems of the content words of a text."""
    return frozenset(map(stem, content_words(text)))


def key_words(text: str) -> list[str]:
    """Return the stems of the words that a claim cannot do without; figures are checked elsewhere."""
    return [
        stem(word)
        for word in content_words(text)
        if word not in _NOT_KEYS and len(word) > 1 and not any(char.isdigit() for char in word)
    ]


def coverage(claim: str, quotes: str, *, joined: bool = False) -> float:
    """Return the share of a claim's key words that stand in the quotes; 1.0 when it has none.

    Args:
        claim: The claim.
        quotes: What it quotes.
        joined: Also find a word inside a run of letters, as OCR without spaces gives.
    """
    wanted = set(key_words(claim))
    if not wanted:
        return 1.0
    have = set(map(stem, words(quotes)))
    have |= {stem(part) for word in words(quotes) for part in re.split(r"[-'’_]", word)}
    missing = {
        word
        for word in wanted - have
        if not all(stem(part) in have for part in re.split(r"[-'’_]", word) if part)
    }
    if joined:
        flat = re.sub(r"\W", "", quotes.lower())
        missing = {word for word in missing if len(word) < 4 or word not in flat}
    return 1.0 - len(missing) / len(wanted)


def names_missing(claim: str, quotes: str) -> list[str]:
    """Return the proper names of a claim that its quotes do not contain."""
    have = set(words(quotes)) | set(map(stem, words(quotes)))
    have |= {part for word in words(quotes) for part in re.split(r"[-'’_]", word)}
    flat = re.sub(r"\W", "", quotes.lower())
    missing = []
    for match in re.finditer(r"(?<=[^\W\d_]\s)\"?'?([A-Z][^\W\d_]+(?:[-'’][^\W\d_]+)*)(?![\w-])", claim):
        for word in words(match.group(1)):
            known = word in have or stem(word) in have or word in _TEMPLATE or not content_words(word)
            if not known and not (len(word) > 3 and word in flat):
                missing.append(match.group(1))
    return missing


def best_window(claim: str, quote: str, size: int = 2) -> str:
    """Return the few neighbouring sentences of a long quote that bear most on a claim.

    A claim pieced together from sentences that stand far apart is not what the source says.
    """
    pieces = split_text(quote)
    if len(pieces) <= size:
        return quote
    windows = [" ".join(pieces[i : i + size]) for i in range(len(pieces) - size + 1)]
    return max(windows, key=lambda window: (_weight(claim, window), -windows.index(window)))


def _weight(claim: str, window: str) -> tuple[float, int]:
    digits = re.findall(r"\d+", claim)
    return coverage(claim, window), _count(digits, re.findall(r"\d+", window))


def _count(wanted: Sequence[str], have: Sequence[str]) -> int:
    return sum(item in have for item in wanted)
