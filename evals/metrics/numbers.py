"""Answers that are numbers: ChartQA's relaxed accuracy, and one that also reads units and years."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from core.text import NumberSpan, find_numbers, squash
from evals.metrics.text import accepted_answers

_YEAR = re.compile(r"(?:1[5-9]|20|21)\d\d")
_SAYS_NOTHING = set("a about an approximately around at in is it nearly of roughly the was year".split())
_FLOAT = 1e-9
"""Slack for binary fractions: 1.05 is within 5% of 1."""


def relaxed_match(prediction: str | None, gold: str | Iterable[str], tolerance: float = 0.05) -> float | None:
    """Return ChartQA's relaxed correctness (Masry et al. 2022, section 5.1): 1 or 0; None without gold.

    Numbers may be off by the tolerance, relative to the gold; a text that ends in % is a hundredth. Other
    answers, and a gold of 0, must be the same text but for case. Years are numbers like others here: see
    `numeric_match`.
    """
    said = (prediction or "").strip()
    return _any(_relaxed(said, answer.strip(), tolerance) for answer in accepted_answers(gold))


def numeric_match(prediction: str | None, gold: str | Iterable[str], tolerance: float = 0.05) -> float | None:
    """Return 1 when an answer says the gold number, else 0; None without gold.

    Stricter and kinder than `relaxed_match`. Years must be exact (5% of 2010 is a century). Thousands
    separators, currencies, `million` and the like are read; a unit, or what is counted, may be left out but
    not be another one; `25%` may be said as `25` or as `0.25`. An answer with several numbers says none.
    Without a number the texts must be the same, but for case and spaces.
    """
    said = squash(prediction or "")
    return _any(_same_number(said, squash(answer), tolerance) for answer in accepted_answers(gold))


def _any(matches: Iterable[bool]) -> float | None:
    known = list(matches)
    return float(any(known)) if known else None


def _relaxed(said: str, wanted: str, tolerance: float) -> bool:
    value, gold = _plain_number(said), _plain_number(wanted)
    if value is not None and gold:
        return abs(value - gold) / abs(gold) <= tolerance
    return bool(said) and said.lower() == wanted.lower()


def _plain_number(text: str) -> float | None:
    try:
        value = float(text.rstrip("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _same_number(said: str, wanted: str, tolerance: float) -> bool:
    if not said or said == wanted:
        return bool(said)
    ours, golds = find_numbers(said), find_numbers(wanted)
    if len(ours) != 1 or len(golds) != 1:
        return False
    one, gold = ours[0], golds[0]
    if not (_agree(one.unit, gold.unit) and _agree(one.currency, gold.currency)):
        return False
    if not _agree(_beside(said, one), _beside(wanted, gold)):
        return False
    if _YEAR.fullmatch(gold.text) and not _beside(wanted, gold):
        return one.value == gold.value
    values = [one.value]
    if gold.unit == "%" and not one.unit:
        values.append(one.value * 100)
    return any(_close(value, gold.value, tolerance) for value in values)


def _agree(one: str, other: str) -> bool:
    return not one or not other or one == other


def _beside(text: str, number: NumberSpan) -> str:
    """Return the words around a number that say what is counted."""
    around = re.findall(r"[^\W_]+", text[: number.start] + " " + text[number.end :])
    return " ".join(word for word in around if word not in _SAYS_NOTHING)


def _close(value: float, gold: float, tolerance: float) -> bool:
    return abs(value - gold) <= (tolerance + _FLOAT) * abs(gold)
