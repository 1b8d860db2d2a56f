# ruff: noqa: E501 - tables of words and patterns, one group to a line
"""What form of answer a question about text wants, finer than its answer type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from agents.answer.relevance import key
from agents.question import ParsedQuestion
from agents.question_words import COLOUR, SHARE
from core.text import content_words

Want = Literal[
    "number", "percent", "money", "date", "year", "time", "person", "place", "name", "literal", "definition",
    "meaning", "yes_no", "list", "reason", "text", "colour", "measure",
]  # fmt: skip

_LITERAL = (
    "option options flag flags command commands environment variable variables setting settings file path folder "
    "directory url endpoint address key parameter argument module package class function method extension "
    "header event route".split()
)
_COUNTED = (
    "port code codes limit size length count score rate level version age height width depth weight speed "
    "distance population temperature maximum minimum default".split()
)
_Rules = tuple[tuple[Want, re.Pattern[str]], ...]
_SURE: _Rules = (
    ("reason", re.compile(r"^\s*why\b", re.I)),
    ("year", re.compile(r"\b(?:what|which)\s+year\b", re.I)),
    ("percent", re.compile(SHARE, re.I)),
)
"""What decides before yes or no is thought of."""
_VALUES: _Rules = (
    ("measure", re.compile(r"\bhow (?:old|long|far|tall|high|heavy|deep|wide|thick|fast)\b|\bhow much\b.*\bweighs?\b", re.I)),
    ("number", re.compile(r"\bhow (?:many|large|big|often)\b", re.I)),
    ("colour", re.compile(rf"{COLOUR}|\bwhat (?:is|was|are|were) the colou?rs?\b", re.I)),
    ("number", re.compile(r"\b(?:maximum|minimum|max|average|total)?\s*number of\b", re.I)),
    ("person", re.compile(r"^\s*(?:who|whom|whose)\b|\b(?:which|what)\s+(?:\w+\s+)?(?:person|author|actor|actress"
                          r"|director|singer|president|scientist|player|writer|musician|king|queen)\b", re.I)),
)  # fmt: skip
"""What names a value by its words alone."""
_OTHERS: _Rules = (
    ("meaning", re.compile(r"\bwhat (?:does|do|is|are)\b.*\b(?:mean|means|meant|do|stand for|for)\s*\??\s*$", re.I)),
    ("place", re.compile(r"^\s*(?:where|in which|in what|at which)\b|\b(?:what|which)\s+(?:\w+\s+)?(?:city|country"
                         r"|place|town|state|location|river|county|village|island)\b", re.I)),
    ("list", re.compile(r"\b(?:list|name|enumerate)\s+(?:\w+\s+)?(?:all|the|every|each|some)\b"
                        r"|\b(?:what|which) are the\b", re.I)),
    ("definition", re.compile(r"^\s*(?:what|who)\s+(?:is|are|was|were)\s+(?:an?\s+|the\s+)?[\w\s\-`'’./]{2,50}\??\s*$", re.I)),
)  # fmt: skip
_FOCUS = re.compile(r"\b(?:which|what)\s+(?!(?:is|are|was|were|does|do|did|has|have|can)\b)((?:[\w\-`'’]+\s+){0,3}?[\w\-]+)"
                    r"(?=\s+(?:is|are|was|were|does|do|did|has|have|had|can|may|holds?|names?|gives?|means?|of|in|for"
                    r"|that|which|who|to|with|by|checks?|continues?|[a-z]+s|[a-z]+ed)\b|\s*\?)", re.I)  # fmt: skip
_COUNTED_NOUN = re.compile(r"\bhow many\s+((?:[\w\-]+\s+){0,2}?[\w\-]+)(?=\s+(?:is|are|was|were|does|do|did|has|have|had"
                           r"|can|may|will|a|an|per|in|of|for|to|with|on)\b|\s*\?)", re.I)  # fmt: skip
_ATTRIBUTE = re.compile(r"\b(?:what|which)(?:'s|\s+is|\s+was|\s+are|\s+were)\s+(?:the\s+)?((?:[\w\-]+\s+){0,3}[\w\-]+)\s+(?:of|for|in|on)\b", re.I)  # fmt: skip


_YES_NO = re.compile(
    r"^\s*(?:may|might|must|shall)\b|[:.,?]\s+(?:is|are|was|were|do|does|did|can|could|should|has|have|will) (?:it|they|there|we|the|this|these)\b[^:]*\?\s*$",
    re.I,
)


@dataclass(frozen=True)
class Wanted:
    """The form of the answer, and the stems of the word that names it (`band` in `which band`)."""

    kind: Want
    focus: frozenset[str]
    by_number: bool = False
    """A named attribute whose value is often a number (`port`, `limit`), though it need not be."""


def wanted(question: ParsedQuestion) -> Wanted:  # noqa: PLR0911 - the first rule that matches decides
    """Read what a question wants from its words."""
    stem_text = question.stem
    match = _COUNTED_NOUN.search(stem_text) or _FOCUS.search(stem_text) or _ATTRIBUTE.search(stem_text)
    focus_words = content_words(match.group(1)) if match else []
    focus = frozenset(map(key, focus_words))
    by_number = bool(focus & set(map(key, _COUNTED)))
    literal = bool(focus_words) and focus_words[-1] in _LITERAL and match is not None
    if sure := _first(_SURE, stem_text):
        return Wanted(sure[0], focus)
    if question.answer_type == "yes_no" or _YES_NO.search(stem_text):
        return Wanted("yes_no", focus)
    if value := _first(_VALUES, stem_text):
        kind, words = value
        return Wanted(kind, focus | {key(words.split()[1])} if kind == "measure" else focus)
    if literal:
        return Wanted("literal", focus)
    if question.answer_type in ("date", "time", "money"):
        return Wanted(question.answer_type, focus)
    if other := _first(_OTHERS, stem_text):
        if other[0] == "definition" and match is not None:
            return Wanted("name", focus, by_number)
        return Wanted(other[0], focus)
    if question.answer_type == "number":
        return Wanted("number", focus)
    if by_number:
        return Wanted("number", focus, by_number=True)
    return Wanted("name" if focus else "text", focus, by_number)


def _first(rules: _Rules, text: str) -> tuple[Want, str] | None:
    """Return the first rule's kind that matches, with the words that it matches."""
    return next(((kind, found.group()) for kind, rule in rules if (found := rule.search(text))), None)
