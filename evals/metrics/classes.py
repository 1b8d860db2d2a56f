"""One label a sample: accuracy, macro F1, and the confusion matrix."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from evals.metrics.averages import mean_of
from evals.metrics.counts import Counts

RISK_LEVELS = ("none", "low", "medium", "high", "critical")
_YES_NO = re.compile(r"\W*(yes|no|maybe)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Confusion:
    """`rows[i][j]` samples of true label i were given label j; the last column is any other answer."""

    labels: tuple[Hashable, ...]
    rows: tuple[tuple[int, ...], ...]


def yes_no(text: str | None) -> str:
    """Return the `yes`, `no` or `maybe` that an answer begins with, or nothing."""
    found = _YES_NO.match(text or "")
    return found[1].lower() if found else ""


def yes_no_match(prediction: str | None, gold: str) -> float:
    """Return 1 when an answer begins with the gold yes, no or maybe, else 0."""
    return float(yes_no(prediction) == yes_no(gold) != "")


def accuracy(predictions: Sequence[Hashable], golds: Sequence[Hashable]) -> float | None:
    """Return the share of right labels; None without samples.

    Raises:
        ValueError: The lists differ in length.
    """
    return mean_of(float(one == gold) for one, gold in zip(predictions, golds, strict=True))


def class_counts(
    predictions: Sequence[Hashable], golds: Sequence[Hashable], labels: Sequence[Hashable] | None = None
) -> dict[Hashable, Counts]:
    """Return the counts of each label, by default those that occur in the gold.

    A prediction outside the labels (an empty one) is a miss of the true label and a find of none.

    Raises:
        ValueError: The lists differ in length.
    """
    pairs = Counter(zip(predictions, golds, strict=True))
    counts = {}
    for label in dict.fromkeys(golds) if labels is None else labels:
        tp = pairs[label, label]
        fp = sum(n for (one, gold), n in pairs.items() if one == label != gold)
        fn = sum(n for (one, gold), n in pairs.items() if gold == label != one)
        counts[label] = Counts(tp, fp, fn)
    return counts


def macro_f1(
    predictions: Sequence[Hashable], golds: Sequence[Hashable], labels: Sequence[Hashable] | None = None
) -> float | None:
    """Return the mean F1 of the labels, by default those of the gold; one that never occurs counts as 0.

    BioASQ's measure of yes/no questions. None without samples.

    Raises:
        ValueError: The lists differ in length.
    """
    return mean_of(counts.f1 or 0.0 for counts in class_counts(predictions, golds, labels).values())


def confusion(
    predictions: Sequence[Hashable], golds: Sequence[Hashable], labels: Sequence[Hashable]
) -> Confusion:
    """Return the confusion matrix, with a last column for answers that are none of the labels.

    Raises:
        ValueError: The lists differ in length, or a gold label is not among the labels.
    """
    if unknown := set(golds) - set(labels):
        raise ValueError(f"gold labels outside the labels: {sorted(map(str, unknown))}")
    pairs = Counter(zip(predictions, golds, strict=True))
    rows = []
    for gold in labels:
        known = [pairs[label, gold] for label in labels]
        total = sum(n for (_, true), n in pairs.items() if true == gold)
        rows.append((*known, total - sum(known)))
    return Confusion(tuple(labels), tuple(rows))


def under_called(
    predictions: Sequence[str | None], golds: Sequence[str], levels: Sequence[str] = RISK_LEVELS
) -> float | None:
    """Return the share of samples above the lowest level that were called lower than they are, or not at all.

    Raises:
        ValueError: The lists differ in length, or a gold level is unknown.
    """
    place = {level: at for at, level in enumerate(levels)}
    if unknown := set(golds) - set(levels):
        raise ValueError(f"unknown levels: {sorted(unknown)}")
    pairs = zip(predictions, golds, strict=True)
    return mean_of(float(place.get(one or "", -1) < place[gold]) for one, gold in pairs if place[gold] > 0)
