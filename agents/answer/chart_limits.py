"""What a chart cannot tell, and which of its cells (or their absence) say so."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.answer.chart_table import Cell, Chart, order_value
from core.text import find_numbers

CANNOT = re.compile(
    r"\b(?:cannot|can['’]?t|can not|unable|inadequate|insufficient|not (?:possible|enough|available)"
    r"|not be determined|impossible|does not allow|not fully visible|no (?:reliable|way)|does not reveal)\b",
    re.I,
)
_YEAR = re.compile(r"\b(1[5-9]\d\d|20\d\d)\b")


def limit_of(chart: Chart, stem: str, option: str) -> tuple[float, tuple[Cell, ...]] | None:
    """Return how well `it cannot be told` holds (0 to 1) and the cells that show the lack, or None.

    A chart cannot tell what it has no scale for, what leaves its canvas, a period or value that its axis
    does not reach, a whole with parts missing, colours without a legend, and sums over unlike units.
    """
    if not chart.cells:
        return 0.85, ()
    for test in (_cut_off, _no_legend, _unlike_units, _parts_missing, _out_of_reach):
        found = test(chart, stem, option)
        if found is not None:
            return found
    return None


def _cut_off(chart: Chart, stem: str, option: str) -> tuple[float, tuple[Cell, ...]] | None:
    shaky = tuple(cell for cell in chart.cells if cell.sure <= 0.2)
    said = re.search(r"\b(?:beyond|visible|exceed\w*|extend\w*|canvas|cut off|above the)\b", option, re.I)
    return (0.95, shaky) if shaky and said else None


def _no_legend(chart: Chart, stem: str, option: str) -> tuple[float, tuple[Cell, ...]] | None:
    unnamed = bool(chart.series) and all(re.fullmatch(r"Series \d+", name) for name in chart.series)
    said = re.search(r"\blegend\b", option, re.I)
    return (0.85, chart.cells[:2]) if unnamed and said else None


def _unlike_units(chart: Chart, stem: str, option: str) -> tuple[float, tuple[Cell, ...]] | None:
    units = {
        match.group(1).lower() for name in chart.series if (match := re.search(r"\(([^)]+)\)\s*$", name))
    }
    said = re.search(r"\bunits?\b|\badded\b|\bdifferent\b", option, re.I)
    return (0.95, chart.cells[: len(chart.series)]) if len(units) >= 2 and said else None


def _parts_missing(chart: Chart, stem: str, option: str) -> tuple[float, tuple[Cell, ...]] | None:
    empty = tuple(cell for cell in chart.cells if cell.value == 0 and 0.3 < cell.sure < 0.6)
    whole = re.search(r"\b(?:whole|entire|full|total|all|average)\b", stem, re.I)
    return (0.95, empty) if empty and whole else None


def _out_of_reach(chart: Chart, stem: str, option: str) -> tuple[float, tuple[Cell, ...]] | None:
    if years_beyond(chart, f"{stem} {option}"):
        return 0.7, (chart.cells[0], chart.cells[-1])
    places = [number.value for cell in chart.cells for number in find_numbers(cell.category)[:1]]
    asked = [number.value for number in find_numbers(stem)]
    if len(places) == len(chart.cells) >= 4 and asked and not _YEAR.search(stem):
        far = max(asked) > max(places) * 1.05 and not any(name in stem for name in chart.categories)
        if far and re.search(r"\breach\w*|\bwhen\b|\bat\b|\bpredict\w*|\bexpect\w*", stem, re.I):
            return 0.6, (chart.cells[0], chart.cells[-1])
    return None


def years_beyond(chart: Chart, text: str) -> bool:
    """Whether a text names a year outside the chart's own years."""
    asked = [int(year) for year in _YEAR.findall(text)]
    shown = [int(year) for name in chart.categories for year in _YEAR.findall(name)]
    return bool(asked and shown) and (min(asked) < min(shown) or max(asked) > max(shown))


def period_change(cells: Sequence[Cell], text: str) -> tuple[float, Cell, Cell] | None:
    """Return the change over a period `2010-2013` named in a text, with its two cells."""
    years = [float(year) for year in _YEAR.findall(text)]
    if len(years) != 2:
        return None
    by_year = {order_value(cell.category): cell for cell in cells}
    first, last = by_year.get(min(years)), by_year.get(max(years))
    return (last.value - first.value, first, last) if first and last else None
