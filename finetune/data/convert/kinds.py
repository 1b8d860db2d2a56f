"""The slice that a question is reported under, told from its words and its answer."""

from __future__ import annotations

import re

_YES_NO = {"yes", "no", "true", "false"}
_COUNT = re.compile(r"\bhow many\b|\bnumber of\b|\bcount\b", re.I)
_COLOUR = re.compile(r"\bcolou?rs?\b", re.I)
_PLACE = re.compile(r"^\s*(?:where|in (?:what|which) (?:part|region|area|lobe))\b", re.I)
_NUMBER = re.compile(r"^[-+]?[$€£]?\d[\d.,]*\s*%?$")


def kind_of(question: str, answer: str) -> str:
    """Return `yes_no`, `count`, `colour`, `place`, `number` or `open`."""
    low = answer.strip().lower().rstrip(".")
    if low in _YES_NO:
        return "yes_no"
    if _COUNT.search(question):
        return "count"
    if _COLOUR.search(question):
        return "colour"
    if _PLACE.search(question):
        return "place"
    return "number" if _NUMBER.match(answer.strip()) else "open"
