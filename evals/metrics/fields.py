"""Key fields of documents (receipts, forms): right or not, field by field, as SROIE's third task."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

from core.text import find_dates, squash
from evals.metrics.averages import mean_of
from evals.metrics.counts import Counts, pooled

FieldKind = Literal["date", "amount", "text"]
Field = str | tuple[str, FieldKind]
"""A true value, alone or with its kind."""
_AMOUNT = re.compile(r"-?\d[\d.,' ]*")


@lru_cache(maxsize=8192)  # intervals over documents ask for the same fields again and again
def field_normal(text: str | None, kind: FieldKind = "text") -> str:
    """Return a field as it is compared.

    A date becomes `YYYY-MM-DD` (day first), an amount a decimal with two places, any other text its letters
    and digits. What is no date or amount compares as text.
    """
    text = text or ""
    if kind == "date" and (dates := find_dates(text)):
        return dates[0].iso
    if kind == "amount" and (amount := _amount(text)) is not None:
        return f"{amount:.2f}"
    return "".join(char for char in squash(text) if char.isalnum())


def field_match(prediction: str | None, gold: str, kind: FieldKind = "text") -> float:
    """Return 1 when a field equals the gold one after `field_normal`, else 0; an empty one is never right."""
    said = field_normal(prediction, kind)
    return float(bool(said) and said == field_normal(gold, kind))


def fields_match(
    prediction: Mapping[str, str | None] | None,
    gold: Mapping[str, Field],
    kinds: Mapping[str, FieldKind] | None = None,
) -> float | None:
    """Return the share of a document's gold fields that are right; None without gold fields."""
    said = prediction or {}
    wanted = {name: _kind_of(name, field, kinds) for name, field in gold.items()}
    return mean_of(field_match(said.get(name), text, kind) for name, (text, kind) in wanted.items())


def field_counts(
    predictions: Sequence[Mapping[str, str | None] | None],
    golds: Sequence[Mapping[str, Field]],
    kinds: Mapping[str, FieldKind] | None = None,
) -> dict[str, Counts]:
    """Return the counts of each field over documents: a wrong value is found wrongly and missed.

    Raises:
        ValueError: The lists differ in length.
    """
    counts: dict[str, Counts] = {}
    for prediction, gold in zip(predictions, golds, strict=True):
        said = prediction or {}
        for name in {**gold, **said}:
            text, kind = _kind_of(name, gold.get(name, ""), kinds)
            given, there = bool(field_normal(said.get(name), kind)), bool(field_normal(text, kind))
            right = there and field_match(said.get(name), text, kind) == 1.0
            one = Counts(int(right), int(given and not right), int(there and not right))
            counts[name] = counts.get(name, Counts()) + one
    return dict(sorted(counts.items()))


def fields_f1(
    predictions: Sequence[Mapping[str, str | None] | None], golds: Sequence[Mapping[str, Field]]
) -> float | None:
    """Return the F1 over all fields of all documents (SROIE's ranking figure).

    Raises:
        ValueError: The lists differ in length.
    """
    return pooled(field_counts(predictions, golds).values()).f1


def _kind_of(name: str, field: Field, kinds: Mapping[str, FieldKind] | None) -> tuple[str, FieldKind]:
    if isinstance(field, str):
        return field, (kinds or {}).get(name, "text")
    text, kind = field
    return text, kind


def _amount(text: str) -> float | None:
    found = _AMOUNT.findall(text)
    if len(found) != 1:
        return None
    digits = found[0].replace(" ", "").replace("'", "")
    # The last mark is the decimal one when one or two digits follow it.
    whole, mark, cents = re.fullmatch(r"(.*?)(?:([.,])(\d{1,2}))?", digits).groups()  # type: ignore[union-attr]
    number = re.sub(r"[.,]", "", whole) + ("." + cents if mark else "")
    try:
        return float(number)
    except ValueError:
        return None
