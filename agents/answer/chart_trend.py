"""The shape of a series: how it moves from its first to its last point."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

Shape = Literal["increasing", "decreasing", "constant", "fluctuating"]


def shape_of(values: Sequence[float]) -> Shape:
    """Name a series' movement; steps within 2% of the level are no movement.

    A few steps against a clear overall direction do not make it fluctuate.
    """
    if len(values) < 2:
        return "constant"
    level = max(abs(v) for v in values) or 1.0
    spread = max(values) - min(values)
    net = values[-1] - values[0]
    if spread <= 0.02 * level:
        return "constant"
    steps = [b - a for a, b in itertools.pairwise(values)]
    travelled = sum(abs(step) for step in steps)
    if abs(net) >= 0.4 * spread and (abs(net) >= 0.45 * travelled or abs(_correlation(values)) >= 0.85):
        return "increasing" if net > 0 else "decreasing"
    return "fluctuating"


def _correlation(values: Sequence[float]) -> float:
    """Return Pearson's correlation of the values with their order."""
    count = len(values)
    middle, mean = (count - 1) / 2, sum(values) / count
    product = sum((i - middle) * (v - mean) for i, v in enumerate(values))
    norm = sum((i - middle) ** 2 for i in range(count)) * sum((v - mean) ** 2 for v in values)
    return product / norm**0.5 if norm else 0.0


def one_way(values: Sequence[float], direction: int) -> bool:
    """Whether every step goes in a direction (1 up, -1 down), within reading error."""
    level = max((abs(v) for v in values), default=1.0) or 1.0
    return all(direction * (b - a) > -0.005 * level for a, b in itertools.pairwise(values))
