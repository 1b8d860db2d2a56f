"""Quantiles of times with intervals that assume no distribution. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.contracts import Contract


class Quantile(Contract):
    """A quantile of `n` values. `low` and `high` are None where so few values allow no interval."""

    q: float
    n: int
    value: float
    low: float | None = None
    high: float | None = None


def quantile(values: Sequence[float], q: float, confidence: float = 0.95) -> Quantile | None:
    """Return a quantile with its interval between two order statistics; None of nothing.

    How many of n values lie below the true quantile is binomial, whatever they are drawn from (David and
    Nagaraja 2003, section 7.1). An end that lies outside all values is not known.

    Args:
        values: Independent values in any order; infinite ones stand for what never came.
        q: Between 0 and 1.
        confidence: Of the interval, at least.
    """
    if not values:
        return None
    found = sorted(values)
    n = len(found)
    tail = (1 - confidence) / 2
    first, last = _least(tail, n, q), _least(1 - tail, n, q) + 1
    return Quantile(
        q=q,
        n=n,
        value=found[max(0, math.ceil(q * n) - 1)],
        low=found[first - 1] if first >= 1 else None,
        high=found[last - 1] if last <= n else None,
    )


def _least(level: float, n: int, q: float) -> int:
    """Return the least k with a chance of at least `level` that no more than k of n lie below."""
    from scipy.special import bdtr, bdtrik  # scipy.stats has this too, and takes a second to import

    k: int = math.ceil(bdtrik(level, n, q))
    return k - 1 if k > 0 and bdtr(k - 1, n, q) >= level else k
