"""Reading plain text in code: numbers with units, dates, negation, words and sentences.

Extraction and verification both stand on these functions, so that what one writes the other can check.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_CURRENCY = r"(?:RM|MYR|USD|EUR|GBP|SGD|CHF|JPY|INR|AUD|CAD|US\$|S\$|A\$|[$€£¥₹])"
_NUMBER = re.compile(
    rf"(?P<currency>{_CURRENCY})?\s?"
    r"(?P<sign>(?<![\w.,)])[-−–])?"
    r"(?P<digits>\d{1,3}(?:[,\u00a0\u202f'’]\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?|\.\d+)"
    r"(?:\s?(?P<unit>%|percentage points?|per\s?cent|thousand|million|billion|trillion|[kKmMbB]n?\b"
    r"|mg|kg|km|cm|mm|ms|years?|days?|hours?|minutes?|seconds?|°\s?[CF]|GB|MB|KB))?",
)
_SCALE = {
    "thousand": 1e3, "k": 1e3, "million": 1e6, "m": 1e6, "mn": 1e6,
    "billion": 1e9, "b": 1e9, "bn": 1e9, "trillion": 1e12,
}  # fmt: skip
_WORD_NUMBERS = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen twenty".split()
    )
}
_MONTHS = (
    {name.lower(): index for index, name in enumerate(calendar.month_name) if name}
    | {name.lower(): index for index, name in enumerate(calendar.month_abbr) if name}
    | {"sept": 9}
)
_MONTH = "(?P<month_name>" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")(?![^\W\d_])\.?"
_DATE_FORMS = (
    re.compile(r"(?<!\d)(?P<year>(?:19|20)\d{2})(?P<s>[-/.])(?P<month>\d{1,2})(?P=s)(?P<day>\d{1,2})(?!\d)"),
    re.compile(r"(?<![\d.])(?P<day>\d{1,2})\s?(?P<s>[-/.])\s?(?P<month>\d{1,2})\s?(?P=s)\s?(?P<year>\d{4}|\d{2})(?![\d.]*\d[-/.])(?!\d)"),
    re.compile(rf"(?<!\d)(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[\s\-/.,']*{_MONTH}[\s\-/.,']*(?P<year>\d{{4}}|\d{{2}})(?!\d)", re.I),
    re.compile(rf"\b{_MONTH}[\s\-.]*(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[\s,\-.']+(?P<year>\d{{4}}|\d{{2}})(?!\d)", re.I),
)  # fmt: skip
_NEGATION = re.compile(
    r"\b(?:no|not|never|none|neither|nor|without|cannot|absent|absence of|negative for|denies|lack(?:s|ed|ing)?"
    r"|fail(?:s|ed)? to|unable|n[o']t|free of)\b|n['’]t\b",
    re.I,
)
_STOP_WORDS = frozenset(
    "a an and are as at be been being but by can could did do does for from had has have he her his how i if in "
    "into is it its me my of on or our please shall she should show tell than that the their them then there these "
    "they this those to us was we were what when where which who whom whose why will with would you your".split()
)
_PLAIN_MARKS = {ord("’"): "'", ord("‘"): "'", ord("“"): '"', ord("”"): '"', ord("–"): "-", ord("−"): "-"}
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Scripts that are written without spaces: Thai, Lao, Burmese, Khmer, kana and Chinese characters."""
_IS_UNSPACED = re.compile(rf"[{UNSPACED}]")
_RUN = re.compile(rf"[{UNSPACED}]+|[^{UNSPACED}]+")
CAPITALS = "A-Z\u00c0-\u00de\u0386-\u03ab\u0400-\u042f\u0531-\u0556"
"""What begins a sentence in Latin, Greek, Cyrillic and Armenian letters (and in Arabic ones, which have no case:
any letter)."""
_SENTENCE_END = re.compile(
    rf"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[«„¿¡]?[{CAPITALS}0-9])|(?<=[.!؟])\s+(?=[\u0620-\u06ff])|(?<=[。！？])|\n{{2,}}"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|vs|cf|fig|figs|al|dr|mr|mrs|ms|no|approx|ca|inc|ltd|st)\.|\b[A-Z]\.)$", re.I
)

_SENTENCE_WORDS, _SMALL_WORDS = 4, 2


@dataclass(frozen=True)
class NumberSpan:
    """A number as written: its value (scaled by million and the like), unit, currency and place."""

    value: float
    unit: str
    currency: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class DateSpan:
    """A date as written: ISO form `YYYY-MM-DD` and place."""

    iso: str
    text: str
    start: int
    end: int


def find_numbers(text: str, *, words: bool = False) -> list[NumberSpan]:
    """Return the numbers in a text in order; `words` also reads `zero` to `twenty`."""
    found = [span for match in _NUMBER.finditer(text) if (span := _number(match)) is not None]
    if words:
        found += [
            NumberSpan(float(value), "", "", match.group(), match.start(), match.end())
            for match in re.finditer(r"[A-Za-z]+", text)
            if (value := _WORD_NUMBERS.get(match.group().lower())) is not None
        ]
        found.sort(key=lambda span: span.start)
    return found


