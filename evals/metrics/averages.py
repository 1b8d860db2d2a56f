"""The mean of the scores that are defined, and how many were not."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Average:
    """A mean over `n` scores; `undefined` more were None. Without any score the value is None too."""

    value: float | None
    n: int
    undefined: int


def average(scores: Iterable[float | None]) -> Average:
    """Return the mean of the scores that are defined.

    Raises:
        ValueError: A score is NaN or infinite: that is a fault of its metric, not a number to average.
    """
    given = list(scores)
    kept = [score for score in given if score is not None]
    if not all(math.isfinite(score) for score in kept):
        raise ValueError("a score is not finite")
    value = math.fsum(kept) / len(kept) if kept else None
    return Average(value, len(kept), len(given) - len(kept))


def mean_of(scores: Iterable[float | None]) -> float | None:
    """Return the mean alone, or None without any score."""
    return average(scores).value
