"""What the embedded VLM may be asked: the families of questions it was trained for, and what it got right.

A model of this size answers anything with a straight face. So a question outside the families of its model
card, or about a picture of another kind, is refused; and within a family it is never surer than it was right
on pictures that it had not seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

LEAST_RIGHT = 0.6
"""A family that was right less often than this on unseen pictures is not offered."""


@dataclass(frozen=True)
class Family:
    """Questions of one kind: how they are worded, and what they are called when a user is told."""

    name: str
    said: str
    pattern: re.Pattern[str]


_SHAPE = r"(?:shapes?|circles?|rectangles?|triangles?)"
_COLOUR = r"(?:black|gr[ae]y|red|blue|green|teal|brown|yellow|orange|purple|pink|cyan|olive)"
_MARK = r"(?:bars?|columns?|slices?|wedges?|segments?|lines?|area|points?|dots?)"
_MOST = r"(?:highest|tallest|longest|largest|biggest)"
_LEAST = r"(?:lowest|shortest|smallest)"
_CHART = r"(?:bar|horizontal bar|grouped bar|stacked bar|line|area|pie|donut|doughnut) chart|scatter ?plot"


def _family(name: str, said: str, *patterns: str) -> Family:
    return Family(name, said, re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.I))


def _position(end: str, words: str) -> Family:
    return _family(
        f"{end}_position",
        f"which bar is the {end}, counted from one side",
        rf"\bwhich (?:bar|column) is (?:the )?{words}\b.*\b(?:from|counted|position)\b",
        rf"\b(?:from|counting from) the (?:left|right|top|bottom)\b.*\b{words}\b",
        rf"\b(?:position|place)\b.*\b{words} (?:bar|column)\b",
        rf"\b{words} (?:bar|column)\b.*\b(?:position|place)\b",
    )


def _colour_of(end: str, words: str) -> Family:
    return _family(
        f"{end}_colour",
        f"the color of the {end} mark",
        rf"\bcolou?r\b.*\b{words}\b(?: {_MARK})?\W*$",
        rf"\b{words} {_MARK} has which colou?r\b",
        rf"\bcolou?r\b.*\bends {end}\b",
        rf"\bcolou?r\b.*\b{words} line at the right end\b",
        rf"\bis the {_COLOUR} {_MARK} the {words}\b",
    )


FAMILIES = (
    _family(
        "chart_type",
        "the type of a chart",
        r"\b(?:kind|type|sort) of (?:this )?(?:chart|plot|graph|diagram)\b",
        r"\b(?:chart|plot|graph|diagram) type\b",
        r"\bhow is the data drawn\b",
        rf"\bis (?:this|it) an? (?:{_CHART})\b",
    ),
    _position("highest", _MOST),
    _position("lowest", _LEAST),
    _colour_of("highest", _MOST),
    _colour_of("lowest", _LEAST),
    _family(
        "count",
        "how many bars, slices or lines there are",
        rf"\bhow many {_MARK} (?:are|do|does|has|can|is)\b",
        rf"\bnumber of {_MARK}\W*$",
        rf"\bcount the {_MARK}\W*$",
    ),
    _family(
        "trend",
        "whether bars, a line or points rise or fall",
        rf"\b(?:do|does) the {_MARK} (?:rise|fall|go up|increase|decrease)\b",
        rf"\b(?:is|are) the {_MARK} (?:rising|falling|increasing|decreasing)\b",
        r"\b(?:what|which|is|describe)\b.*\btrend\b",
    ),
    _family(
        "colour",
        "the color of bars, a line or points",
        rf"\b(?:what|which) colou?r (?:are|is) the {_MARK}\W*$",
        rf"\bcolou?r of the {_MARK}\W*$",
        r"\bwhat colou?r is the \w+ (?:bar|column) from the (?:left|top)\b",
    ),
    _family(
        "shape",
        "the shape and color of a plain shape",
        rf"\bwhat (?:colou?r )?{_SHAPE} (?:is|does)\b",
        rf"\bwhat colou?r is the {_SHAPE}\b",
        rf"\bwhat is the colou?r of the {_SHAPE}\b",
        rf"\bwhat is the (?:{_COLOUR} )?shape\b",
        rf"\b(?:is|does|are)\b.*\b(?:{_COLOUR} )?{_SHAPE}\b",
    ),
)


def family_of(question: str) -> Family | None:
    """Return the family of a question, the most particular first, or None."""
    return next((family for family in FAMILIES if family.pattern.search(question)), None)


def offered(right: Mapping[str, float]) -> list[Family]:
    """Return the families that were right often enough; `right` is the model card's share by family."""
    return [family for family in FAMILIES if right.get(family.name, 0.0) >= LEAST_RIGHT]
