"""Precision, recall and F1 from counts; None where nothing was there to count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """How many were found rightly (`tp`), found wrongly (`fp`) and missed (`fn`)."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Pool two counts."""
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def precision(self) -> float | None:
        """Return the share of what was found that is right; None when nothing was found."""
        found = self.tp + self.fp
        return self.tp / found if found else None

    @property
    def recall(self) -> float | None:
        """Return the share of what is there that was found; None when nothing is there."""
        there = self.tp + self.fn
        return self.tp / there if there else None

    @property
    def f1(self) -> float | None:
        """Return the harmonic mean of both; None when nothing was there and nothing was found."""
        both = 2 * self.tp + self.fp + self.fn
        return 2 * self.tp / both if both else None


def pooled(counts: Iterable[Counts]) -> Counts:
    """Return the sum of counts (micro average)."""
    return sum(counts, Counts())


def harmonic(precision: float, recall: float) -> float:
    """Return the harmonic mean of two shares, 0 when both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0
