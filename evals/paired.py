"""Intervals for accuracies, and the paired bootstrap that compares two models on the same questions.

Pure: numbers in, numbers out. Questions that share a group (an image, a patient) are drawn together,
because they are not independent: a bootstrap over single questions would claim too narrow an interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core.contracts import Contract

RESAMPLES = 10_000
_BLOCK = 500
"""Resamples drawn at once: bounds the memory to `_BLOCK` times the number of groups."""


class Interval(Contract):
    """A value with the ends of its confidence interval."""

    value: float
    low: float
    high: float


class Paired(Contract):
    """Two models on the same questions. `difference` is new minus base."""

    n: int = Field(ge=1)
    groups: int = Field(ge=1, description="Independent units that were drawn.")
    base: float
    new: float
    difference: Interval
    confidence: float
    only_base_right: int = Field(description="Questions that got worse.")
    only_new_right: int = Field(description="Questions that got better.")


def wilson(right: int, total: int, confidence: float = 0.95) -> Interval:
    """Return an accuracy with Wilson's score interval (Wilson 1927), which stays within 0 and 1.

    Raises:
        ValueError: `total` is below 1, or `right` is not between 0 and `total`.
    """
    if total < 1 or not 0 <= right <= total:
        raise ValueError(f"{right} right of {total}")
    z = _normal_quantile(0.5 + confidence / 2)
    share = right / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return Interval(value=share, low=max(0.0, middle - half), high=min(1.0, middle + half))


def bootstrap_mean(
    values: Sequence[float],
    groups: Sequence[str] | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return the mean with its percentile bootstrap interval (Efron 1979), drawn by group.

    Args:
        values: One number a question.
        groups: What each question belongs to; without it every question stands alone.
        confidence: Share of the resamples inside the interval.
        resamples: How often to draw.
        seed: The same seed gives the same interval.

    Raises:
        ValueError: There are no values, or not one group a value.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        raise ValueError("no values")
    sums, counts = _by_group(array, groups)
    means = _resampled_means(sums, counts, resamples, seed)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(value=float(array.mean()), low=float(low), high=float(high))


def paired_difference(
    base: Sequence[float],
    new: Sequence[float],
    groups: Sequence[str] | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Paired:
    """Compare two models question by question (paired bootstrap, Koehn 2004; drawn by group).

    Args:
        base: Score of each question under the old model, 0 to 1.
        new: Score of the same questions, in the same order, under the new model.
        groups: What each question belongs to (an image); without it every question stands alone.
        confidence: Share of the resamples inside the interval.
        resamples: How often to draw.
        seed: The same seed gives the same interval.

    Raises:
        ValueError: The lists differ in length or are empty.
    """
    if len(base) != len(new):
        raise ValueError(f"{len(base)} scores against {len(new)}")
    old_scores, new_scores = np.asarray(base, dtype=np.float64), np.asarray(new, dtype=np.float64)
    difference = bootstrap_mean(
        (new_scores - old_scores).tolist(), groups, confidence=confidence, resamples=resamples, seed=seed
    )
    return Paired(
        n=len(base),
        groups=len(set(groups)) if groups is not None else len(base),
        base=float(old_scores.mean()),
        new=float(new_scores.mean()),
        difference=difference,
        confidence=confidence,
        only_base_right=int(np.sum(old_scores > new_scores)),
        only_new_right=int(np.sum(new_scores > old_scores)),
    )


def _by_group(
    values: NDArray[np.float64], groups: Sequence[str] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sum and the number of values of each group."""
    if groups is None:
        return values, np.ones_like(values)
    if len(groups) != values.size:
        raise ValueError(f"{len(groups)} groups for {values.size} values")
    _, place = np.unique(np.asarray(groups), return_inverse=True)
    counts = np.bincount(place).astype(np.float64)
    return np.bincount(place, weights=values).astype(np.float64), counts


def _resampled_means(
    sums: NDArray[np.float64], counts: NDArray[np.float64], resamples: int, seed: int
) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    means = []
    for start in range(0, resamples, _BLOCK):
        drawn = rng.integers(0, sums.size, size=(min(_BLOCK, resamples - start), sums.size))
        means.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    return np.concatenate(means)


def _normal_quantile(p: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(p)
