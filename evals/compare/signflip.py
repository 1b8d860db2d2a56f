"""The paired test: how likely so large a difference is when both versions are equally good. Pure.

When they are, each group's difference could as well have had the other sign. So the signs are flipped, and
the share of flips that give as large a sum is the p-value (Fisher 1935; Pitman 1937). It is exact at the
small levels that many comparisons ask for, where the tails of a bootstrap of few groups promise too much.
For answers that are right or wrong and stand alone it is McNemar's exact test.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

DRAWS = 20_000
_EXACT = 13
"""Up to so many groups that differ all 2 to the power of them flips are tried."""
_BLOCK = 2_000


def p_value(differences: NDArray[np.float64], *, draws: int = DRAWS, seed: int = 0) -> float:
    """Return the two-sided p-value of "the differences could have any signs".

    Args:
        differences: Sum of the differences (new minus base) of each independent group, shape (groups,).
        draws: Random flips where there are too many to try them all; the least p-value is `1 / (draws + 1)`.
        seed: The same seed gives the same value.
    """
    sizes = np.abs(differences[np.abs(differences) > 1e-12])
    count = int(sizes.size)
    if count == 0:
        return 1.0
    if float(np.ptp(sizes)) < 1e-12:
        return _equal_sizes(count, int((differences < -1e-12).sum()))
    seen = abs(float(differences.sum()))
    # Sums in another order differ in their last digits; they are still as large.
    least = seen - 1e-9 * max(1.0, float(sizes.sum()))
    if count <= _EXACT:
        signs = 1 - 2 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
        return float((np.abs(signs @ sizes) >= least).mean())
    rng = np.random.default_rng(seed)
    reached = 0
    for start in range(0, draws, _BLOCK):
        rows = min(_BLOCK, draws - start)
        bits = np.unpackbits(rng.integers(0, 256, size=(rows, -(-count // 8)), dtype=np.uint8), axis=1)
        sums = bits[:, :count].astype(np.float64) @ sizes
        reached += int((np.abs(sizes.sum() - 2 * sums) >= least).sum())
    return (reached + 1) / (draws + 1)


def _equal_sizes(count: int, worse: int) -> float:
    """The same without drawing: a fair coin for each group that differs."""
    tail = min(worse, count - worse)
    log_half = -count * math.log(2)
    total = sum(
        math.exp(math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1) + log_half)
        for k in range(tail + 1)
    )
    return min(1.0, 2 * total)
