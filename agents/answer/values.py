# ruff: noqa: E501 - tables of words and patterns, one group to a line
"""Typed values in a line of text: what counts as an amount, a date, a number on a form, and its short form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from core.text import find_dates

ValueKind = Literal[
    "money", "date", "time", "percent", "count", "phone", "email", "url", "id", "name", "text"
]

_CURRENCY = r"(?:RM|MYR|USD|EUR|GBP|SGD|CHF|JPY|INR|AUD|CAD|US\$|S\$|A\$|[$€£¥₹])"
_AMOUNT = re.compile(
    rf"(?<![\w.,/:#-])(?P<cur>{_CURRENCY})?\s?(?P<sign>-)?(?P<cur2>{_CURRENCY})?\s?"
    r"(?P<num>\d{1,3}(?:,\d{3})+(?:\.\d{2})?|\d{1,3}(?:\.\d{3})+,\d{2}|\d+\.\d{2}|\d+,\d{2}|\d+)"
    rf"(?P<tail>\s?(?:{_CURRENCY}))?(?![\d.,]*\d)(?!\s?%)(?![/:-]\d)(?!\w{{2,}})",
    re.I,
)
_TIME = re.compile(r"(?<![\d:.])\d{1,2}[:.]\d{2}(?::\d{2})?\s?(?:[ap]\.?m\b\.?)|(?<![\d:])(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?![\d:])", re.I)  # fmt: skip
_PERCENT = re.compile(r"(?<![\w.,])-?\d+(?:[.,]\d+)?\s?%")
_COUNT = re.compile(r"(?<![\w.,/:-])\d{1,6}(?:\.\d{1,3}|\.0+)?(?![\w,/:%-])(?!\.\d)")
_PHONE = re.compile(r"(?<![\w/])\+?\(?\d[\d\s().-]{5,18}\d(?![\w/]|-\w)")
_EMAIL = re.compile(r"[\w.+-]+\s?@\s?[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}")
_URL = re.compile(r"(?:https?://)?(?:www\.[\w-]+(?:\.[\w-]+)+|[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|io|co|my|uk|de|fr)\b)(?:/[\w./%-]*)?", re.I)  # fmt: skip
_ID = re.compile(r"(?<![\w])(?=[\w/.#*-]*\d)[A-Z0-9][\w]*(?:[-/.*]\w+)*", re.I)
_NAME = re.compile(r"[^\W\d_][\w .,'&()/@-]*", re.I)
_LEAD = re.compile(r"^[\s:;.,#*=>–-]+")
_NOT_NAMES = re.compile(
    r"^(?:(?:no\.?|n/?a|nil|none|rm|date|time|qty|yes|tel|id|ref|code|amount|amt|details?|total|sub\s?total|change|due|price"
    r"|description|tax|gst|sr|zr|zrl|item|quantity|summary|copy|number|unit|disc(?:ount)?|page|u\.?p)[\s.:/()]*)+$",
    re.I,
)


@dataclass(frozen=True)
class Value:
    """A value as printed, its short form, and how well it fits its kind (0 to 1)."""

    text: str
    short: str
    fit: float
    number: float | None = None


def find_values(kind: ValueKind, text: str) -> list[Value]:
    """Return the values of a kind in a text, in order. Pure."""
    return _FINDERS[kind](text)


def _money(text: str) -> list[Value]:
    blank = text
    for span in find_dates(text):
        blank = blank[: span.start] + " " * (span.end - span.start) + blank[span.end :]
    blank = _TIME.sub(
        lambda match: match.group() if "." in match.group() else " " * len(match.group()), blank
    )
    return [value for match in _AMOUNT.finditer(blank) if (value := _amount(match)) is not None]


def _amount(match: re.Match[str]) -> Value | None:
    printed = match["num"]
    if re.search(r"\.\d{3},\d{2}$", printed):
        printed = printed.replace(".", "").replace(",", ".")
    elif re.fullmatch(r"\d+,\d{2}", printed):
        printed = printed.replace(",", ".")
    plain = printed.replace(",", "")
    number = float(plain) * (-1 if match["sign"] else 1)
    decimals = "." in plain
    currency = bool(match["cur"] or match["cur2"] or match["tail"])
    if not decimals and not currency and len(plain) > 7:
        return None
    fit = 1.0 if decimals else 0.8 if currency or "," in match["num"] else 0.45
    short = f"{number:.2f}" if decimals else f"{number:.0f}"
    return Value(match.group().strip(), short, fit, number)


def _dates(text: str) -> list[Value]:
    return [Value(span.text, span.iso, 1.0) for span in find_dates(text)]


def _times(text: str) -> list[Value]:
    return [Value(m.group().strip(), m.group().strip(), 1.0) for m in _TIME.finditer(text)]


def _percents(text: str) -> list[Value]:
    return [Value(m.group(), m.group().replace(" ", ""), 1.0) for m in _PERCENT.finditer(text)]


def _counts(text: str) -> list[Value]:
    found = []
    for match in _COUNT.finditer(text):
        number = float(match.group())
        whole = number == int(number)
        found.append(Value(match.group(), f"{number:g}", 1.0 if whole else 0.5, number))
    return found


def _phones(text: str) -> list[Value]:
    found = []
    for match in _PHONE.finditer(text):
        printed = match.group().strip().rstrip("-.")
        digits = sum(char.isdigit() for char in printed)
        if not 6 <= digits <= 15 or find_dates(printed) or re.search(r"\.\d\d$", printed):
            continue
        marked = bool(re.match(r"\+|\(?0\d|\(\d{3}\)", printed)) and digits >= 8 and not printed.isdigit()
        found.append(Value(printed, printed, 1.0 if marked else 0.7))
    return found


def _emails(text: str) -> list[Value]:
    return [Value(m.group(), m.group().replace(" ", ""), 1.0) for m in _EMAIL.finditer(text)]


def _urls(text: str) -> list[Value]:
    rest = _EMAIL.sub(" ", text)
    return [Value(m.group(), m.group(), 1.0) for m in _URL.finditer(rest)]


def _ids(text: str) -> list[Value]:
    found = []
    for match in _ID.finditer(text):
        printed = match.group().rstrip(".-/")
        if find_dates(printed) or re.fullmatch(r"\d+\.\d+", printed):
            continue
        digits = sum(char.isdigit() for char in printed)
        found.append(Value(printed, printed, min(1.0, 0.6 + 0.1 * digits)))
    if len(found) > 1 and re.fullmatch(r"[\d\s]+", text.strip()):
        whole = text.strip()
        return [Value(whole, whole, 1.0)]
    return found


def _names(text: str) -> list[Value]:
    clean = _LEAD.sub("", text).strip(" :;-*")
    match = _NAME.match(clean)
    if match is None or _NOT_NAMES.match(clean) or sum(c.isalpha() for c in clean) < 2:
        return []
    name = match.group().strip(" ,-/@")
    if len(name) < 2 or find_dates(clean):
        return []
    share = sum(c.isalpha() or c.isspace() for c in clean) / max(len(clean), 1)
    return [Value(name, name, 1.0 if share > 0.75 else 0.6)]


def _texts(text: str) -> list[Value]:
    clean = _LEAD.sub("", text).strip()
    return [Value(clean, clean, 0.9)] if any(char.isalnum() for char in clean) else []


_FINDERS = {
    "money": _money, "date": _dates, "time": _times, "percent": _percents, "count": _counts,
    "phone": _phones, "email": _emails, "url": _urls, "id": _ids, "name": _names, "text": _texts,
}  # fmt: skip
