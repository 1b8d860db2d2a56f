"""Intervals for measures over all samples at once: leave out one block of groups after another. Pure.

Such a measure (BLEU, CIDEr, calibration error) is no mean, but leaving out a block shows what the block gave
to it: its pseudo-value `B t - (B - 1) t_b`, with B blocks, t the measure and t_b that without block b. Their
mean and spread are treated like scores (Tukey 1958; Efron and Tibshirani 1993, chapter 11). A group is in the
same block in every run, so that two runs can be paired block by block.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence

from evals.paired import Interval, normal_quantile
from evals.run.sample import Record

BLOCKS = 30
_LEAST = 10
"""With fewer blocks nothing is said."""


def block_of(unit: str) -> str:
    """Return the block of a group."""
    number = int(hashlib.sha256(unit.encode("utf-8", "surrogatepass")).hexdigest()[:8], 16) % BLOCKS
    return f"{number:02}"


def pseudo_values(
    records: Sequence[Record], value: float, measure: Callable[[Sequence[Record]], float | None]
) -> dict[str, float]:
    """Return the pseudo-value of each block; none where there are too few, or the measure fails without one.

    Args:
        records: All samples that went well.
        value: The measure over all of them.
        measure: The measure.
    """
    places = [block_of(record.sample.unit) for record in records]
    blocks = sorted(set(places))
    if len(blocks) < _LEAST:
        return {}
    found: dict[str, float] = {}
    for block in blocks:
        without = measure([one for one, place in zip(records, places, strict=True) if place != block])
        if without is None:
            return {}
        found[block] = len(blocks) * value - (len(blocks) - 1) * without
    return found


def jackknife_interval(
    value: float, pseudo: Mapping[str, float], confidence: float = 0.95
) -> Interval | None:
    """Return the measure with its normal interval; None without pseudo-values."""
    count = len(pseudo)
    if count < _LEAST:
        return None
    mean = sum(pseudo.values()) / count
    spread = math.sqrt(sum((one - mean) ** 2 for one in pseudo.values()) / (count - 1) / count)
    half = normal_quantile(0.5 + confidence / 2) * spread
    return Interval(value=value, low=value - half, high=value + half)
