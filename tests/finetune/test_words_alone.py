from __future__ import annotations

from evals.prior import right_by_prior
from finetune.release.evaluation import AnswerRow, words_alone


def row(number: int, answer: str, *, grey_right: bool | None = False) -> AnswerRow:
    return AnswerRow(
        id=str(number), kind="side", group=str(number), question="Which side?", answers=(answer,),
        answer="left", right=answer == "left", confidence=0.5, grey_right=grey_right,
    )  # fmt: skip


def test_a_question_asked_often_is_answered_by_its_commonest_answer() -> None:
    right = right_by_prior(["Which side?"] * 6, ["side"] * 6, [["left"]] * 4 + [["right"]] * 2)
    assert right == [True] * 4 + [False] * 2


def test_a_question_asked_once_is_answered_by_the_commonest_answer_of_its_kind() -> None:
    questions = [f"Is there a {thing}?" for thing in ("cat", "dog", "cup")]
    assert right_by_prior(questions, ["yes_no"] * 3, [["no"], ["no"], ["yes"]]) == [True, True, False]


def test_a_model_that_says_one_word_is_no_better_than_the_words_alone() -> None:
    rows = [row(number, "left" if number % 2 else "right") for number in range(10)]
    blind = words_alone(rows)
    assert blind is not None
    assert sum(blind) == sum(one.right for one in rows)


def test_a_model_that_does_better_with_grey_images_is_measured_by_them() -> None:
    rows = [row(number, "left" if number % 2 else "right", grey_right=True) for number in range(10)]
    assert words_alone(rows) == [1.0] * 10
    assert words_alone([row(1, "left", grey_right=None)]) is None
