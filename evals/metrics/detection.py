"""What was found in each image: precision, recall and F1 of each item and over all of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from evals.metrics.averages import mean_of
from evals.metrics.counts import Counts, pooled


@dataclass(frozen=True)
class Detections:
    """The counts of each item over the samples: one for an item in an image, however often it is there."""

    items: dict[str, Counts]

    @property
    def micro(self) -> Counts:
        """Return all items pooled: frequent ones weigh more."""
        return pooled(self.items.values())

    @property
    def macro_f1(self) -> float | None:
        """Return the mean F1 of the items; None when there was none and none was found."""
        return mean_of(counts.f1 for counts in self.items.values())


def detections(
    predictions: Sequence[Collection[str] | None],
    golds: Sequence[Collection[str]],
    exhaustive: Sequence[bool] | None = None,
) -> Detections:
    """Count the items that each sample has and was said to have.

    Args:
        predictions: The items found in each of N samples; None for a sample without an answer.
        golds: The items that are there.
        exhaustive: Whether a sample's gold is complete; where it is not ("at least these"), a further item is
            neither right nor wrong. Without it all are.

    Raises:
        ValueError: The lists differ in length.
    """
    whole = [True] * len(golds) if exhaustive is None else exhaustive
    counts: dict[str, Counts] = {}
    for said, wanted, complete in zip(predictions, golds, whole, strict=True):
        found, there = set(said or ()), set(wanted)
        for item in found | there:
            if item in there or complete:
                one = Counts(int(item in found & there), int(item not in there), int(item not in found))
                counts[item] = counts.get(item, Counts()) + one
    return Detections(dict(sorted(counts.items())))


def micro_f1(predictions: Sequence[Collection[str] | None], golds: Sequence[Collection[str]]) -> float | None:
    """Return the F1 over all items pooled; None when there was none and none was found."""
    return detections(predictions, golds).micro.f1


def macro_item_f1(
    predictions: Sequence[Collection[str] | None], golds: Sequence[Collection[str]]
) -> float | None:
    """Return the mean F1 of the items; None when there was none and none was found."""
    return detections(predictions, golds).macro_f1