def _number(match: re.Match[str]) -> NumberSpan | None:
    digits = match["digits"]
    if re.fullmatch(r"\d{1,3}(?:[,\u00a0\u202f'’]\d{3})+(?:\.\d+)?", digits):
        digits = re.sub(r"[,\u00a0\u202f'’]", "", digits)
    else:
        digits = digits.replace(",", ".")
    unit = re.sub(r"\s+", " ", (match["unit"] or "")).lower()
    value = float(digits) * _SCALE.get(unit, 1.0) * (-1.0 if match["sign"] else 1.0)
    if unit.startswith("per"):
        unit = "%"
    if unit in _SCALE:
        unit = ""
    start = (
        match.start("currency") if match["currency"] else match.start("sign" if match["sign"] else "digits")
    )
    end = match.end("unit") if match["unit"] else match.end("digits")
    return NumberSpan(value, unit.rstrip("s") if len(unit) > 2 else unit, match["currency"] or "",
                      match.string[start:end], start, end)  # fmt: skip


def find_dates(text: str, *, day_first: bool = True) -> list[DateSpan]:
    """Return the dates in a text in order; an ambiguous `03/04/18` is read day first by default."""
    found: list[DateSpan] = []
    for form in _DATE_FORMS:
        for match in form.finditer(text):
            iso = _iso(match, day_first=day_first)
            overlaps = any(match.start() < old.end and old.start < match.end() for old in found)
            if iso and not overlaps:
                found.append(DateSpan(iso, match.group(), match.start(), match.end()))
    return sorted(found, key=lambda span: span.start)


def _iso(match: re.Match[str], *, day_first: bool) -> str | None:
    groups = match.groupdict()
    year, day = int(groups["year"]), int(groups["day"])
    named = groups.get("month_name")
    month = _MONTHS[named.lower()] if named else int(groups["month"])
    if not named and len(groups["year"]) <= 4 and _day_before_year(match):
        if not day_first:
            day, month = month, day
        if month > 12 >= day:
            day, month = month, day
    if year < 100:
        year += 2000 if year < 70 else 1900
    if not (1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]):
        return None
    return f"{year:04d}-{month:02d}-{day:02d}"


def _day_before_year(match: re.Match[str]) -> bool:
    """Whether a match wrote its day or month before its year."""
    return match.start("day") < match.start("year")


def has_negation(text: str) -> bool:
    """Return whether a text negates (`no`, `not`, `without`, `negative for`, ...)."""
    return _NEGATION.search(text) is not None


def words(text: str) -> list[str]:
    """Return the lower-case words of a text, accents folded."""
    return list(_words(text))


@lru_cache(maxsize=256)  # a check looks at the same few sentences again and again
def _words(text: str) -> tuple[str, ...]:
    if not text.isascii():
        folded = unicodedata.normalize("NFKD", text)
        text = "".join(char for char in folded if not unicodedata.combining(char))
    found = _WORD.findall(text.lower())
    return tuple(found if text.isascii() else (part for word in found for part in word_parts(word)))


def word_parts(word: str) -> list[str]:
    """Return a word of a script with spaces as it is, and runs of one without as pairs of characters.

    Pairs stand in for words where nothing marks them (Nie et al. 2000, "On the use of words and n-grams for
    Chinese information retrieval"). Digits and Latin letters among them are words of their own.
    """
    if word.isascii() or not _IS_UNSPACED.search(word):
        return [word]
    parts: list[str] = []
    for run in _RUN.findall(word):
        pairs = len(run) > 2 and _IS_UNSPACED.match(run)
        parts += [run[at : at + 2] for at in range(len(run) - 1)] if pairs else [run]
    return parts


def content_words(text: str) -> list[str]:
    """Return the words that carry meaning: no function words, no question words."""
    return [word for word in words(text) if word not in _STOP_WORDS]


def sentences(text: str) -> list[str]:
    """Split a text into sentences; abbreviations and initials do not end one."""
    parts: list[str] = []
    for part in _SENTENCE_END.split(text):
        piece = part.strip()
        if not piece:
            continue
        if parts and _ABBREVIATION.search(parts[-1]):
            parts[-1] = f"{parts[-1]} {piece}"
        else:
            parts.append(piece)
    return parts


def is_sentence(text: str) -> bool:
    """Return whether a line is a whole sentence of running text: no label, no name, no address.

    Told by its marks: four words or more, two of them in small letters, and a full stop that ends no abbreviation.
    """
    said = text.rstrip("\"')]”’ ").split()
    if len(said) < _SENTENCE_WORDS or said[-1][-1:] not in ".!" or _ABBREVIATION.search(said[-1]):
        return False
    return sum(word[0].islower() for word in said) >= _SMALL_WORDS


def squash(text: str) -> str:
    """Fold case, width and white space, so that quotes compare as people read them."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = folded.translate(_PLAIN_MARKS)
    return re.sub(r"\s+", " ", folded).strip()
