"""Ten languages: the data is whole in each, and an answer is compared in any script."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

from core.settings import Settings
from evals.run.registry import Place, Suite
from evals.run.runner import run_suites
from evals.suites.answers import is_right
from evals.suites.languages import (
    LANGUAGES,
    facts,
    languages_across,
    languages_answers,
    languages_search,
    says,
)
from evals.suites.rows import own
from tests.support.eval_suites import code

NOWHERE = Place(Settings())
SCRIPTS = {"ru": {"CYRILLIC"}, "ar": {"ARABIC"}, "zh": {"CJK"}, "ja": {"CJK", "HIRAGANA", "KATAKANA"}}


def scripts_of(text: str) -> set[str]:
    letters = [char for char in text if unicodedata.category(char) in ("Ll", "Lu", "Lo")]
    return {unicodedata.name(char).split()[0] for char in letters}


def test_every_fact_is_told_in_every_language_in_its_own_script() -> None:
    rows = own("languages.jsonl")
    assert len({row["id"] for row in rows}) == len(rows) == 140
    for language in LANGUAGES:
        mine = facts(language)
        assert [row["fact"] for row in mine] == [row["fact"] for row in facts("en")]
        assert scripts_of("".join(row["text"] + row["question"] for row in mine)) <= SCRIPTS.get(
            language, {"LATIN"}
        )
        assert len({row["text"] for row in mine}) == 14


def test_every_gold_answer_stands_in_its_passage_and_in_no_question() -> None:
    def bare(text: str) -> str:
        return re.sub(r"\W", "", text.casefold())

    for row in own("languages.jsonl"):
        assert any(bare(answer) in bare(row["text"]) for answer in row["answers"]), row["id"]
        assert not any(says(row["question"], answer) for answer in row["answers"]), row["id"]


def test_the_same_figure_is_asked_for_in_all_languages() -> None:
    by_fact: dict[str, set[str]] = {}
    for row in own("languages.jsonl"):
        by_fact.setdefault(row["fact"], set()).add("".join(re.findall(r"\d", row["answers"][0])))
    assert all(len(found) == 1 for found in by_fact.values()), by_fact


@pytest.mark.parametrize(
    ("short", "gold", "expected"),
    [
        ("50 минут", "50 минут", True),
        ("40 минут", "50 минут", False),
        ("七月", "七月", True),
        ("在七月开花", "七月", True),
        ("植物園では睡蓮が七月に咲く", "七月", False),  # a sentence is no short answer
        ("1884年", "1884", True),
        ("1884年和1911年", "1884", False),
        ("خشب الزان", "الزان", True),
        ("", "七月", False),
        ("Montag", "Monday", False),
    ],
)
def test_short_answers_are_compared_in_any_script(short: str, gold: str, expected: bool) -> None:
    assert says(short, gold) is expected


def test_two_answers_without_latin_letters_are_not_the_same_for_that() -> None:
    assert not is_right("зелёный", "красный")
    assert is_right("Зелёный", "зелёный")


def test_a_question_across_languages_is_the_english_one_and_wants_the_other_passage() -> None:
    for sample in languages_across.samples(NOWHERE):
        assert sample.input["question"].isascii()
        assert sample.target == [sample.id]
        assert sample.id.endswith(f"-{sample.input['language']}")
        assert not sample.id.endswith("-en")


def test_each_suite_has_figures_by_language(tmp_path: Path) -> None:
    place = Place(Settings(home=tmp_path, router="rules"))
    kept = {"orvik-en", "orvik-de", "bridge-de"}
    suites = [
        Suite(**{**vars(one), "load": lambda place, one=one: [s for s in one.load(place) if s.id in kept]})
        for one in (languages_search, languages_answers)
    ]
    found = run_suites(suites, place, tmp_path / "run.jsonl", identify=code)
    assert found.summary is not None
    by = {
        (one.suite, one.metric, one.slice): one.value for one in found.summary.figures if one.by == "language"
    }
    assert by["languages_search", "hit@1", "de"] == 1.0
    assert by["languages_answers", "answer_right", "en"] == 1.0
    assert ("languages_answers", "answer_right", "de") in by
