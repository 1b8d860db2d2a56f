"""Whether answers hold when the question or the image changes in a way that should not matter."""

from __future__ import annotations

from collections.abc import Sequence

from evals.exact_match import normal_answer
from evals.metrics.averages import mean_of


def kept_right(after: Sequence[float], before: Sequence[float]) -> float | None:
    """Return the share of the answers that were right before the change and still are; None when none was.

    Args:
        after: Score of each sample after the change; 1 is right.
        before: Score of the same samples before.

    Raises:
        ValueError: The lists differ in length.
    """
    return mean_of(float(one == 1) for one, old in zip(after, before, strict=True) if old == 1)


def same_answer(after: str | None, before: str) -> float:
    """Return 1 when the answer did not change, right or wrong, after `normal_answer`; else 0."""
    return float(normal_answer(after or "") == normal_answer(before))
