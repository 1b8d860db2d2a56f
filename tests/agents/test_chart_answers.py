# ruff: noqa: E501 - tables of cells, one chart to a line
"""Answers from chart cells: each operation, what is declined, and claims that pass the check."""

from __future__ import annotations

import pytest

from agents.answer.base import AnswerTask
from agents.answer.charts import ChartExtractor
from agents.checks import check_candidate
from agents.question import parse_question
from core.contracts import Candidate, Evidence, Locator


def _chart(
    rows: list[tuple[str, str, float]], *, title: str = "Horsepower by origin", kind: str = "bar", y: str = "Horsepower", sure: float = 0.94
) -> list[Evidence]:  # fmt: skip
    about = {"type": kind, "title": title, "x": "", "y": y}
    found = [
        Evidence(kind="chart", source="c.png", content=title, score=1.0, locator=Locator(sha256="c"),
                 metadata={**about, "part": "title", "cells": len(rows)})
    ]  # fmt: skip
    for index, (series, category, value) in enumerate(rows):
        content = " | ".join(part for part in (title, series, category, f"{value:g}") if part)
        found.append(
            Evidence(kind="chart", source="c.png", content=content, score=sure, locator=Locator(sha256="c", row=index, col=0),
                     metadata={**about, "part": "cell", "series": series, "category": category, "value": value})
        )  # fmt: skip
    return found


ORIGINS = _chart([("", "Europe", 80.6), ("", "Japan", 79.8), ("", "USA", 119.9)])
YEARS = _chart([("", y, v) for y, v in (("2004", 40), ("2003", 31), ("2002", 22), ("2001", 10))], title="Sales of books", kind="line", y="Books")  # fmt: skip
GROUPED = _chart(
    [("1931", "Crookston", 43.7), ("1931", "Duluth", 30.3), ("1932", "Crookston", 31.2), ("1932", "Duluth", 25.7)],
    title="Barley yield by site and year", y="Yield",
)  # fmt: skip


def _ask(question: str, evidence: list[Evidence]) -> Candidate | None:
    found = ChartExtractor().propose(AnswerTask(question=parse_question(question), evidence=evidence))
    if not found:
        return None
    checked = check_candidate(found[0], {item.id: item for item in evidence})
    assert checked.survives, checked.reasons
    assert all(claim.supported == "verified" for claim in checked.claims), checked.reasons
    return found[0]


def test_the_highest_and_its_lead_are_both_answered():
    found = _ask("Which country has the highest horsepower, and by how much?", ORIGINS)
    assert found is not None
    assert found.short_answer == "USA, by 39.3"
    assert found.answer == "USA, by 39.3 over Europe"
    assert len({c.evidence_id for claim in found.claims for c in claim.citations}) == 3


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Which origin has the lowest horsepower?", "Japan"),
        ("Which origin has the second highest horsepower?", "Europe"),
        ("What is the horsepower of Japan?", "79.8"),
        ("What is the difference in horsepower between USA and Japan?", "40.1"),
        ("Is the horsepower of Japan higher than that of USA?", "no"),
        ("Which has the higher horsepower, Japan or USA?", "USA"),
        ("How many origins have a horsepower above 80?", "2"),
        ("What is the ratio of horsepower of USA to Japan?", "1.5"),
        ("What is the sum of the horsepower of all origins?", "280.3"),
    ],
)
def test_operations_over_named_cells(question: str, answer: str):
    found = _ask(question, ORIGINS)
    assert found is not None
    assert found.short_answer == answer


def test_a_series_named_in_the_question_narrows_the_cells():
    found = _ask("Which site had the highest yield in 1932?", GROUPED)
    assert found is not None
    assert found.short_answer == "Crookston"
    assert all("1932" in c.quote for claim in found.claims for c in claim.citations)
    found = _ask("What was the yield in Duluth in 1931?", GROUPED)
    assert found is not None
    assert found.short_answer == "30.3"


def test_a_trend_is_read_forwards_on_an_axis_drawn_backwards():
    found = _ask("What is the trend of the sales of books?", YEARS)
    assert found is not None
    assert found.short_answer == "increasing"


@pytest.mark.parametrize(
    "question",
    [
        "What is the horsepower of Sweden?",
        "What was the horsepower of Japan in 1995?",
        "Which country has the highest GDP?",
        "What is the total amount on this receipt?",
    ],
)
def test_what_the_chart_does_not_show_is_not_answered(question: str):
    assert _ask(question, ORIGINS) is None


def test_doubtful_cells_make_a_doubtful_answer():
    clear = _ask("Which origin has the highest horsepower?", ORIGINS)
    shaky = _ask(
        "Which origin has the highest horsepower?",
        _chart([("", "Europe", 80.6), ("", "USA", 119.9)], sure=0.2),
    )
    assert clear is not None
    assert shaky is not None
    assert shaky.score < 0.3 < clear.score


def test_options_are_tested_as_statements():
    options = "A) Japan has the highest horsepower. B) USA has about twice the horsepower of Europe. C) Europe has a higher horsepower than Japan."
    found = _ask(f"Which statement is right? {options}", ORIGINS)
    assert found is not None
    assert found.short_answer == "C"
    assert found.answer.startswith("C. Europe")


def test_trend_options_follow_the_values_and_not_the_drawing():
    found = _ask(
        "What trend does the chart suggest? A) Decreasing B) Increasing C) Constant D) Erratic", YEARS
    )
    assert found is not None
    assert found.short_answer == "B"


def test_a_chart_without_values_supports_only_that_it_cannot_be_told():
    empty = _chart([], title="Website traffic", kind="line")
    found = _ask(
        "What is the pattern? A) It rises steadily. B) Cannot be determined without a scale. C) It falls.",
        empty,
    )
    assert found is not None
    assert found.short_answer == "B"


def test_options_that_the_table_says_nothing_about_are_not_guessed():
    question = "Which statement is right? A) The colours are pleasant. B) The author lives in Spain."
    assert _ask(question, ORIGINS) is None
