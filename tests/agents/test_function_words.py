"""The language of a question by its function words, and what is left to look for."""

from __future__ import annotations

import pytest

from agents.answer.relevance import entities
from agents.function_words import language_of
from agents.question import parse_question
from evals.suites.rows import own


def test_questions_of_eight_languages_are_told_apart_and_english_ones_stay_english() -> None:
    wrong = {
        row["id"]: found
        for row in own("languages.jsonl")
        if row["language"] in ("en", "de", "fr", "es", "pt", "it", "ru", "ar")
        and (found := language_of(row["question"])) != row["language"]
    }
    assert len(wrong) <= 8, wrong
    assert not [id_ for id_ in wrong if id_.endswith("-en")]


@pytest.mark.parametrize(
    "name", ["questions.jsonl", "unanswerable.jsonl", "own_tools.jsonl", "code_questions.jsonl"]
)
def test_no_english_question_of_our_own_is_taken_for_another_language(name: str) -> None:
    for row in own(name):
        text = row.get("question") or row["query"]
        assert language_of(text) == "en", text


@pytest.mark.parametrize(
    "text", ["", "P-300?", "MRI in COPD", "What does die casting cost?", "Who was Le Corbusier?"]
)
def test_what_says_little_is_english(text: str) -> None:
    assert language_of(text) == "en"


@pytest.mark.parametrize(
    ("question", "kept"),
    [
        ("In welchem Jahr wurde der Leuchtturm von Orvik gebaut?", ("leuchtturm", "orvik", "gebaut")),
        ("¿En qué año se construyó el faro de Orvik?", ("construyo", "faro", "orvik")),
        ("В каком году был построен маяк Орвик?", ("построен", "маяк", "орвик")),
        ("When was Orvik lighthouse built?", ("orvik", "lighthouse", "built")),
    ],
)
def test_only_words_that_carry_meaning_are_looked_for(question: str, kept: tuple[str, ...]) -> None:
    assert parse_question(question).keywords == kept


def test_a_german_noun_is_no_name() -> None:
    assert list(entities("In welchem Monat blühen die Seerosen?")) == []
    assert list(entities("Was ist die Pumpe P-300?")) != []
    assert list(entities("Who built the Lindvik yard?")) != []
