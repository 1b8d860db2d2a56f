"""What a comparison can notice at all: the minimum detectable effect, and the samples that one needs. Pure.

A fall is thought of as some samples of the base losing their whole score, on top of the changes that versions
show anyway. With a mean base score m and mean square q, a fall of d then adds `d q / m` to the mean square of
the differences, which is v without it: their variance is `v + d q / m - d^2`, and a fall is noticed with the
wanted power when `d = z sqrt(variance / n)`, z being the sum of the normal quantiles of level and power
(Cohen 1988, section 2.4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evals.paired import group_sums, normal_quantile

POWER = 0.95


def quantiles(level: float, power: float = POWER) -> float:
    """Return z: the normal quantiles of a two-sided level and of the power, added."""
    return normal_quantile(1 - level / 2) + normal_quantile(power)


def detectable(worth: float, churn: float, weight: float, level: float, power: float = POWER) -> float:
    """Return the least fall that is noticed with the wanted power; more than 1 means none is.

    Args:
        worth: Independent samples.
        churn: v, the mean square of the differences of versions that are equally good.
        weight: q / m, 1 for answers that are right or wrong.
        level: Two-sided, after correction for the number of comparisons.
        power: Chance of noticing it.
    """
    z2 = quantiles(level, power) ** 2
    linear = z2 * weight
    return (linear + math.sqrt(linear**2 + 4 * (worth + z2) * z2 * churn)) / (2 * (worth + z2))


def needed(fall: float, churn: float, weight: float, level: float, power: float = POWER) -> int:
    """Return how many independent samples notice such a fall: `detectable` solved for them."""
    return max(1, math.ceil(quantiles(level, power) ** 2 * (churn + weight * fall - fall**2) / fall**2))


def observed(
    base: NDArray[np.float64], differences: NDArray[np.float64], groups: Sequence[str]
) -> tuple[float, float, float]:
    """Return worth, churn and weight (see `detectable`) as two runs show them.

    Args:
        base: Scores of the base, shape (n,), 0 to 1, more being better.
        differences: New minus base, shape (n,).
        groups: What each sample belongs to.
    """
    mean = float(base.mean())
    weight = float((base**2).mean()) / mean if mean > 0 else 1.0
    centred = differences - differences.mean()
    single = float((centred**2).mean())
    units = len(set(groups))
    if single == 0.0:
        return float(units), 0.0, max(weight, 1e-9)
    sums, _ = group_sums(centred, groups)
    effect = float((sums**2).sum()) / differences.size / single  # Kish's design effect of the differences
    worth = float(np.clip(differences.size / max(effect, 1e-9), units, differences.size))
    return worth, single, max(weight, 1e-9)
