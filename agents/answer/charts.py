"""Answers from charts: the question's operation over the cells it names, each claim citing its cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from agents.answer.base import AnswerTask
from agents.answer.chart_choice import choose
from agents.answer.chart_facts import (
    Fact,
    compare_fact,
    count_fact,
    difference_fact,
    extreme_fact,
    mean_fact,
    number,
    range_fact,
    ratio_fact,
    share_fact,
    total_fact,
    trend_fact,
    trust,
    value_fact,
)
from agents.answer.chart_intent import Intent, read_intent
from agents.answer.chart_scope import Scope, answerable, find_scope
from agents.answer.chart_table import Cell, Chart, in_order, load_charts
from agents.answer.chart_trend import shape_of
from agents.question_words import AUXILIARIES
from core.contracts import AnswerType, Candidate

_YES_NO = re.compile(rf"^\s*(?:{AUXILIARIES})\b", re.I)
_LOWER = re.compile(r"\b(?:less|lower|smaller|fewer|below|under)\b", re.I)


class ChartExtractor:
    """Proposes answers from chart evidence; none when the question names what the chart lacks."""

    name: ClassVar[str] = "charts"

    def propose(self, task: AnswerTask) -> list[Candidate]:
        """Return at most one candidate a chart, best first."""
        found = []
        for chart in load_charts(task.evidence):
            candidate = self._choice(task, chart) if task.question.options else self._answer(task, chart)
            if candidate is not None:
                found.append(candidate)
        return sorted(found, key=lambda candidate: -candidate.score)

    def _choice(self, task: AnswerTask, chart: Chart) -> Candidate | None:
        chosen = choose(chart, task.question.stem, task.question.options)
        if chosen is None:
            return None
        return Candidate(
            id=f"chart-choice-{task.subquestion_id}",
            route="extraction",
            subquestion_id=task.subquestion_id,
            answer=f"{chosen.letter}. {task.question.options[chosen.letter]}",
            short_answer=chosen.letter,
            answer_type="choice",
            claims=chosen.claims,
            score=round(min(0.95, chosen.score), 3),
        )

    def _answer(self, task: AnswerTask, chart: Chart) -> Candidate | None:
        stem = task.question.stem
        if not chart.cells or not answerable(chart, stem):
            return None
        intent = read_intent(stem)
        fact = compute(chart, find_scope(chart, stem), intent, stem)
        if fact is None or not fact.claims:
            return None
        kind: AnswerType = "text"
        if intent.operation in ("value", "difference", "ratio", "sum", "mean", "range", "count"):
            kind = "number"
        if _YES_NO.match(stem) and fact.short.lower() in ("yes", "no"):
            kind = "yes_no"
        return Candidate(
            id=f"chart-{intent.operation}-{task.subquestion_id}",
            route="extraction",
            subquestion_id=task.subquestion_id,
            answer=fact.answer,
            short_answer=fact.short,
            answer_type=kind,
            claims=fact.claims,
            score=round(min(0.97, fact.score), 3),
        )


def compute(chart: Chart, scope: Scope, intent: Intent, stem: str) -> Fact | None:
    """Apply an operation to the cells in scope; None when they do not suffice."""
    operation = intent.operation
    if operation in ("highest", "lowest"):
        return _extreme(scope, intent)
    if operation in ("difference", "compare", "ratio"):
        return _pair(scope, operation, stem)
    if operation == "trend":
        return _trend(scope.cells, scope.several)
    if operation in ("share", "value"):
        return _single(chart, scope, operation)
    return _over_all(scope.cells, intent)


def _extreme(scope: Scope, intent: Intent) -> Fact | None:
    pool = scope.rest if len(scope.rest) >= 2 else scope.cells
    several = scope.several or len({cell.series for cell in pool}) > 1
    highest = intent.operation == "highest"
    return extreme_fact(pool, highest=highest, rank=intent.rank, margin=intent.margin, several=several)


def _over_all(cells: Sequence[Cell], intent: Intent) -> Fact | None:
    """Count, add, average or span the cells; at least two of them."""
    if len(cells) < 2:
        return None
    if intent.operation == "count":
        if intent.limit is None:
            return None
        return count_fact(cells, above=intent.above, limit=intent.limit, inclusive=intent.inclusive)
    facts = {"sum": total_fact, "mean": mean_fact, "range": range_fact}
    return facts[intent.operation](cells)


def _single(chart: Chart, scope: Scope, operation: str) -> Fact | None:
    if operation == "share":
        return share_fact(scope.cells[0], chart.cells) if len(scope.cells) == 1 else None
    if len(scope.cells) == 1 and scope.pinned:
        return value_fact(scope.cells[0], scope.several)
    if scope.pinned and 2 <= len(scope.cells) <= 4:
        facts = [value_fact(cell, scope.several) for cell in scope.cells]
        claims = tuple(claim for fact in facts for claim in fact.claims)
        short = ", ".join(fact.answer for fact in facts)
        return Fact(short, short, claims, 0.7 * trust(scope.cells))
    return None


def _pair(scope: Scope, operation: str, stem: str) -> Fact | None:
    named = scope.named
    if len(named) != 2 and operation == "difference" and len(scope.cells) == 2:
        named = scope.cells
    if len(named) != 2:
        return None
    a, b = named
    if operation == "difference":
        return difference_fact(a, b, scope.several)
    if operation == "ratio":
        return ratio_fact(a, b, scope.several)
    return _compared(a, b, stem, scope.several)


def _compared(a: Cell, b: Cell, stem: str, several: bool) -> Fact:
    fact = compare_fact(a, b, several)
    lower = _LOWER.search(stem) is not None
    if _YES_NO.match(stem) and " or " not in stem.lower():
        holds = a.value < b.value if lower else a.value > b.value
        word = "Yes" if holds else "No"
        return Fact(f"{word}: {fact.answer}", word.lower(), fact.claims, fact.score)
    if not lower:
        return fact
    low = b if a.value > b.value else a
    name = low.full_name if several else low.name
    return Fact(f"{name} ({number(low.value)})", name, fact.claims, fact.score)


def _trend(cells: Sequence[Cell], several: bool) -> Fact | None:
    if len(cells) < 3 or len({cell.series for cell in cells}) != 1:
        return None
    ordered = in_order(cells)
    return trend_fact(ordered, shape_of([cell.value for cell in ordered]))
