"""The kind of a question that nobody gave one: what it asks for, by its words and its answer."""

from __future__ import annotations

import re

from agents.question_words import COLOUR

_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("count", re.compile(r"\bhow many\b|\bnumber of\b|\bcount\b", re.I)),
    ("colour", re.compile(rf"{COLOUR}|\bcolou?r (?:is|of|are)\b", re.I)),
    ("shape", re.compile(r"\b(?:what|which) shapes?\b", re.I)),
    ("chart_type", re.compile(r"\b(?:what|which) (?:kind|type|sort) of (?:chart|graph|plot)\b", re.I)),
    ("position", re.compile(r"^\s*where\b|\b(?:which|what) side\b|\b(?:leftmost|rightmost|topmost)\b", re.I)),
    ("trend", re.compile(r"\btrend\b|\b(?:rise|rising|fall|falling|increas\w+|decreas\w+)\b", re.I)),
    ("value", re.compile(r"\bhow (?:much|long|large|high|old|far)\b|\bvalue\b|\btotal\b", re.I)),
    ("modality", re.compile(r"\bmodality\b|\b(?:kind|type) of (?:image|scan|study)\b", re.I)),
    ("presence", re.compile(r"^\s*(?:is|are) there\b", re.I)),
)
_YES_NO = frozenset({"yes", "no"})


def kind_of(question: str, answer: str = "") -> str:
    """Return the slice to report a question by; `yes_no` wins, and `other` is what is left."""
    if answer.strip().strip(".").casefold() in _YES_NO:
        return "yes_no"
    return next((kind for kind, pattern in _KINDS if pattern.search(question)), "other")
