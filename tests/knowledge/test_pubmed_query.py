"""Questions become PubMed's query language, from strict to loose, and nothing is made up on the way."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest

from knowledge.pubmed.query import Wording, wordings

TODAY = date(2026, 11, 21)


def steps(query: str) -> list[Wording]:
    return wordings(query, today=TODAY)


def test_a_question_becomes_phrases_headings_kinds_and_years() -> None:
    first = steps("Do randomised trials show that metformin helps weight loss since 2015?")[0]
    assert '("metformin"[MeSH Terms] OR metformin)' in first.text
    assert '("weight loss"[MeSH Terms] OR weight loss)' in first.text
    assert '"Randomized Controlled Trial"[Publication Type]' in first.text
    assert '("2015"[Date - Publication] : "3000"[Date - Publication])' in first.text
    assert "2015?" not in first.text


@pytest.mark.parametrize(
    ("words", "first", "last"),
    [
        ("between 2001 and 2010", "2001", "2010"),
        ("from 2001 to 2010", "2001", "2010"),
        ("2001-2010", "2001", "2010"),
        ("since 2019", "2019", "3000"),
        ("after 2019", "2020", "3000"),
        ("before 2000", "1800", "1999"),
        ("in 2018", "2018", "2018"),
        ("in the last 5 years", "2021", "3000"),
        ("over the past ten years", "2016", "3000"),
    ],
)
def test_years_are_understood_and_leave_the_words(words: str, first: str, last: str) -> None:
    text = steps(f"What is known about malaria vaccines {words}?")[0].text
    assert f'("{first}"[Date - Publication] : "{last}"[Date - Publication])' in text
    assert text.startswith('("malaria vaccines"[MeSH Terms] OR malaria vaccines) AND (')


def test_a_number_that_is_no_year_stays_a_word() -> None:
    assert "Date" not in steps("Does type 2 diabetes shorten life by 2000 days?")[0].text


@pytest.mark.parametrize(
    "query", ["asthma[mh] AND budesonide", "aspirin OR ibuprofen", "mild asthma", "BRCA1"]
)
def test_query_language_and_key_words_go_as_they_are_first(query: str) -> None:
    assert steps(query)[0] == Wording(query, "as given")


def test_ids_are_looked_up_rather_than_searched_for() -> None:
    assert [step.text for step in steps("PMID: 29768149")] == ["29768149[uid]"]
    assert [step.text for step in steps("29768149, 11850928")] == ["29768149[uid] OR 11850928[uid]"]
    assert [step.text for step in steps("doi 10.1056/NEJMoa1715274.")] == ['"10.1056/NEJMoa1715274"[doi]']


def test_a_quoted_phrase_stays_whole_and_longest() -> None:
    ladder = steps('Does exercise help "bone density" in women?')
    assert all('"bone density"' in step.text for step in ladder[:-1])


def test_words_go_one_after_the_other_least_telling_first_and_are_named() -> None:
    ladder = steps("What is the effect of aspirin on stroke and dementia in old men?")
    assert ladder[0].dropped == ()
    dropped = [set(step.dropped) for step in ladder if step.step == "without some words"]
    assert all(less < more for less, more in pairwise(dropped))
    assert {"effect", "men", "old"} <= dropped[-1]
    assert "dementia" not in dropped[-1]


@pytest.mark.parametrize(
    "query", ["What causes it?", "the of and", "???", "é" * 300, "a b c " * 400, '"', "(((", "AND OR NOT"]
)
def test_any_text_gives_a_few_wordings_none_of_them_empty(query: str) -> None:
    ladder = steps(query)
    assert 1 <= len(ladder) <= 8
    assert all(step.text.strip() for step in ladder)
