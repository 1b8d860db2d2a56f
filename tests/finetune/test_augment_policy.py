"""What may be done to an image without making its answer wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.augment.policy import PIXEL, SPATIAL, allowed
from finetune.data.rows import TrainRow

BOX = (10.0, 10.0, 30.0, 30.0)
TURNS = {"mirror", "flip", "quarter_turn"}


def row(
    question: str, answer: str = "yes", kind: str = "yes_no", source: str = "photos", **more: object
) -> TrainRow:
    body = {"image": "images/a.png", "image_sha256": "a", "licence": "CC0-1.0", **more}
    return TrainRow(question=question, answers=(answer,), kind=kind, source=source, **body)  # type: ignore[arg-type]


SIDE_WORDS = (
    "left right leftmost rightmost lateral clockwise side middle first second third position order east"
    " corner west horizontal trend rising next"
).split()


@given(
    st.sampled_from(SIDE_WORDS),
    st.sampled_from(["Is the {} dog brown?", "Which dog is at the {}?", "What is {} to it?"]),
)
def test_a_question_about_sides_is_never_mirrored_turned_or_cropped(word: str, form: str) -> None:
    word = "next to" if word == "next" else word
    assert not allowed(row(form.format(word.upper()), "dog", "other")) & {*TURNS, "crop", "tilt"}


@given(st.sampled_from(SIDE_WORDS[:4]))
def test_an_answer_about_sides_is_never_mirrored(word: str) -> None:
    assert not allowed(row("What do you see?", f"the {word} one", "other")) & TURNS


@pytest.mark.parametrize("source", ["vqa-rad", "slake", "pathvqa"])
def test_medical_images_are_never_mirrored(source: str) -> None:
    assert not allowed(row("Is it big?", source=source)) & TURNS


def test_a_medical_question_from_anywhere_is_never_mirrored_nor_recoloured() -> None:
    assert not allowed(row("Is the heart there?")) & {*TURNS, "colour"}


@pytest.mark.parametrize(
    "question", ["What does the sign say?", "What is the total?", "What type of chart is this?"]
)
def test_images_with_text_are_never_mirrored_or_blurred(question: str) -> None:
    assert not allowed(row(question, "x", "other")) & {*TURNS, "blur", "tilt"}


@pytest.mark.parametrize(
    "question", ["What colour is the car?", "Is the car red?", "Which color is it?", "Is it reddish?"]
)
def test_a_question_about_colours_keeps_its_colours(question: str) -> None:
    assert not allowed(row(question, "red", "colour")) & {"colour", "brightness", "gamma"}


def test_an_answer_that_is_a_colour_keeps_its_colours() -> None:
    assert "colour" not in allowed(row("What is it like?", "dark blue", "other"))


@pytest.mark.parametrize(
    "question", ["Is there a hyperdense area?", "Is the picture dark?", "Does it enhance with contrast?"]
)
def test_a_question_about_brightness_keeps_it(question: str) -> None:
    assert not allowed(row(question)) & {"brightness", "gamma", "noise"}


def test_a_question_about_image_quality_changes_no_pixel() -> None:
    assert not allowed(row("Is the photo blurry?")) & set(PIXEL)


@pytest.mark.parametrize(
    ("question", "kind"),
    [("How many dogs?", "count"), ("Is there a dog?", "yes_no"), ("Any cats?", "yes_no")],
)
def test_counts_and_presence_are_never_cropped(question: str, kind: str) -> None:
    assert "crop" not in allowed(row(question, "2", kind, boxes=(BOX,)))


def test_a_box_answer_that_does_not_follow_moves_nothing() -> None:
    assert not allowed(
        row("Where is the dog? Give its box.", "[1, 2, 3, 4]", "grounding", boxes=(BOX,))
    ) & set(SPATIAL)


def test_a_box_answer_that_follows_may_be_mirrored_and_cropped() -> None:
    grounding = row("Where is the dog? Give its box.", "[1, 2, 3, 4]", "grounding", boxes=(BOX,))
    assert {"mirror", "crop", "pad"} <= allowed(grounding, follows="boxes")
    aside = row("Where is the dog on the left? Give its box.", "[1, 2, 3, 4]", "grounding", boxes=(BOX,))
    assert not allowed(aside, follows="boxes") & {*TURNS, "crop"}


@pytest.mark.parametrize(
    "question", ["Is it in the corner?", "Is the dog in the middle?", "Is it at the upper edge?"]
)
def test_a_place_in_the_picture_is_never_padded_away(question: str) -> None:
    assert "pad" not in allowed(row(question))


def test_a_row_without_an_image_allows_nothing() -> None:
    assert not allowed(TrainRow(question="Q?", answers=("a",), kind="yes_no", source="s", licence="l"))


def test_a_plain_question_about_a_photo_may_be_mirrored() -> None:
    assert {"mirror", "noise", "colour"} <= allowed(row("Is a dog visible?"))


@pytest.mark.parametrize(
    "question",
    [
        "¿Qué hay a la izquierda del perro?",
        "Was ist links vom Hund?",
        "Wat is rood?",
        "图中左边是什么?",
        "Couleur ?",
    ],
)
def test_what_another_language_asks_for_is_not_guessed(question: str) -> None:
    assert allowed(row(question, "perro", "other")) <= {"noise", "compression"}


@pytest.mark.parametrize("said", ["guy on lft", "rt dog", "2nd frm l, btm", "mid person"])
def test_short_forms_of_sides_are_sides(said: str) -> None:
    asked = row(f"Where is this: {said}? Give its box.", "[1, 2, 3, 4]", "grounding", boxes=(BOX,))
    assert not allowed(asked, follows="boxes") & {"mirror", "quarter_turn"}
