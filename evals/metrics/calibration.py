"""Whether confidence means something: calibration error, Brier score, and risk against coverage.

Every function takes the confidence of N answers, 0 to 1 where it is a probability, and whether each was
right. Samples of equal confidence are interchangeable: no figure depends on their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RiskCoverage:
    """The share of wrong answers (`risk[i]`) among the most confident share `coverage[i]` of all."""

    coverage: tuple[float, ...]
    risk: tuple[float, ...]


def brier(confidence: Sequence[float], right: Sequence[bool]) -> float | None:
    """Return the mean squared difference between confidence and outcome (Brier 1950); None without samples.

    Raises:
        ValueError: The lists differ in length, or a confidence is NaN or outside 0 to 1.
    """
    said, outcome = _probabilities(confidence, right)
    return float(np.mean((said - outcome) ** 2)) if said.size else None


def ece(confidence: Sequence[float], right: Sequence[bool], bins: int = 10) -> float | None:
    """Return the expected calibration error over bins of equal width (Guo et al. 2017); None without samples.

    Bin i holds confidences above i/bins up to (i + 1)/bins; 0 falls into the first.

    Raises:
        ValueError: As in `brier`.
    """
    said, outcome = _probabilities(confidence, right)
    if not said.size:
        return None
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, said, side="left") - 1, 0, bins - 1)
    gaps = np.bincount(place, weights=said - outcome, minlength=bins)
    return float(np.abs(gaps).sum() / said.size)


def ece_equal_mass(confidence: Sequence[float], right: Sequence[bool], bins: int = 10) -> float | None:
    """Return the expected calibration error over bins of equally many samples (Nguyen and O'Connor 2015).

    Samples of equal confidence that fall into two bins share their outcomes evenly. None without samples.

    Raises:
        ValueError: As in `brier`.
    """
    said, outcome = _probabilities(confidence, right)
    if not said.size:
        return None
    order = np.argsort(said, kind="stable")
    gaps = said[order] - _share_among_equals(said[order], outcome[order])
    parts = np.array_split(gaps, min(bins, said.size))
    return float(sum(abs(part.sum()) for part in parts) / said.size)


def risk_coverage(confidence: Sequence[float], right: Sequence[bool]) -> RiskCoverage:
    """Return the risk at each coverage 1/N to 1, most confident first (El-Yaniv and Wiener 2010).

    Raises:
        ValueError: The lists differ in length, or a confidence is NaN.
    """
    said, outcome = _checked(confidence, right)
    order = np.argsort(-said, kind="stable")
    wrong = 1 - _share_among_equals(said[order], outcome[order])
    count = np.arange(1, said.size + 1)
    return RiskCoverage(
        tuple((count / max(1, said.size)).tolist()), tuple((np.cumsum(wrong) / count).tolist())
    )


def aurc(confidence: Sequence[float], right: Sequence[bool]) -> float | None:
    """Return the area under the risk-coverage curve: the mean risk over coverages (Geifman et al. 2019).

    0 is never wrong; with useless confidence it is the error rate. None without samples.

    Raises:
        ValueError: As in `risk_coverage`.
    """
    risk = risk_coverage(confidence, right).risk
    return float(np.mean(risk)) if risk else None


def excess_aurc(confidence: Sequence[float], right: Sequence[bool]) -> float | None:
    """Return AURC less that of the best order of the same answers, all right ones first (E-AURC).

    The best is computed for N samples, where the paper approximates it by r + (1 - r) ln(1 - r).

    Raises:
        ValueError: As in `risk_coverage`.
    """
    area, best = aurc(confidence, right), aurc([float(one) for one in right], right)
    return None if area is None or best is None else max(0.0, area - best)


def coverage_at_risk(confidence: Sequence[float], right: Sequence[bool], risk: float = 0.05) -> float | None:
    """Return the largest share that can be answered, the most confident first, at most so often wrong.

    A threshold keeps or drops all samples of equal confidence. None without samples.

    Raises:
        ValueError: As in `risk_coverage`.
    """
    said, _ = _checked(confidence, right)
    if not said.size:
        return None
    curve = risk_coverage(confidence, right)
    ordered = np.sort(said)[::-1]
    ends = np.append(ordered[1:] != ordered[:-1], True)
    good = [
        share for share, at, end in zip(curve.coverage, curve.risk, ends, strict=True) if end and at <= risk
    ]
    return max(good, default=0.0)


def _checked(confidence: Sequence[float], right: Sequence[bool]) -> tuple[Array, Array]:
    said = np.asarray(confidence, dtype=np.float64)
    outcome = np.asarray(right, dtype=np.float64)
    if said.shape != outcome.shape or said.ndim != 1:
        raise ValueError(f"{said.size} confidences for {outcome.size} outcomes")
    if np.isnan(said).any() or not np.isin(outcome, (0.0, 1.0)).all():
        raise ValueError("a confidence is NaN, or an outcome neither right nor wrong")
    return said, outcome


def _probabilities(confidence: Sequence[float], right: Sequence[bool]) -> tuple[Array, Array]:
    said, outcome = _checked(confidence, right)
    if said.size and (said.min() < 0 or said.max() > 1):
        raise ValueError("a confidence is outside 0 to 1")
    return said, outcome


def _share_among_equals(ordered: Array, outcome: Array) -> Array:
    """Return each sample's outcome as the mean of those with the same confidence."""
    _, place, count = np.unique(ordered, return_inverse=True, return_counts=True)
    return (np.bincount(place, weights=outcome) / count)[place].astype(np.float64)
