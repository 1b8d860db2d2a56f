"""Personal data in text, found by form and check digit: addresses of mail, phones, cards, ids, networks.

Numbers alone are no personal data: a chart's values and years must not be taken for phone numbers. So a
card needs its check digit (Luhn, ISO/IEC 7812-1), an IBAN its remainder (ISO 13616), and a phone number a
form that is written for people to dial. Names need a language model (`finetune.data.names`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

Finder = Callable[[str], Iterator["Span"]]
KINDS = ("email", "card", "iban", "national_id", "ip", "phone", "url")
DEFAULT_KINDS = ("email", "card", "iban", "national_id", "ip", "phone")


@dataclass(frozen=True)
class Span:
    """A piece of personal data: its kind and the characters it takes."""

    kind: str
    start: int
    end: int


_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_CARD = re.compile(r"(?<![\w.,])\d(?:[ -]?\d){11,18}(?![\w]|[.,]\d)")
_CARD_GROUPS = {(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (4, 4, 4, 1)}
"""How the numbers of cards are printed; other groups of digits are the ticks of an axis."""
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", re.I)
_SSN = re.compile(r"(?<![\w-])(?!000|666)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])")
_NINO = re.compile(r"\b(?![DFIQUV])[A-Z](?![DFIQUVO])[A-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b")
_LICENCE = re.compile(
    r"(?i)\b(?:passport|licen[cs]e|national id|social security|tax id)\W{0,3}(?:number|no\.?|#|is)?"
    r"\W{0,3}(?=[A-Z-]*\d)([A-Z0-9][A-Z0-9-]{5,14})\b"
)
_IP = re.compile(r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])")
_URL = re.compile(r"\bhttps?://[^\s<>\"')]+")
_PHONE = re.compile(
    r"(?<![\w./$€£-])(?<!\d,)(?:\+\d{1,3}[ .-]?)?(?:\(\d{1,5}\)[ .-]?)?\d{2,5}(?:[ .-]\d{2,5}){1,4}"
    r"(?:\s?(?:x|ext\.?)\s?\d{1,5})?"
    r"(?![\w%]|[.,/:-]\d)"
)
_SOLID_PHONE = re.compile(r"(?<![\w.,/-])(?:\+\d{8,14}|0\d{9,10})(?![\w.,/-])")
_CALLED = re.compile(r"(?i)\b(?:phone|tel|call|mobile|fax|contact|number is|dial|text me)\b")
_YEAR = re.compile(r"(?:19|20)\d\d$")


def find_personal(text: str, kinds: Sequence[str] = DEFAULT_KINDS) -> list[Span]:
    """Return the personal data in a text, from left to right, none inside another.

    Args:
        text: Any text.
        kinds: What to look for, of `KINDS`; where two fit the same characters, the earlier in `KINDS` wins.
    """
    found: list[Span] = []
    for kind in KINDS:
        if kind in kinds:
            for span in _FINDERS[kind](text):
                if all(span.end <= other.start or span.start >= other.end for other in found):
                    found.append(span)
    return sorted(found, key=lambda span: span.start)


def mask(text: str, spans: Sequence[Span]) -> str:
    """Return a text with each span replaced by its kind, as in `[email]`."""
    for span in sorted(spans, key=lambda one: -one.start):
        text = f"{text[: span.start]}[{span.kind}]{text[span.end :]}"
    return text


def luhn(digits: str) -> bool:
    """Whether a number of cards ends in its check digit."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _plain(kind: str, *patterns: re.Pattern[str]) -> Finder:
    def finder(text: str) -> Iterator[Span]:
        for pattern in patterns:
            for hit in pattern.finditer(text):
                group = 1 if pattern.groups else 0
                yield Span(kind, hit.start(group), hit.end(group))

    return finder


def _cards(text: str) -> Iterator[Span]:
    for hit in _CARD.finditer(text):
        digits = re.sub(r"\D", "", hit.group())
        groups = tuple(len(part) for part in re.split(r"[ -]", hit.group()))
        years = all(_YEAR.fullmatch(part) for part in re.split(r"[ -]", hit.group()))
        printed = len(groups) == 1 or groups in _CARD_GROUPS
        if len(set(digits)) > 1 and luhn(digits) and printed and not years:
            yield Span("card", hit.start(), hit.end())


def _ibans(text: str) -> Iterator[Span]:
    for hit in _IBAN.finditer(text):
        body = hit.group().replace(" ", "").upper()
        if 15 <= len(body) <= 34:
            turned = "".join(str(int(char, 36)) for char in body[4:] + body[:4])
            if int(turned) % 97 == 1:
                yield Span("iban", hit.start(), hit.end())


def _phones(text: str) -> Iterator[Span]:
    for hit in _SOLID_PHONE.finditer(text):
        yield Span("phone", hit.start(), hit.end())
    for hit in _PHONE.finditer(text):
        body = hit.group()
        parts = re.findall(r"\d+", body)
        count = sum(map(len, parts))
        if not 7 <= count <= 15 or _looks_else(body, parts):
            continue
        near = text[max(0, hit.start() - 40) : hit.end() + 20]
        if body.startswith(("+", "(")) or len(parts) >= 3 or _CALLED.search(near):
            yield Span("phone", hit.start(), hit.end())


def _looks_else(body: str, parts: Sequence[str]) -> bool:
    """Whether digits in groups are years, a date, or thousands rather than a number to dial."""
    if _YEAR.fullmatch(parts[0]):
        return True
    date = len(parts) == 3 and len(parts[0]) <= 2 and len(parts[1]) <= 2 and bool(_YEAR.fullmatch(parts[2]))
    series = len(parts) > 2 and all(
        int(b) - int(a) == int(parts[1]) - int(parts[0]) for a, b in pairwise(parts)
    )
    thousands = (
        " " in body and len(parts[0]) <= 3 and all(len(part) == 3 for part in parts[1:]) and len(parts) == 2
    )
    # Pairs of digits are dialled with a zero first (06 12 34 56 78); others are ticks (92 94 96 98 00).
    ticks = len(parts) > 2 and not body.startswith(("0", "+", "(")) and max(map(len, parts)) == 2
    mixed = "." in body and "-" in body and not body.startswith(("+", "("))
    return date or series or thousands or (ticks and " " in body) or mixed


_FINDERS = {
    "email": _plain("email", _EMAIL),
    "card": _cards,
    "iban": _ibans,
    "national_id": _plain("national_id", _SSN, _NINO, _LICENCE),
    "ip": _plain("ip", _IP),
    "phone": _phones,
    "url": _plain("url", _URL),
}
