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
_FEW_GROUPS = 5
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
    return wilson_share(right / total, total, confidence)


def wilson_share(share: float, total: float, confidence: float = 0.95) -> Interval:
    """Return Wilson's interval of a share of `total` independent questions, which need not be whole.

    For scores between 0 and 1 that are not all 0 or 1 it is too wide rather than too narrow.

    Raises:
        ValueError: `total` is not above 0, or `share` is not between 0 and 1.
    """
    if total <= 0 or not 0 <= share <= 1:
        raise ValueError(f"a share of {share} of {total}")
    z = normal_quantile(0.5 + confidence / 2)
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    # At the ends rounding must not leave the share itself outside.
    low, high = min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half))
    return Interval(value=share, low=low, high=high)


def mean_interval(
    values: Sequence[float],
    groups: Sequence[str] | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = 2_000,
    seed: int = 0,
) -> Interval:
    """Return the mean with the interval that suits the values.

    Right or wrong answers get Wilson's interval for as many independent questions as their groups are worth
    (Kish's design effect, 1965); other values a bootstrap over groups, or Wilson's where too few groups or
    equal values would give a bootstrap of no width.

    Raises:
        ValueError: There are no values, or not one group a value.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        raise ValueError("no values")
    sums, counts = group_sums(array, groups)
    inside = bool(((array >= 0) & (array <= 1)).all())
    binary = inside and bool(np.isin(array, (0.0, 1.0)).all())
    if inside and (binary or sums.size < _FEW_GROUPS or float(np.ptp(array)) == 0.0):
        worth = float(array.size) if sums.size == array.size else _worth(array, sums, counts)
        return wilson_share(float(array.mean()), worth, confidence)
    return bootstrap_mean(values, groups, confidence=confidence, resamples=resamples, seed=seed)


def _worth(array: NDArray[np.float64], sums: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
    """How many independent questions the groups are worth, between 1 and all of them."""
    mean, size = float(array.mean()), sums.size
    single = mean * (1 - mean)
    spread = float(((sums - counts * mean) ** 2).sum()) / array.size**2
    if size < 2 or single == 0.0 or spread == 0.0:
        return float(size)
    return float(np.clip(single / (spread * size / (size - 1)), 1.0, array.size))


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
    sums, counts = group_sums(array, groups)
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


def group_sums(
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


def normal_quantile(p: float) -> float:
    """Return the standard normal's quantile of a probability strictly between 0 and 1."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(p)
