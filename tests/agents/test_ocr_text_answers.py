# ruff: noqa: E501 - pages, one line to a line
"""Printed values are read with the labels that their place gives them, and unknown labels get no answer."""

from __future__ import annotations

import pytest

from agents.answer.base import AnswerTask
from agents.answer.layout import pages_of
from agents.answer.ocr_text import OcrTextExtractor
from agents.answer.printed import read_printed
from agents.checks import check_candidate
from agents.question import parse_question
from core.contracts import Evidence, Locator


def line(text, x0, y0, width=None, height=12):
    box = (float(x0), float(y0), float(x0 + (width or 7 * len(text))), float(y0 + height))
    return Evidence(
        kind="ocr", source="chart.png", content=text, score=0.99, locator=Locator(sha256="c", box=box)
    )


STACKED = [
    line("Town halls split on the new tram line", 5, 5),
    line("% of residents who __ the tram", 5, 22),
    line("Oppose", 150, 60), line("Support", 250, 60),
    line("All residents", 10, 90), line("41", 160, 90), line("55", 260, 90),
    line("Northern towns", 5, 120),
    line("Farmers", 30, 140), line("63", 160, 140), line("27", 260, 140),
    line("Teachers", 30, 160), line("32", 160, 160), line("62", 260, 160),
    line("Source: Survey of 900 residents in 2019.", 5, 200),
]  # fmt: skip
PIE = [
    line("Visitors by season", 5, 5),
    line("Share of all visitors", 5, 22),
    line("Summer", 100, 80), line("61%", 105, 95),
    line("Winter", 220, 150), line("39%", 225, 165),
]  # fmt: skip
AXIS = [line("Output of the mill", 5, 5), line("In million tons", 5, 22)] + [
    line(str(14 - 2 * i), 10, 60 + 20 * i, width=14) for i in range(6)
] + [line("12.8", 200, 70), line("1990", 60, 190), line("2000", 150, 190), line("2010", 240, 190)]  # fmt: skip
LETTER = [
    line("The harbour office informs all captains that the", 5, 5),
    line("eastern gate will stay closed until 14 May 2021", 5, 19),
    line("because the lock is being repaired by Norsk Dock.", 5, 33),
]


def ask(question, page):
    return OcrTextExtractor().propose(AnswerTask(parse_question(question), page))


@pytest.mark.parametrize(
    ("question", "page", "answer"),
    [
        ("What percentage of teachers support the tram?", STACKED, "62%"),
        ("What percentage of farmers oppose the tram?", STACKED, "63%"),
        ("What share of all residents support the tram?", STACKED, "55%"),
        ("What share of visitors came in winter?", PIE, "39%"),
    ],
)
def test_a_printed_value_is_found_by_its_labels(question, page, answer):
    best = ask(question, page)[0]
    checked = check_candidate(best, {item.id: item for item in page})
    assert best.short_answer == answer
    assert checked.support == "verified", checked.reasons
    assert (
        best.claims[0].citations[0].quote == answer.strip("%") or best.claims[0].citations[0].quote == answer
    )


@pytest.mark.parametrize(
    ("question", "page"),
    [
        ("What percentage of Martians support the tram?", STACKED),
        ("What percentage of lawyers drink coffee?", STACKED),
        ("What share of visitors came from Norway?", PIE),
        ("What is the phone number?", STACKED),
    ],
)
def test_a_label_that_is_not_printed_gets_no_sure_answer(question, page):
    assert all(candidate.score < 0.35 for candidate in ask(question, page))


def test_groups_and_columns_are_told_apart():
    printed = read_printed(pages_of(STACKED)[0])
    value = next(value for value in printed.values if value.text == "27")
    assert [item.text for item in value.row] == ["Farmers"]
    assert [item.text for item in value.group] == ["Northern towns"]
    assert [item.text for item in value.column] == ["Support"]
    assert printed.title[0].text.startswith("Town halls")


def test_the_ticks_and_years_of_axes_are_no_values():
    assert [value.text for value in read_printed(pages_of(AXIS)[0]).values] == ["12.8"]


def test_a_value_amid_more_ticks_than_values_gets_no_year():
    assert read_printed(pages_of(AXIS)[0]).values[0].labels == ()


def test_a_sentence_over_several_lines_is_answered_and_every_line_cited():
    best = ask("Who repairs the lock of the eastern gate?", LETTER)[0]
    assert best.short_answer == "Norsk Dock"
    assert len(best.claims[0].citations) == 3
    assert check_candidate(best, {item.id: item for item in LETTER}).support == "verified"


def test_a_short_sentence_that_stands_alone_is_read_and_a_short_label_is_not():
    task = AnswerTask(
        parse_question("Who is the head gardener?"), [line("The head gardener is Tomas Weir.", 5, 5)]
    )
    found = OcrTextExtractor().propose(task)
    assert [claim.text for claim in found[0].claims] == ["The head gardener is Tomas Weir."]
    label = AnswerTask(task.question, [line("Head gardener of the garden", 5, 5)])
    assert OcrTextExtractor().propose(label) == []


def test_an_open_question_is_answered_with_the_values_of_its_topic():
    best = ask("Describe how residents see the tram.", STACKED)[0]
    assert "55%" in best.answer
    assert check_candidate(best, {item.id: item for item in STACKED}).survives
    assert ask("Describe the exports of Peru.", STACKED) == []


def test_no_lines_no_answer():
    assert ask("What percentage of teachers support the tram?", []) == []
