# ruff: noqa: E501 - a table of words
"""Which cells a question is about, and whether the chart is about the question at all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agents.answer.chart_table import Cell, Chart, named_in, stem, stems
from core.text import content_words

_FREE = frozenset(
    stem(word)
    for word in (
        "chart graph bar line pie figure plot diagram value values number amount category categories group groups series show shown "
        "shows display displayed according based data highest lowest most least largest smallest greatest fewest biggest "
        "maximum minimum top bottom second third fourth fifth rank ranked difference ratio times sum total average mean range "
        "trend increase increased decrease decreased rise risen rose fall fell fallen grow grew decline declined change changed over time "
        "above below under more less than higher lower larger smaller greater fewer exceed exceeds exceeded at compare compared "
        "comparison much many far percent percentage share proportion fraction year years month months day days country countries "
        "region regions city cities state states company companies product products sector sectors type types item items name "
        "site sites variety species source sources origin model between across all each every both combined together altogether "
        "margin gap lead leads peak one ones point points period whole first last next same long taller high low large big "
        "slice slices segment segments column columns color colour title axis label labeled labelled make made have has say said "
        "people respondents answer following approximately approximate about around exactly roughly how what which who when where"
    ).split()
)
_NAME = re.compile(r"(?<!^)(?<![.?!]\s)\b[A-Z][a-z]{2,}(?:\s[A-Z][a-z]+)*\b")
_YEAR = re.compile(r"\b(?:1[5-9]\d\d|20\d\d)\b")


@dataclass(frozen=True)
class Scope:
    """Cells in scope; `named` are those that the question names one by one."""

    cells: tuple[Cell, ...]
    named: tuple[Cell, ...]
    pinned: bool
    several: bool
    rest: tuple[Cell, ...]
    """Cells left when only series (not categories) narrow the scope: what a superlative ranges over."""


def find_scope(chart: Chart, question: str) -> Scope:
    """Return the cells that a question is about."""
    series = _sharpest(named_in(question, chart.series), chart)
    categories = _span(question, named_in(question, chart.categories), chart)
    cells = [
        cell
        for cell in chart.cells
        if (not series or cell.series in series) and (not categories or cell.category in categories)
    ]
    rest = [cell for cell in chart.cells if not series or cell.series in series]
    if categories and len({c.series for c in cells}) > 1:
        rest = cells  # `which source was highest in 2010`: the series compete within the category
    named = _one_by_one(cells, series, categories)
    several = len(chart.series) > 1 and len({cell.series for cell in cells}) > 1
    return Scope(tuple(cells), tuple(named), bool(series or categories), several, tuple(rest))


def _sharpest(series: list[str], chart: Chart) -> list[str]:
    return series if len(series) < len(chart.series) else []


def _span(question: str, categories: list[str], chart: Chart) -> list[str]:
    """Widen `from 2010 to 2015` to what lies between, when the chart runs in time."""
    wide = re.search(
        r"\b(?:sum|total|average|mean|trend|highest|lowest|how (?:has|have|did))\b", question, re.I
    )
    if (
        len(categories) == 2
        and wide
        and re.search(r"\b(?:from|between)\b.{0,30}\b(?:to|and|until)\b", question, re.I)
    ):
        order = chart.categories
        a, b = sorted(order.index(name) for name in categories)
        return order[a : b + 1]
    return categories


def _one_by_one(cells: Sequence[Cell], series: Sequence[str], categories: Sequence[str]) -> list[Cell]:
    if len(categories) == 2 and len(cells) == 2:
        return sorted(cells, key=lambda c: categories.index(c.category))
    if len(series) == 2 and len(cells) == 2:
        return sorted(cells, key=lambda c: series.index(c.series))
    return []


def answerable(chart: Chart, question: str) -> bool:
    """Whether the chart bears on a question: no name or year it lacks, and some word of its own."""
    known = chart.vocabulary
    years = set(_YEAR.findall(question))
    in_chart = " ".join((chart.title, chart.x, chart.y, *chart.series, *chart.categories))
    if any(year not in in_chart and not _within(year, chart) for year in years):
        return False
    for match in _NAME.finditer(question):
        parts = [part for part in stems(match.group()) if part not in _FREE]
        if parts and not any(part in known or _inside(part, known) for part in parts):
            return False
    asked = [stem(word) for word in content_words(question)]
    asked = [word for word in asked if word not in _FREE and not word.replace(".", "").isdigit()]
    met = [word for word in asked if word in known or _inside(word, known)]
    named = named_in(question, [*chart.series, *chart.categories])
    if not asked:
        return True
    return len(met) >= max(1, round(0.34 * len(asked))) or (bool(named) and len(met) * 3 >= len(asked))


def _inside(word: str, known: set[str]) -> bool:
    return len(word) >= 5 and any((word in other or other in word) and len(other) >= 4 for other in known)


def _within(year: str, chart: Chart) -> bool:
    """Whether a year lies on the chart's axis; a year without a cell still is no answer."""
    return any(year in name for name in chart.categories)
