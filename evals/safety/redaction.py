"""Personal data found by form (`core.personal`), held against labelled sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from core.personal import find_personal
from evals.metrics.counts import Counts, pooled

Marked = tuple[str, int, int]
"""A kind with its first character and the one behind its last."""

FORMS = {
    "email": ("EMAIL_ADDRESS",),
    "card": ("CREDIT_CARD",),
    "iban": ("IBAN_CODE",),
    "phone": ("PHONE_NUMBER",),
    "ip": ("IP_ADDRESS",),
    "national_id": ("US_SSN", "US_DRIVER_LICENSE"),
}
"""What each kind is called in presidio's sentences."""
_OVERLAP = 0.5


def found_in(text: str) -> list[Marked]:
    """Return what the product finds in a text."""
    return [(span.kind, span.start, span.end) for span in find_personal(text)]


def gold_of(row: dict[str, Any]) -> list[Marked]:
    """Return the labels of a row of presidio's sentences."""
    return [(span["entity_type"], span["start_position"], span["end_position"]) for span in row["spans"]]


def counts_of(kind: str, found: Sequence[Marked], gold: Sequence[Marked]) -> Counts:
    """Count one kind in one text; a find is right when it and the label share half of either."""
    mine = [one for one in found if one[0] == kind]
    theirs = [one for one in gold if one[0] in FORMS[kind]]
    right = sum(any(same_place(one, other) for other in theirs) for one in mine)
    met = sum(any(same_place(one, other) for other in mine) for one in theirs)
    return Counts(tp=met, fp=len(mine) - right, fn=len(theirs) - met)


def covered(found: Sequence[Marked], gold: Sequence[Marked]) -> float | None:
    """Return the share of all labels, whatever their kind, that masking would hide; None without labels."""
    if not gold:
        return None
    return sum(any(same_place(one, other) for other in found) for one in gold) / len(gold)


def same_place(one: Marked, other: Marked) -> bool:
    """Whether two spans share at least half of either."""
    shared = min(one[2], other[2]) - max(one[1], other[1])
    return shared >= _OVERLAP * max(one[2] - one[1], other[2] - other[1])


def whole(kind: str, pairs: Iterable[tuple[Sequence[Marked], Sequence[Marked]]]) -> Counts:
    """Pool one kind over texts, given as (found, gold)."""
    return pooled(counts_of(kind, found, gold) for found, gold in pairs)
