# ruff: noqa: E501 - tables of words and patterns, one group to a line
"""Typed values inside a sentence: numbers, dates, names, code spans, definitions, reasons."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agents.answer.wanted import Want, Wanted
from agents.check.overlap import stem
from core.text import content_words, find_dates, find_numbers, words

_NAME = re.compile(
    r"[A-Z][\w'’&.-]*(?:\s+(?:(?:of|the|de|van|von|for|and|&|la|le|du|al)\s+){0,2}[A-Z0-9][\w'’&.-]*)*"
)
_TERM = re.compile(r"\b(?:[A-Za-z]+-?\d[\w-]*|[A-Z]{2,}[\w-]*|[a-z]+[A-Z]\w*)(?:\s+(?:gene|protein|receptor|status|pathway|inhibitor|mutation)s?)?")  # fmt: skip
_LITERAL = re.compile(
    r"`([^`]+)`|(?<![\w-])(--?[a-z][\w-]*)|\b([A-Z][A-Z0-9]*_[A-Z0-9_]+)\b|((?:~|\.{1,2})?/[\w./-]+|https?://\S+)"
)
_DEFINES = re.compile(
    r"\b(?:is|are|was|were|means?|refers? to|denotes?|stands? for|describes?|represents?|consists? of)\b\s+(?!not\b)"
)
_REASON = re.compile(
    r"\b(?:because|since|due to|owing to|as a result of|so that|in order to|thanks to)\b.+", re.I
)
_YEAR = re.compile(r"\b(?:1[0-9]|20)\d\d\b")
_DAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_DATED = re.compile(rf"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?\s+\d|{_DAY}\b")
_TRAILING = re.compile(r"[\s,;:.]+$")
_UNIT = re.compile(
    r"(?:\s|-)?(?:(?:square|cubic|nautical)\s)?(?:(?:milli|centi|kilo)?met(?:er|re)s?|feet|foot|inch(?:es)?|miles?|yards?"
    r"|(?:milli|kilo)?grams?|tonnes?|tons?|pounds?|ounces?|(?:milli)?lit(?:er|re)s?|seconds?|minutes?|hours?|days?|weeks?"
    r"|months?|years?(?:\s+old)?|decades?|centur(?:y|ies)|degrees?|knots|km/h|mph|[kcm]?m|[km]?g|°[CF]?|storeys|floors)\b",
    re.I,
)
_LENGTHS = r"met(?:er|re)|feet|foot|inch|mile|yard|\b[kcm]?m\b|storeys|floors"
_TIMES = r"second|minute|hour|day|week|month|year|decade|centur"
_UNITS_OF = tuple(
    (measure, re.compile(units, re.I))
    for measure, units in (
        ("weight", r"gram|tonne|\btons?\b|pound|ounce|\b[km]?g\b"), ("height", _LENGTHS), ("depth", _LENGTHS),
        ("width", _LENGTHS), ("far", _LENGTHS), ("high", _LENGTHS), ("thick", _LENGTHS),
        ("length", f"{_LENGTHS}|{_TIMES}"), ("age", _TIMES), ("speed", r"knots|km/h|mph"),
    )
)  # fmt: skip
"""Which units a measure has, by the word that stands for it (`irregular.py`)."""
_COLOUR = re.compile(
    r"\b(?:(?:dark|light|pale|bright|deep)\s+)?(?:black|white|gr[ea]y|red|green|blue|yellow|orange|purple|violet|pink"
    r"|brown|beige|cream|gold|golden|silver|turquoise|cyan|magenta|crimson|scarlet|maroon|navy|teal|amber|ivory)\b",
    re.I,
)
_WEEKDAY = re.compile(rf"\b{_DAY}s?\b")


@dataclass(frozen=True)
class Span:
    """A value in a sentence; `fit` (0 to 1) says how well its form matches what is wanted."""

    text: str
    start: int
    end: int
    fit: float


def spans(sentence: str, want: Wanted) -> Iterator[Span]:
    """Yield the values of a sentence that have the wanted form."""
    finder = _FINDERS.get(want.kind)
    if want.kind == "measure":
        yield from _measures(sentence, want.focus)
    elif finder is not None:
        yield from finder(sentence)
    elif want.kind == "definition":
        match = _DEFINES.search(sentence)
        if match and len(sentence) - match.end() > 3:
            yield _span(sentence, match.end(), len(sentence), 0.9)
    elif want.kind == "name":
        yield from _names(sentence, 0.85)
        yield from _literals(sentence, 0.7)
        yield from _terms(sentence)
        if want.by_number:
            yield from _numbers(sentence, 0.75)
        yield from _focused(sentence, want)


def _span(sentence: str, start: int, end: int, fit: float) -> Span:
    text = sentence[start:end]
    end -= len(text) - len(_TRAILING.sub("", text))
    return Span(sentence[start:end], start, end, fit)


def _numbers(sentence: str, fit: float = 0.9) -> Iterator[Span]:
    dated = [(date.start, date.end) for date in find_dates(sentence)]
    for number in find_numbers(sentence, words=True):
        if number.text.lower() == "one" or any(a <= number.start < b for a, b in dated):
            continue
        inside = number.start and (sentence[number.start - 1].isalnum() or sentence[number.start - 1] in "-_")
        year = _YEAR.fullmatch(number.text) is not None
        yield Span(number.text.strip(), number.start, number.end, fit * (0.4 if inside or year else 1.0))


def _measures(sentence: str, focus: frozenset[str]) -> Iterator[Span]:
    """Yield numbers with the unit that follows; one of another measure, or without a unit, fits less well."""
    wanted = next((units for measure, units in _UNITS_OF if stem(measure) in focus), None)
    for span in _numbers(sentence):
        unit = _UNIT.match(sentence, span.end)
        end = unit.end() if unit else span.end
        fit = 0.7 if unit is None else 1.0 if wanted is None or wanted.search(unit.group()) else 0.3
        yield Span(sentence[span.start : end].strip(), span.start, end, span.fit * fit)


def _colours(sentence: str) -> Iterator[Span]:
    for match in _COLOUR.finditer(sentence):
        yield Span(match.group(), match.start(), match.end(), 0.95)


def _percents(sentence: str) -> Iterator[Span]:
    for number in find_numbers(sentence):
        if number.unit == "%":
            yield Span(number.text.strip(), number.start, number.end, 0.95)


def _money(sentence: str) -> Iterator[Span]:
    for span in _numbers(sentence, 0.6):
        marked = re.search(
            r"[$€£¥₹]|RM|\b(?:USD|EUR|GBP|dollars?|euros?)\b", sentence[span.start : span.end + 8]
        )
        yield Span(span.text, span.start, span.end, 0.95 if marked else span.fit)


def _dates(sentence: str) -> Iterator[Span]:
    for date in find_dates(sentence):
        yield Span(date.text, date.start, date.end, 0.95)
    for match in re.finditer(r"\b(?:(?:January|February|March|April|May|June|July|August|September|October|November"
                             r"|December)\s+)?(?:1[0-9]|20)\d\d\b", sentence):  # fmt: skip
        yield Span(match.group(), match.start(), match.end(), 0.75)
    for match in _WEEKDAY.finditer(sentence):
        yield Span(match.group(), match.start(), match.end(), 0.75)


def _years(sentence: str) -> Iterator[Span]:
    for match in _YEAR.finditer(sentence):
        yield Span(match.group(), match.start(), match.end(), 0.95)


def _times(sentence: str) -> Iterator[Span]:
    for match in re.finditer(r"\b\d{1,2}:\d{2}(?::\d{2})?(?:\s?[ap]\.?m\.?)?", sentence, re.I):
        yield Span(match.group(), match.start(), match.end(), 0.95)


def _names(sentence: str, fit: float = 0.9) -> Iterator[Span]:
    for match in _NAME.finditer(sentence):
        text = _TRAILING.sub("", match.group())
        first = match.start() == 0 or sentence[: match.start()].rstrip().endswith((".", ":"))
        plain = " " not in text and (not content_words(text) or (first and text.isalpha() and len(text) > 1))
        if plain and not content_words(text):
            continue
        yield Span(text, match.start(), match.start() + len(text), fit * (0.6 if plain else 1.0))


def _persons(sentence: str) -> Iterator[Span]:
    for span in _names(sentence):
        if _DATED.match(span.text):
            continue
        parts = span.text.split()
        odd = len(parts) > 4 or any(
            part[0].islower() and part not in ("de", "van", "von", "la", "du") for part in parts
        )
        yield Span(span.text, span.start, span.end, span.fit * (0.4 if odd or span.text.isupper() else 1.0))


def _terms(sentence: str) -> Iterator[Span]:
    for match in _TERM.finditer(sentence):
        yield Span(match.group(), match.start(), match.end(), 0.75)


def _literals(sentence: str, fit: float = 0.95) -> Iterator[Span]:
    for match in _LITERAL.finditer(sentence):
        group = next(i for i in range(1, 5) if match.group(i))
        if match.group(group).endswith(("_", "=")):
            continue  # a prefix, not a whole name
        yield Span(match.group(group), match.start(group), match.end(group), fit)


def _places(sentence: str) -> Iterator[Span]:
    for span in _names(sentence, 0.75):
        if re.fullmatch(r"[A-Z]{2,}s?|[A-Z]", span.text):
            continue  # an acronym is seldom a place
        located = re.search(r"\b(?:in|at|near|from|to|of|on)\s+(?:the\s+)?$", sentence[: span.start], re.I)
        yield Span(span.text, span.start, span.end, 0.95 if located else span.fit)
    yield from (span for span in _literals(sentence, 0.9) if re.search(r"[/~]|\.\w{1,4}$", span.text))
    for match in re.finditer(
        r"\b(?:in|at|under|inside|on)\s+((?:the|a|an)\s+[\w\s-]{3,40}?)(?=[,.;:)]|$)", sentence
    ):
        yield _span(sentence, match.start(1), match.end(1), 0.6)
    for match in re.finditer(r"\bis\s+((?:the|a)\s+[\w\s-]{3,40}?)(?=[,.;:)]|$)", sentence):
        yield _span(sentence, match.start(1), match.end(1), 0.8)


def _reasons(sentence: str) -> Iterator[Span]:
    for match in _REASON.finditer(sentence):
        yield _span(sentence, match.start(), match.end(), 0.9)


def _lists(sentence: str) -> Iterator[Span]:
    for match in re.finditer(r"[\w`\-'’ ]+(?:, [\w`\-'’ ]+)+,? (?:and|or) [\w`\-'’ ]+", sentence):
        yield _span(sentence, match.start(), match.end(), 0.8)


def _focused(sentence: str, want: Wanted) -> Iterator[Span]:
    """Yield what stands after `<focus> is`, or before `most likely` and the like."""
    leads = re.match(
        r"([^,;:]{3,60}?)\s+(?:(?:is|are|was|were)\s+)?(?:the\s+)?(?:most|least|far more|far less)\s+\w+",
        sentence,
    )
    if leads:
        yield _span(sentence, 0, leads.end(1), 0.95)
    match = _DEFINES.search(sentence)
    if match and want.focus & set(map(stem, words(sentence[: match.start()]))):
        part = re.match(r"[^,;:.]{2,80}", sentence[match.end() :])
        if part:
            yield _span(sentence, match.end(), match.end() + part.end(), 0.8)


_FINDERS = {
    "number": _numbers,
    "colour": _colours,
    "percent": _percents,
    "money": _money,
    "date": _dates,
    "year": _years,
    "time": _times,
    "person": _persons,
    "place": _places,
    "literal": _literals,
    "reason": _reasons,
    "list": _lists,
}
_VALUES = {"measure", *_FINDERS} - {"reason", "list"}


def kind_needs_value(kind: Want) -> bool:
    """Whether an answer of this kind is a value, so that a sentence without one does not answer."""
    return kind in _VALUES
