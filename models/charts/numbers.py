"""Numbers as charts print them: ticks and data labels with signs, currency, percent and K/M/B."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SCALES = {
    "k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "mm": 1e6, "mil": 1e6, "million": 1e6,
    "b": 1e9, "bn": 1e9, "g": 1e9, "billion": 1e9, "t": 1e12, "tn": 1e12, "trillion": 1e12,
}  # fmt: skip
_NUMBER = re.compile(
    r"^(?P<open>\()?\s*(?P<sign>[-−–—+])?\s*(?P<currency>US\$|[$€£¥₹]|RM)?\s*(?P<sign2>[-−–])?\s*"
    r"(?P<digits>\d{1,3}(?:[, \u00a0\u202f]\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?|[.]\d+)"
    r"(?:[eE](?P<exponent>[-+−]?\d{1,2}))?"
    r"\s*(?P<scale>thousand|million|billion|trillion|mil|mn|mm|bn|tn|[kKmMBbGTt])?\s*"
    r"(?P<unit>%|°\s?[CF]?|pp|pts?|kWh|kg|km|cm|h|yrs?)?\s*\)?$"
)
_POWER = re.compile(r"^(?:[x×]\s?)?10\s*[\^]?\s*(?P<exponent>[-−]?\d{1,2}|[⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)$")
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_LOOKALIKES = str.maketrans({"O": "0", "o": "0", "l": "1", "I": "1", "|": "1", "S": "5"})


@dataclass(frozen=True)
class PrintedNumber:
    """A number with what was printed around it; `unit` is `%`, a currency sign, or empty."""

    value: float
    unit: str
    text: str


def read_number(text: str) -> PrintedNumber | None:
    """Read a text that is one number and nothing else, or return None.

    Marks that OCR glues to a tick label (`5.0-`, `|20`) are dropped; letters that look like digits are
    read as digits only where digits surround them.
    """
    cleaned = text.strip().strip("_|~•·*'\"`").rstrip("-–—−.:,=").strip()
    match = _NUMBER.match(cleaned)
    if match is None and _mostly_digits(cleaned):
        match = _NUMBER.match(cleaned.translate(_LOOKALIKES))
    if match is None:
        return None
    digits = match["digits"]
    if re.fullmatch(r"\d{1,3}(?:[, \u00a0\u202f]\d{3})+(?:\.\d+)?", digits):
        digits = re.sub(r"[, \u00a0\u202f]", "", digits)
    value = float(digits.replace(",", ".")) * _SCALES.get((match["scale"] or "").lower(), 1.0)
    if match["exponent"]:
        value *= 10.0 ** int(match["exponent"].replace("−", "-"))
    negative = (match["sign"] or match["sign2"] or "+") in "-−–—" or bool(match["open"])
    unit = (match["unit"] or "").strip() or (match["currency"] or "")
    return PrintedNumber(-value if negative else value, unit, text)


def read_power(text: str) -> float | None:
    """Read a power of ten as log axes print it (`10^3`, `10³`, and `103` as OCR flattens it)."""
    match = _POWER.match(text.strip())
    if match is None:
        return None
    exponent = int(match["exponent"].translate(_SUPERSCRIPT).replace("−", "-"))
    return float(10.0**exponent) if -12 <= exponent <= 15 else None


def embedded_number(text: str) -> tuple[str, PrintedNumber] | None:
    """Split a label that ends in its value: `Housing (34%)`, `Latin America: 24`, `Asia 13.6%`."""
    match = re.match(
        r"^(?P<name>.*?[A-Za-z\u00c0-\u024f)].*?)[\s:,\-–(\[=]+(?P<number>[$€£¥]?\s?\d[\d,.]*\s?(?:[kKmMBb]|%)?)\s*[)\]]?$",
        text.strip(),
    )
    number = read_number(match["number"]) if match else None
    if match is None or number is None:
        return None
    return match["name"].strip(" :,-–(["), number


def _mostly_digits(text: str) -> bool:
    digits = sum(char.isdigit() for char in text)
    letters = sum(char.isalpha() for char in text)
    return digits >= 1 and digits >= 2 * letters and len(text) <= 12
