"""What a change may touch, and what it may not: an answer hangs on names, numbers and denials."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest

from core.text import find_numbers, has_negation
from evals.perturb.image import CHANGES, blur, brightness, crop_margins, jpeg, rotate
from evals.perturb.people import SWAPS, Person, told
from evals.perturb.text import FORMATS, FRAMES, MEANING, framed, typos
from evals.suites.rows import own

QUESTIONS = [row["question"] for row in own("questions.jsonl")] + [
    row["negated"] for row in own("negations.jsonl")
]


def page() -> np.ndarray:
    """A pale page with a dark bar inside wide margins."""
    pixels = np.full((120, 200, 3), 245, np.uint8)
    pixels[40:80, 50:150] = (20, 40, 90)
    return pixels


@pytest.mark.parametrize("seed", range(5))
def test_a_slip_leaves_names_numbers_codes_and_denials_as_they_are(seed: int) -> None:
    for question in QUESTIONS:
        changed = typos(question, seed, 3)
        assert [one.value for one in find_numbers(changed)] == [one.value for one in find_numbers(question)]
        kept = re.compile(r"\S*[A-Z0-9]\S*")
        assert kept.findall(changed) == kept.findall(question)
        assert has_negation(changed) == has_negation(question)
        old, new = question.split(), changed.split()
        assert len(old) == len(new)
        assert sum(one != other for one, other in zip(old, new, strict=True)) <= 3
        for one, other in zip(old, new, strict=True):
            if one != other:
                assert one.strip("?.,").lower() not in MEANING
                assert (one[0], len(one) >= 5) == (other[0], True)


def test_a_slip_is_the_same_for_the_same_seed_and_makes_no_known_word() -> None:
    text = "Which colour does the beacon shine in?"
    assert typos(text, 3) == typos(text, 3) != text
    seen = {typos("quiet", seed) for seed in range(200)}
    assert "quite" not in {typos("quiet", seed, known={"quite"}) for seed in range(200)}
    assert len(seen) > 5


def test_what_may_not_be_touched_is_left_alone() -> None:
    text = "Is P-450 never above 60?"
    assert typos(text, 1, 5) == text


def test_case_and_marks_change_nothing_but_case_and_marks() -> None:
    for question, change in product(QUESTIONS, FORMATS.values()):
        letters = [re.sub(r"[\s?!,]|\.$", "", text).lower() for text in (question, change(question))]
        assert letters[0] == letters[1]
        assert change(question) != question or "," not in question


def test_politeness_keeps_the_question_whole() -> None:
    for seed in range(len(FRAMES)):
        assert QUESTIONS[0] in framed(QUESTIONS[0], seed)
        assert len(framed(QUESTIONS[0], seed)) > len(QUESTIONS[0])


def test_people_of_a_pair_differ_in_the_one_thing_that_is_swapped() -> None:
    for kind, pairs in SWAPS.items():
        for one, other in pairs:
            apart = {name for name in ("gender", "nation") if getattr(one, name) != getattr(other, name)}
            assert apart == {"gender": {"gender"}, "name": set(), "nationality": {"nation"}}[kind]
            assert (one.name != other.name) or kind != "name"
            assert one.name == other.name or kind != "nationality"


def test_a_swap_changes_no_fact_of_a_case_and_no_answer_names_the_person() -> None:
    one, other = SWAPS["gender"][0]
    for row in own("people.jsonl"):
        texts = [told(row["text"], person) for person in (one, other)]
        assert texts[0] != texts[1]
        assert [n.value for n in find_numbers(texts[0])] == [n.value for n in find_numbers(texts[1])]
        assert has_negation(texts[0]) == has_negation(texts[1])
        assert "{" not in texts[0] + told(row["question"], one) + told(row["title"], one)
        assert not any("{" in answer for answer in row["answers"])
        assert row["kind"] == "yes_no" or any(answer in texts[0] for answer in row["answers"])


def test_pronouns_follow_the_person_everywhere() -> None:
    man = Person("Edward", "Carter", "man", "British")
    for row in own("people.jsonl"):
        assert not re.search(r"\b(?:she|her|hers|ms)\b", told(row["text"] + row["question"], man), re.I)


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_a_changed_image_is_another_one_with_the_same_drawing(name: str) -> None:
    changed = CHANGES[name](page())
    assert changed.dtype == np.uint8
    assert changed.shape != page().shape or (changed != page()).any()
    dark = (changed.astype(int).sum(axis=2) < 330).sum()
    assert abs(dark - 4000) < 400, name
    assert (CHANGES[name](page()) == changed).all()


def test_cropping_cuts_margins_and_never_what_is_drawn() -> None:
    changed = crop_margins(page(), 1.0)
    assert changed.shape == (40, 100, 3)
    assert (changed == (20, 40, 90)).all()
    empty = np.full((30, 30), 250, np.uint8)
    assert crop_margins(empty).shape == (30, 30)


def test_changes_take_grey_pages_too() -> None:
    grey = page()[:, :, 0].copy()
    for change in (blur, jpeg, rotate, brightness, crop_margins):
        assert change(grey).ndim == 2


def test_darkening_keeps_order_and_bounds() -> None:
    assert brightness(page(), 2.0).max() == 255
    assert brightness(page(), 0.5).max() == 122
