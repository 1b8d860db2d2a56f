"""How well a judge orders candidate answers, against people. Lists of scores, higher is better.

A judge who gave no scores is worth 0 everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

from evals.metrics.ranking import discounted_gain


def pairwise_accuracy(prediction: Sequence[float] | None, gold: Sequence[float]) -> float | None:
    """Return the share of pairs with different gold that the judge orders alike; a tie of his counts half.

    None when no two candidates differ.

    Raises:
        ValueError: The lists differ in length, or a score is NaN.
    """
    if gold and not prediction:
        return 0.0
    prediction = prediction or ()
    marks = [
        0.5 if one == 0 else float((one > 0) == (true > 0))
        for one, true in _pairs(prediction, gold)
        if true != 0
    ]
    return sum(marks) / len(marks) if marks else None


def kendall_tau(prediction: Sequence[float] | None, gold: Sequence[float]) -> float | None:
    """Return Kendall's tau-b, -1 to 1 (Kendall 1945), which allows for ties; None when one side is all ties.

    Raises:
        ValueError: The lists differ in length, or a score is NaN.
    """
    if gold and not prediction:
        return 0.0
    prediction = prediction or ()
    pairs = _pairs(prediction, gold)
    agreed = sum((one > 0) == (true > 0) for one, true in pairs if one and true)
    apart = sum(bool(one and true) for one, true in pairs) - agreed
    strict, strict_gold = sum(one != 0 for one, _ in pairs), sum(true != 0 for _, true in pairs)
    return (agreed - apart) / math.sqrt(strict * strict_gold) if strict and strict_gold else None


def judged_ndcg(
    prediction: Sequence[float] | None, gold: Sequence[float], k: int | None = None
) -> float | None:
    """Return the nDCG of the judge's order with the gold scores as gains; tied candidates share their places.

    None when no candidate is worth anything (the gold scores are all 0).

    Raises:
        ValueError: The lists differ in length, a score is NaN, or a gold score is below 0.
    """
    if gold and not prediction:
        return 0.0
    prediction = prediction or ()
    _check(prediction, gold)
    if any(true < 0 for true in gold):
        raise ValueError("gold scores of nDCG cannot be below 0")
    shared = []
    for score in sorted(set(prediction), reverse=True):
        tied = [true for one, true in zip(prediction, gold, strict=True) if one == score]
        shared += [math.fsum(tied) / len(tied)] * len(tied)
    best = discounted_gain(sorted(gold, reverse=True)[:k])
    return discounted_gain(shared[:k]) / best if best > 0 else None


def best_chosen(prediction: Sequence[float] | None, gold: Sequence[float]) -> float | None:
    """Return 1 when the judge's first candidate is one of the best, shared among those he ties first.

    None without candidates.

    Raises:
        ValueError: The lists differ in length, or a score is NaN.
    """
    if gold and not prediction:
        return 0.0
    prediction = prediction or ()
    _check(prediction, gold)
    if not gold:
        return None
    top = [true for one, true in zip(prediction, gold, strict=True) if one == max(prediction)]
    return sum(true == max(gold) for true in top) / len(top)


def _check(prediction: Sequence[float], gold: Sequence[float]) -> None:
    if len(prediction) != len(gold):
        raise ValueError(f"{len(prediction)} scores for {len(gold)} candidates")
    if any(math.isnan(score) for score in (*prediction, *gold)):
        raise ValueError("a score is NaN")


def _pairs(prediction: Sequence[float], gold: Sequence[float]) -> list[tuple[float, float]]:
    """Return, for each pair of candidates, how far apart the judge and the gold put them."""
    _check(prediction, gold)
    both = list(zip(prediction, gold, strict=True))
    return [(_apart(a[0], b[0]), _apart(a[1], b[1])) for a, b in combinations(both, 2)]


def _apart(one: float, other: float) -> float:
    return float((one > other) - (one < other))
