"""What was read from a chart: cells within a tolerance, cell error and RMS.

Cells are matched by what they are called, whatever their order.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from core.text import squash
from evals.metrics.averages import mean_of
from evals.metrics.counts import harmonic
from evals.metrics.text import normalised_distance


class Cell(NamedTuple):
    """A value of a table, named by its column (series) and its row (category)."""

    series: str
    category: str
    value: float


@dataclass(frozen=True)
class Rms:
    """Relative mapping similarity: precision, recall and F1, each 0 to 1."""

    precision: float
    recall: float
    f1: float


def cells_within(
    prediction: Sequence[Cell] | None, gold: Sequence[Cell], tolerance: float = 0.05
) -> float | None:
    """Return the share of the gold cells that were read within the tolerance; None without gold cells.

    Raises:
        ValueError: A value is NaN or infinite.
    """
    return mean_of(float(error <= tolerance + 1e-9) for error in cell_errors(prediction, gold))


def cell_error(prediction: Sequence[Cell] | None, gold: Sequence[Cell]) -> float | None:
    """Return the mean relative error of the gold cells, each at most 1; one that was not read counts as 1.

    Raises:
        ValueError: A value is NaN or infinite.
    """
    return mean_of(cell_errors(prediction, gold))


def cell_errors(prediction: Sequence[Cell] | None, gold: Sequence[Cell]) -> list[float]:
    """Return the relative error of each gold cell against the read cell of the same name, 1 without one.

    Names are the same when half or more of their letters are and all their digits are (2018 is not 2019). The
    series is not compared when the gold has only one. Each read cell stands for one gold cell: the pairing is
    the one with the best names, then the nearest values.

    Raises:
        ValueError: A value is NaN or infinite.
    """
    prediction, gold = _cells(prediction), _cells(gold)
    one_series = len({cell.series for cell in gold}) <= 1
    likeness = [[_name_likeness(have, want, one_series) for have in prediction] for want in gold]
    errors = [1.0] * len(gold)
    for at, place in _assign(likeness, prediction, gold):
        if likeness[at][place] > 0:
            errors[at] = relative_error(prediction[place].value, gold[at].value)
    return errors


def rms(
    prediction: Sequence[Cell] | None,
    gold: Sequence[Cell],
    *,
    text_limit: float = 0.5,
    number_limit: float = 0.1,
) -> Rms:
    """Return RMS (Liu et al. 2023, DePlot, section 3.2), with numbers as values.

    Names are `category series` in lower case; those `text_limit` apart or more are not alike at all, nor are
    values that are off by `number_limit` or more. Two empty tables are the same.

    Raises:
        ValueError: A value is NaN or infinite.
    """
    prediction, gold = _cells(prediction), _cells(gold)
    if not prediction or not gold:
        precision, recall = float(not prediction), float(not gold)
        return Rms(precision, recall, harmonic(precision, recall))
    likeness = [[_key_likeness(have, want, text_limit) for have in prediction] for want in gold]
    total = 0.0
    for at, place in _assign(likeness, prediction, gold):
        error = relative_error(prediction[place].value, gold[at].value)
        total += likeness[at][place] * (1 - error if error < number_limit else 0.0)
    precision, recall = total / len(prediction), total / len(gold)
    return Rms(precision, recall, harmonic(precision, recall))


def rms_f1(prediction: Sequence[Cell] | None, gold: Sequence[Cell]) -> float:
    """Return the F1 of `rms`."""
    return rms(prediction, gold).f1


def relative_error(value: float, gold: float) -> float:
    """Return |value - gold| / |gold|, at most 1; with a gold of 0 only 0 is right."""
    if gold == 0:
        return float(value != 0)
    return min(1.0, abs(value - gold) / abs(gold))


def _cells(cells: Sequence[Cell] | None) -> list[Cell]:
    """Return cells as such (a run file has them as lists), refusing values that are not finite."""
    made = [Cell(*cell) for cell in cells or ()]
    if not all(math.isfinite(cell.value) for cell in made):
        raise ValueError("a cell's value is not finite")
    return made


def _name_likeness(have: Cell, want: Cell, one_series: bool) -> float:
    category = _likeness(have.category, want.category)
    return category * (1.0 if one_series else _likeness(have.series, want.series))


def _likeness(one: str, other: str) -> float:
    plain = ["".join(char for char in squash(name) if char.isalnum()) for name in (one, other)]
    digits = [re.sub(r"\D", "", name) for name in plain]
    apart = normalised_distance(*plain)
    return 1 - apart if digits[0] == digits[1] and apart <= 0.5 else 0.0


def _key_likeness(have: Cell, want: Cell, limit: float) -> float:
    apart = normalised_distance(
        f"{have.category} {have.series}".lower(), f"{want.category} {want.series}".lower()
    )
    return 1 - apart if apart < limit else 0.0


def _assign(
    likeness: Sequence[Sequence[float]], prediction: Sequence[Cell], gold: Sequence[Cell]
) -> list[tuple[int, int]]:
    """Pair gold cells with read ones so that the names are most alike; equal ones by the nearest values."""
    if not prediction or not gold:
        return []
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    errors = [[relative_error(have.value, want.value) for have in prediction] for want in gold]
    cost = np.asarray(errors) * 1e-6 - np.asarray(likeness)
    return [(int(row), int(column)) for row, column in zip(*linear_sum_assignment(cost), strict=True)]
