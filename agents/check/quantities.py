# ruff: noqa: E501 - tables of words and patterns, one group to a line
"""Numbers, units, currencies, dates, clock times and codes of a claim against those of its quotes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

from agents.check.quotes import plain
from core.text import NumberSpan, find_dates, find_numbers

_UNITS: dict[str, str] = {
    alias: name
    for name, aliases in {
        "%": "% percent pct per_cent", "point": "percentage_point percentage_points pp",
        "mg": "mg milligram milligrams", "µg": "µg μg ug mcg microgram micrograms", "g": "g gram grams",
        "kg": "kg kilogram kilograms kgs", "ml": "ml milliliter milliliters millilitre millilitres",
        "l": "l liter liters litre litres", "mm": "mm millimeter millimeters millimetre millimetres",
        "cm": "cm centimeter centimeters centimetre centimetres", "km": "km kilometer kilometers kilometre kilometres",
        "mile": "mile miles", "foot": "foot feet ft", "inch": "inch inches", "pound": "lb lbs",
        "ms": "ms millisecond milliseconds", "second": "s sec secs second seconds",
        "minute": "min mins minute minutes", "hour": "h hr hrs hour hours", "day": "day days", "week": "week weeks",
        "month": "month months", "year": "year years yr yrs", "decade": "decade decades",
        "byte": "byte bytes", "kb": "kb", "mb": "mb", "gb": "gb", "tb": "tb", "px": "px pixel pixels",
        "°c": "°c celsius", "°f": "°f fahrenheit", "hz": "hz", "w": "watt watts", "kw": "kw", "v": "volt volts",
        "mmhg": "mmhg", "iu": "iu", "mol": "mol", "mmol": "mmol", "kcal": "kcal", "token": "token tokens",
    }.items()
    for alias in aliases.split()
}  # fmt: skip
_CURRENCIES: dict[str, str] = {
    alias: name
    for name, aliases in {
        "USD": "$ us$ usd dollar dollars", "EUR": "€ eur euro euros", "GBP": "£ gbp sterling",
        "MYR": "rm myr ringgit", "JPY": "¥ jpy yen", "INR": "₹ inr rupee rupees", "SGD": "s$ sgd",
        "AUD": "a$ aud", "CAD": "cad", "CHF": "chf franc francs",
    }.items()
    for alias in aliases.split()
}  # fmt: skip
_SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_AFTER = re.compile(
    r"[\s-]?(?P<unit>percentage\s?points?|per\s?cent|%|°\s?[cf]\b|[€£$¥₹]|[a-zµμ$]{1,12}\b)", re.I
)
_TIME = re.compile(r"(?<![\d:])\d{1,2}:\d{2}(?::\d{2})?(?:\s?[ap]\.?m\b\.?)?(?![\d:])", re.I)
_CODE = re.compile(r"(?<![\w.])[#+]?\w+(?:[-/_]\w+)*(?!\w)")
_ONLY_NUMBER = re.compile(
    r"(?:rm|us\$|[$€£])?\d+(?:st|nd|rd|th|s|k|m|b|bn|mn)?(?:-(?:\d+|[a-z]+))?|(?:19|20)\d\ds", re.I
)
_QUANTITY_WORDS = frozenset(
    "one thirty forty fifty sixty seventy eighty ninety hundred hundreds dozen half third thirds quarter quarters "
    "fifth fifths tenth first twice thrice double doubled triple tripled halved most majority minority all none "
    "every each always never only few several nearly".split()
)


@dataclass(frozen=True)
class Quantity:
    """A number as a claim or quote gives it; `unit` and `currency` are canonical, or empty."""

    value: float
    unit: str
    currency: str
    text: str
    decimals: int = 0


@dataclass(frozen=True)
class Figures:
    """Every figure of a text: numbers, ISO dates, clock times, and codes that are names, not numbers."""

    numbers: tuple[Quantity, ...]
    dates: tuple[str, ...]
    times: tuple[str, ...]
    codes: tuple[str, ...]


@lru_cache(maxsize=512)
def figures(text: str) -> Figures:
    """Read every figure of a text once; what is a date, time or code is not also read as a number."""
    dates = find_dates(text)
    rest = _blank(text, [(span.start, span.end) for span in dates])
    times = [match.span() for match in _TIME.finditer(rest)]
    time_texts = tuple(_time(rest[a:b]) for a, b in times)
    rest = _blank(rest, times)
    codes = [match.span() for match in _CODE.finditer(rest) if _is_code(match.group())]
    code_texts = tuple(rest[a:b] for a, b in codes)
    rest = _blank(rest, codes)
    numbers = tuple(
        _quantity(span, rest) for span in find_numbers(rest, words=True) if span.text.lower() != "one"
    )
    return Figures(numbers, tuple(span.iso for span in dates), time_texts, code_texts)


def _blank(text: str, spans: list[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def _time(text: str) -> str:
    return re.sub(r"[\s.]", "", text.lower()).zfill(5)


def _is_code(token: str) -> bool:
    digits = sum(char.isdigit() for char in token)
    if not digits or _ONLY_NUMBER.fullmatch(token):
        return len(token) >= 8 and token.isdigit()
    if any(char.isalpha() for char in token):
        number = re.fullmatch(r"\d+([a-zµμ]+)", token, re.I)
        return not (number and number.group(1).lower() in _UNITS)
    groups = re.split(r"[-/_]", token)
    return digits >= 7 or len(groups) > 2 or groups[0].startswith(("0", "+", "#"))


def _quantity(span: NumberSpan, text: str) -> Quantity:
    unit, currency = _unit_name(span.unit), _currency_name(span.currency)
    tail = _AFTER.match(text, span.end if span.unit not in ("", "%") else _digits_end(span, text))
    if tail is not None and not unit:
        word = re.sub(r"\s+", "_", tail["unit"].lower()).replace("°_", "°")
        unit, currency = _UNITS.get(word, ""), currency or _CURRENCIES.get(word, "")
    if unit == "%" and re.match(r"\s*(?:age)?\s?-?points?\b", text[span.end :], re.I):
        unit = "point"
    if "point" in span.text.lower():
        unit = "point"
    decimals = len(span.text.partition(".")[2].rstrip("%")) if "." in span.text else 0
    return Quantity(span.value, unit, currency, span.text.strip(), min(decimals, 6))


def _digits_end(span: NumberSpan, text: str) -> int:
    last = max((i for i in range(span.start, span.end) if text[i].isdigit()), default=span.end - 1)
    scale = re.match(r"\s?(?:thousand|million|billion|trillion|[kmb]n?\b)", text[last + 1 :], re.I)
    return last + 1 + (scale.end() if scale else 0)


def _unit_name(unit: str) -> str:
    return _UNITS.get(unit.lower().replace(" ", "_"), unit.lower()) if unit else ""


def _currency_name(currency: str) -> str:
    return _CURRENCIES.get(currency.lower(), currency) if currency else ""


def figure_faults(claim: str, quotes: str, *, skip_numbers: bool = False) -> list[str]:
    """Return what the claim states in figures that its quotes do not; empty when all agree."""
    said, backed = figures(claim), figures(quotes)
    flat = plain(quotes)
    faults = [f"date {iso} is not quoted" for iso in said.dates if iso not in backed.dates]
    faults += [f"time {time} is not quoted" for time in said.times if time not in backed.times]
    faults += [f"`{code}` is not quoted" for code in said.codes if not _spelled(code, flat)]
    if not skip_numbers:
        faults += [
            f"number {item.text} is not quoted"
            for item in said.numbers
            if not number_backed(item, backed, flat)
        ]
    quoted_words = set(re.findall(r"[a-z]+", flat))
    faults += [
        f"`{word}` is not quoted"
        for word in re.findall(r"[a-z]+", plain(claim))
        if word in _QUANTITY_WORDS
        and word not in quoted_words
        and not (skip_numbers or _spelled_number(word, backed))
    ]
    return faults


def _spelled(code: str, flat_quotes: str) -> bool:
    """Whether a code occurs, whole; white space inside it makes no difference (OCR breaks codes)."""
    letters = [re.escape(char) for char in plain(code) if not char.isspace()]
    pattern = r"(?<!\w)" + r"\s?".join(letters) + r"(?!\w)"
    return re.search(pattern, flat_quotes) is not None


def _spelled_number(word: str, backed: Figures) -> bool:
    return word == "one" and any(item.value == 1 for item in backed.numbers)


def number_backed(said: Quantity, backed: Figures, flat_quotes: str) -> bool:
    """Return whether a number with its unit and currency stands in the quotes."""
    years = (Quantity(float(iso[:4]), "", "", iso[:4]) for iso in backed.dates)
    if said.unit == "" and said.currency == "" and any(same_value(said.value, year.value) for year in years):
        return True
    return any(_agrees(said, item, flat_quotes) for item in backed.numbers)


def same_value(left: float, right: float) -> bool:
    """Compare two values as written: `73.00` equals `73`."""
    return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)


def _agrees(said: Quantity, item: Quantity, flat_quotes: str) -> bool:
    if not same_value(said.value, item.value) and not _scaled(said, item, flat_quotes):
        return False
    return _label_agrees(said.unit, item.unit, _UNITS, flat_quotes) and _label_agrees(
        said.currency, item.currency, _CURRENCIES, flat_quotes
    )


def _scaled(said: Quantity, item: Quantity, flat_quotes: str) -> bool:
    """A chart `in millions` prints 12.8; a claim may say 12.8 million when the scale is quoted too."""
    return any(
        same_value(said.value, item.value * factor)
        and re.search(rf"\b{name}s?\b|\({name[0]}n?\)", flat_quotes)
        for name, factor in _SCALES.items()
        if name in said.text.lower()
    )


def _label_agrees(said: str, quoted: str, names: dict[str, str], flat_quotes: str) -> bool:
    """A unit or currency must match; a bare quoted number may take it from elsewhere in the quotes."""
    if not said or said == quoted:
        return True
    if quoted:
        return False
    aliases = [alias.replace("_", " ") for alias, name in names.items() if name == said]
    return any(re.search(rf"(?<![a-z]){re.escape(alias)}(?![a-z])", flat_quotes) for alias in aliases)
