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
    from scipy.stats import binom

    found = sorted(values)
    n = len(found)
    tail = (1 - confidence) / 2
    first, last = int(binom.ppf(tail, n, q)), int(binom.ppf(1 - tail, n, q)) + 1
    return Quantile(
        q=q,
        n=n,
        value=found[max(0, math.ceil(q * n) - 1)],
        low=found[first - 1] if first >= 1 else None,
        high=found[last - 1] if last <= n else None,
    )
