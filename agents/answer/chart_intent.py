# ruff: noqa: E501 - tables of patterns, one group to a line
"""What a question asks of a chart: the operation, its rank, its limit; read in code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from core.text import find_numbers

Operation = Literal[
    "highest", "lowest", "difference", "ratio", "sum", "mean", "range", "count", "trend", "share", "compare", "value"
]  # fmt: skip
HIGH = r"(?:highest|most|largest|greatest|maximum|max|biggest|top|peak(?:ed|s)?|tallest|best|longest|leads?|leading|majority)"
LOW = r"(?:lowest|least|smallest|minimum|min|fewest|bottom|shortest|worst|weakest)"
_RANKS = {"second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "fifth": 5, "5th": 5}
_MORE = r"(?:more|above|over|greater|higher|larger|exceed(?:s|ed|ing)?|at least|bigger)"
_LESS = r"(?:less|below|under|lower|smaller|fewer|at most)"
_MARGIN = r"\bby how (?:much|many)\b|\bmargin\b|\bhow much (?:more|higher|lower|less)\b|\blead\b"
_RULES: tuple[tuple[Operation, str], ...] = (
    ("count", r"\bhow many\b(?!.{0,12}\b(?:more|fewer|less|times)\b).{0,60}\b(?:above|below|over|under|more than|less than|fewer than|greater than|exceed\w*|at least|at most|higher than|lower than|larger than|smaller than)\b.{0,15}\d"),
    ("ratio", r"\b(?:ratio|how many times|times (?:as|larger|higher|more|greater|bigger)|fold)\b"),
    ("range", r"\b(?:range of|between the (?:highest|largest|greatest|maximum|most)\b.{0,40}\b(?:lowest|smallest|least|minimum|fewest))\b"),
    ("mean", r"\b(?:mean of|average (?:of|across|over|for all)|on average|what (?:is|was) the (?:average|mean)\b(?!.{0,60}\b(?:of|for|in)\s+\S))"),
    ("sum", r"\b(?:sum|altogether|in total|combined|together|add(?:ed)? up|total of (?:all|the))\b"),
    ("share", r"\b(?:share|percentage|percent|proportion|fraction) of the (?:total|sum|whole)\b"),
    ("trend", r"\b(?:trend|how (?:has|have|did|does|do)\b.{0,80}\b(?:change|changed|develop\w*|evolve\w*|progress\w*)|(?:increas|decreas|ris|fall|grow|declin)\w* or (?:increas|decreas|ris|fall|grow|declin)\w*|movement pattern|over time)\b"),
    ("difference", r"\b(?:difference|how much (?:more|less|higher|lower|larger|smaller|greater|bigger|fewer|taller|did|has|have)|how many (?:more|fewer|less)|gap|by how (?:much|many)|exceed|change (?:from|between)|drop|increase from|decrease from)\b"),
)  # fmt: skip


@dataclass(frozen=True)
class Intent:
    """An operation with its details. `margin` asks for the lead as well; `limit` bounds a count."""

    operation: Operation
    rank: int = 1
    margin: bool = False
    limit: float | None = None
    above: bool = True
    inclusive: bool = False


def read_intent(stem: str) -> Intent:
    """Return what the stem of a question asks for; a plain value when nothing else is said."""
    text = stem.lower()
    rank = next(
        (
            n
            for word, n in _RANKS.items()
            if re.search(rf"\b{word}[\s-]+{HIGH}\b|\b{word}[\s-]+{LOW}\b", text)
        ),
        1,
    )
    named = next((operation for operation, rule in _RULES if re.search(rule, text)), None)
    superlative = re.search(rf"\b(?:{HIGH}|{LOW})\b", text) is not None
    if named == "count":
        return _count(text)
    if named is not None and not (named == "difference" and superlative):
        return Intent(named)
    margin = re.search(_MARGIN, text) is not None
    if re.search(rf"\b{LOW}\b", text) and "at least" not in text:
        return Intent("lowest", rank=rank, margin=margin)
    if re.search(rf"\b{HIGH}\b", text) and "at most" not in text:
        return Intent("highest", rank=rank, margin=margin)
    compares = re.search(rf"\b(?:{_MORE}|{_LESS})\b.*\b(?:than|or)\b|\bor\b.*\?$", text) is not None
    return Intent("compare" if compares else "value")


def _count(text: str) -> Intent:
    numbers = find_numbers(text)
    below = re.search(rf"\b{_LESS}\b", text) is not None
    inclusive = "at least" in text or "at most" in text
    return Intent("count", limit=numbers[-1].value if numbers else None, above=not below, inclusive=inclusive)
