"""One value from two witnesses: what is printed at a mark, and what the mark measures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from models.charts.axes import Axis
from models.charts.numbers import PrintedNumber, read_number
from models.charts.scene import Text

AGREE = 0.05


@dataclass(frozen=True)
class Reading:
    """A value with how sure the reader is of it (0 to 1)."""

    value: float
    confidence: float


def settle(
    printed: PrintedNumber | None, score: float, measured: float | None, blur: float, *, weak: bool = False
) -> Reading | None:
    """Combine a printed number (its OCR `score`) with a measured one.

    `blur` is the relative error that one or two pixels make in the measured value. A printed value
    wins, because charts are drawn to deceive more often than they are labelled to. `weak` says that the
    axis rests on few ticks. Returns None when there is neither.
    """
    if printed is None:
        if measured is None:
            return None
        sure = 0.95 * math.exp(-6.0 * min(1.0, blur))
        return Reading(measured, max(0.05, sure * (0.8 if weak else 1.0)))
    if measured is None:
        return Reading(printed.value, 0.9 * score)
    if agrees(printed.value, measured, blur):
        return Reading(printed.value, 0.98 * max(0.9, score))
    for power in (10.0, 100.0, 1e-3, 1e-6):
        # A decimal point that OCR lost, or labels in thousands beside ticks in ones.
        lost_point = power > 1 and sum(c.isdigit() for c in printed.text) > round(math.log10(power))
        if printed.value and (lost_point or power < 1) and agrees(printed.value / power, measured, blur):
            return Reading(printed.value / power, 0.8 * score)
    return Reading(printed.value, 0.6 * score)


def agrees(printed: float, measured: float, blur: float = 0.0) -> bool:
    """Whether two values are one within reading error."""
    return abs(printed - measured) <= max(AGREE, 2 * blur) * max(abs(printed), abs(measured), 1e-9)


def blur_at(axis: Axis, start: float, end: float) -> float:
    """Return the relative error of the value between two positions when each is off by a pixel."""
    value = axis.value(end)
    step = max(abs(axis.value(end + 1) - value), abs(axis.value(end - 1) - value))
    pixels = 0.7 + axis.error / math.sqrt(max(1, len(axis.ticks)))
    return min(1.0, pixels * step / max(1e-12, abs(value)))


def tidy(value: float, blur: float) -> float:
    """Round a measured value to the digits that it can carry."""
    if value == 0 or not math.isfinite(value):
        return value
    digits = max(2, min(6, 1 - math.floor(math.log10(max(1e-5, blur)))))
    return float(f"{value:.{digits}g}")


def printed_numbers(texts: Sequence[Text], taken: set[Text]) -> list[tuple[Text, PrintedNumber]]:
    """Return the numeric texts that are not taken by axes, legend or categories."""
    found = []
    for text in texts:
        number = None if text in taken else read_number(text.text)
        if number is not None:
            found.append((text, number))
    return found
