# ruff: noqa: E501 - tables of words and patterns, one group to a line
"""Recomputing a derived claim: its number has to follow from the numbers that it quotes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

from agents.check.overlap import stems
from agents.check.quantities import Quantity, figures, number_backed
from agents.check.quotes import plain

Operation = Literal["sum", "difference", "ratio", "mean", "max", "min", "count", "change", "share"]
_WORDS: tuple[tuple[Operation, re.Pattern[str]], ...] = (
    ("change", re.compile(r"\b(?:percent(?:age)? (?:change|increase|decrease|growth)|(?:gr[eo]wn?|rose|risen|fell|fallen"
                          r"|increased?|decreased?|dropped|declined|changed?|up|down)\b.{0,40}%)", re.I)),
    ("mean", re.compile(r"\b(?:average|mean)\b", re.I)),
    ("ratio", re.compile(r"\b(?:ratio|times|twice|fold|divided by)\b", re.I)),
    ("share", re.compile(r"\b(?:share of|percent of|proportion of)\b|%\s+of\b", re.I)),
    ("sum", re.compile(r"\b(?:sum|total|together|combined|altogether|in all|add(?:s|ed)? up)\b", re.I)),
    ("difference", re.compile(r"\b(?:difference|differ|gap|margin|by|more|less|fewer|higher|lower|larger|smaller|greater"
                              r"|exceeds?|ahead|behind|above|below|minus|longer|shorter|older|younger)\b", re.I)),
    ("max", re.compile(r"\b(?:highest|largest|greatest|most|maximum|max|biggest|top|peak|longest|latest)\b", re.I)),
    ("min", re.compile(r"\b(?:lowest|smallest|least|fewest|minimum|min|bottom|shortest|earliest)\b", re.I)),
    ("count", re.compile(r"\b(?:count|how many|there (?:are|were|is)|number of|in \d+ of|listed|items?)\b", re.I)),
)  # fmt: skip
_HIGHER = re.compile(r"\b(?:higher|more|larger|greater|bigger|exceeds?|ahead of|above|longer|older)\b", re.I)
_LOWER = re.compile(r"\b(?:lower|less|fewer|smaller|behind|below|shorter|younger)\b", re.I)
_MAX_PAIRED = 12
"""Above this many numbers some pair matches anything by chance; only extremes are then paired."""


@dataclass(frozen=True)
class Datum:
    """A quoted value with the stems of the words that label it."""

    value: float
    label: frozenset[str]


def derived_faults(claim: str, quotes: Sequence[str]) -> list[str]:
    """Return why a derived claim does not follow from its quotes; empty when it does.

    Each number of the claim is either quoted or the result of an operation that the claim names
    (any operation when it names none), within the claim's own rounding. `A is higher than B` and `A is the
    highest` are recomputed from the quotes that A and B label.
    """
    data = [datum for quote in quotes if (datum := _datum(quote)) is not None]
    if not data:
        return ["nothing to compute from is quoted"]
    flat = "\n".join(quotes)
    backed = figures(flat)
    operations = [name for name, rule in _WORDS if rule.search(claim)]
    said = figures(claim).numbers
    new = [item for item in said if not number_backed(item, backed, plain(flat))]
    quoted = [item.value for item in said if item not in new]
    faults = _order_faults(claim, data)
    for item in new:
        operands = quoted if len(quoted) >= 2 and "count" not in operations else [d.value for d in data]
        pools = [operands] if operands is quoted else [operands, [q.value for q in backed.numbers]]
        if not any(_follows(item, pool, operations) for pool in pools):
            faults.append(f"{item.text} does not follow from the quoted numbers")
    if not new and not _HIGHER.search(claim) and not _LOWER.search(claim):
        faults += _extreme_faults(claim, said, data, operations)
    return faults


def _datum(quote: str) -> Datum | None:
    numbers = figures(quote).numbers
    if not numbers:
        return None
    return Datum(numbers[-1].value, stems(quote))


def _follows(item: Quantity, operands: Sequence[float], operations: Sequence[Operation]) -> bool:
    tolerance = 0.5 * 10.0**-item.decimals * 1.001
    results = compute(operands, operations or tuple(name for name, _ in _WORDS))
    return any(abs(abs(item.value) - abs(result)) <= tolerance for result in results)


def compute(values: Sequence[float], operations: Iterable[Operation]) -> Iterator[float]:
    """Yield the results of the named operations over the values."""
    pairs = list(permutations(values, 2)) if len(values) <= _MAX_PAIRED else []
    ordered = sorted(values)
    if not pairs and len(values) > 1:
        pairs = [(ordered[-1], ordered[0]), (ordered[0], ordered[-1]), (ordered[-1], ordered[-2])]
    for operation in operations:
        if operation == "sum" and len(values) > 1:
            yield sum(values)
        elif operation == "mean" and values:
            yield sum(values) / len(values)
        elif operation in ("max", "min") and values:
            yield ordered[-1] if operation == "max" else ordered[0]
        elif operation == "count":
            yield float(len(values))
        elif operation == "share":
            yield from (100.0 * a / b for a, b in pairs if b)
            yield from (100.0 * value / sum(values) for value in values if sum(values))
        else:
            yield from _paired(operation, pairs)


def _paired(operation: Operation, pairs: Iterable[tuple[float, float]]) -> Iterator[float]:
    for a, b in pairs:
        if operation == "difference":
            yield a - b
        elif operation == "ratio" and b:
            yield a / b
        elif operation == "change" and b:
            yield 100.0 * (a - b) / abs(b)


def _order_faults(claim: str, data: Sequence[Datum]) -> list[str]:
    """Check `A is higher than B`: the value that A labels has to be above the one that B labels."""
    for rule, sign in ((_HIGHER, 1.0), (_LOWER, -1.0)):
        match = rule.search(claim)
        if match is None:
            continue
        than = re.search(r"\bthan\b|\bof\b|\bthe\b", claim[match.end() :])
        left = _labelled(claim[: match.start()], data)
        right = _labelled(claim[match.end() + (than.end() if than else 0) :], data)
        if left is not None and right is not None and sign * (left - right) <= 0:
            return ["the comparison points the other way"]
        if (left is None or right is None) and len(data) > 1 and than and than.group() == "than":
            return ["what is compared is not quoted"]
    return []


def _labelled(part: str, data: Sequence[Datum]) -> float | None:
    """Return the value whose label shares most words with a part of a claim, if one does alone."""
    said = stems(part)
    scored = sorted(((len(said & datum.label), datum.value) for datum in data), reverse=True)
    if not scored or scored[0][0] == 0:
        return None
    best = [value for score, value in scored if score == scored[0][0]]
    return best[0] if len(set(best)) == 1 else None


def _extreme_faults(
    claim: str, said: Sequence[Quantity], data: Sequence[Datum], operations: Sequence[Operation]
) -> list[str]:
    for operation, wanted in (("max", max), ("min", min)):
        if operation not in operations:
            continue
        extreme = wanted(datum.value for datum in data)
        if said and any(abs(item.value - extreme) < 1e-9 for item in said):
            owner = _labelled(claim, data)
            return [] if owner is None or owner == extreme else [f"another value is the {operation}imum"]
        owner = _labelled(claim, data)
        return [] if owner == extreme else [f"the {operation}imum is another value"]
    return [] if said else ["it names no operation and no number"]
