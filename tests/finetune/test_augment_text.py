"""Typing slips and other words never change what is asked."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.augment.text import is_protected, perturb
from finetune.data.rows import TrainRow

QUESTIONS = (
    "How many people are shown in the picture?",
    "Is there no effusion on the left side?",
    "Which kind of chart displays 12.5% of Norway in 2019?",
    "What colour is the tallest building near the Thames?",
    "Is the patient's heart not enlarged, or is it normal?",
    "Please determine whether Alice bought 3 apples without paying.",
)


def row(question: str, *answers: str) -> TrainRow:
    return TrainRow(question=question, answers=answers or ("yes",), kind="k", source="s", licence="l")


@given(st.sampled_from(QUESTIONS), st.integers(0, 100_000))
def test_numbers_negations_and_names_stay(question: str, seed: int) -> None:
    changed, _ = perturb(row(question, "Norway", "building"), Random(seed))
    assert re.findall(r"[\d.%]*\d[\d.%]*", changed) == re.findall(r"[\d.%]*\d[\d.%]*", question)
    for word in (
        "no",
        "not",
        "without",
        "left",
        "normal",
        "colour",
        "tallest",
        "many",
        "Norway",
        "Thames",
        "Alice",
        "building",
    ):
        count = len(re.findall(rf"\b{word}\b", question))
        assert len(re.findall(rf"\b{word}\b", changed)) == count, (word, changed)


@given(st.sampled_from(QUESTIONS), st.integers(0, 100_000))
def test_a_slip_changes_at_most_two_words_besides_case(question: str, seed: int) -> None:
    changed, slips = perturb(row(question), Random(seed))
    before, after = question.lower().split(), changed.lower().split()
    assert len(set(before) - set(after)) <= 2
    assert (changed != question) == bool(slips)


@given(st.integers(0, 20_000))
def test_a_slip_never_makes_another_known_word(seed: int) -> None:
    known = {"plane", "plant", "pant"}
    changed, _ = perturb(row("Is this plant watered?"), Random(seed), known=known)
    assert not {"plane", "pant"} & set(changed.lower().replace("?", "").split())


@pytest.mark.parametrize(
    "word", ["left", "red", "larger", "not", "liver", "CT", "hyperdense", "upper", "many", "without"]
)
def test_words_that_carry_meaning_are_protected(word: str) -> None:
    assert is_protected(word, row(f"Is the {word} thing seen?"))


def test_words_of_the_choices_stay() -> None:
    body = TrainRow(question="Is this animal a mammal or reptile?", answers=("mammal",), choices=("mammal", "reptile"), kind="k", source="s", licence="l")  # fmt: skip  # noqa: E501
    for seed in range(300):
        changed, _ = perturb(body, Random(seed))
        assert "mammal" in changed
        assert "reptile" in changed


def test_every_kind_of_slip_happens() -> None:
    seen = {slip for seed in range(600) for slip in perturb(row(QUESTIONS[0]), Random(seed))[1]}
    assert seen == {"swap", "drop", "double", "neighbour", "case", "synonym", "stop_word"}
