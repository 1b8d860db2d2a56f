"""What a question asks, as a text that only questions of the same meaning share. Pure.

A question is cut into words and brought into one form by the few changes in `server.cache.rewrites`, each of
which keeps the meaning whatever the other words are. Everything else stays, in its order: numbers, names,
negations, sides, superlatives and every small word. So two questions share a sense only when they differ by
those changes. What the changes were not made for (code, quotes, several sentences, other languages) has no
sense, and is found by its very text alone.
"""

from __future__ import annotations

import re
import unicodedata

from server.cache import wording
from server.cache.polite import core_of
from server.cache.rewrites import rewritten

MAX_CHARS = 300
_PLAIN = {0x2019: "'", 0x2018: "'", 0xA0: " "}
_TOKEN = re.compile(
    r"[A-Za-z]+(?:-[A-Za-z0-9]+)*(?:'(?:s|re|ve|d|ll|t|m))?"  # words, also with a hyphen or an ending
    r"|\$?\d+(?:[.,]\d+)*%?"  # numbers
    r"|[A-Za-z]+\d+|\d+[A-Za-z]+"
)
_TIMELY = re.compile(
    r"\b(?:now|today|todays|tonight|tomorrow|yesterday|currently|nowadays|recent|recently|lately|latest|ago|"
    r"so far|at (?:the|this) moment|at present|right now|up to date|"
    r"(?:this|last|next|past|coming|current|previous) "
    r"(?:second|minute|hour|morning|afternoon|evening|night|day|week|weekend|month|quarter|year|"
    r"decade|century|(?:mon|tues|wednes|thurs|fri|satur|sun)day|spring|summer|autumn|fall|winter)s?)\b",
    re.I,
)
_CHANCE = re.compile(r"\b(?:random|randomly|dice|coin|lottery|surprise me|joke)\b", re.I)


def timeless(question: str) -> bool:
    """Return whether the answer can be the same tomorrow: the question speaks of no `today`, no chance."""
    return _TIMELY.search(question) is None and _CHANCE.search(question) is None


def exact_of(question: str) -> str:
    """Return a question as it is compared letter by letter: composed characters, no white space around it."""
    return unicodedata.normalize("NFC", question).strip()


def sense_of(question: str, *, images: int) -> str | None:
    """Return the sense of a question, or None where only its very text tells what it asks.

    Args:
        question: What is asked.
        images: How many images come with it: `this chart` is `the chart` where there is one.
    """
    text = question.strip().translate(_PLAIN)
    if len(text) > MAX_CHARS or not text.isascii() or "\n" in text:
        return None
    core, led = core_of(" ".join(text.split(" ")))
    tokens = _tokens(core)
    if not tokens:
        return None
    return " ".join(rewritten(tokens, led=led, one_image=images == 1))


def _tokens(text: str) -> list[str] | None:
    """Cut one plain sentence into words, numbers and commas; None for anything else."""
    if re.search(r"[\w%][?.]+$", text) or re.search(r"[a-z]{3,} \?$", text):
        text = text.rstrip("?. ")
    tokens: list[str] = []
    for piece in text.split():
        word, comma = (piece[:-1], True) if piece.endswith(",") else (piece, False)
        if not _TOKEN.fullmatch(word):
            return None
        tokens.append(word)
        if comma:
            tokens.append(",")
    return [_small(token, first=place == 0) for place, token in enumerate(tokens)]


def _small(token: str, *, first: bool) -> str:
    """Return a word without a capital that says nothing."""
    small = token.lower()
    if (first and small in wording.STARTS and token[1:] == small[1:]) or small in wording.SAME_IN_SMALL:
        return small
    return token
