# ruff: noqa: E501 - texts as they are
"""Measures, colours and days from text; what two of them say together: which is more, and by how much."""

from __future__ import annotations

import pytest

from agents.answer import default_extractors, propose
from agents.answer.base import AnswerTask
from agents.answer.relevance import key
from agents.checks import check_candidate
from agents.compose import compose
from agents.decompose import decompose
from agents.judge import rank
from agents.question import parse_question
from core.contracts import Evidence

TEXTS = {
    "Crane K-7": "The crane K-7 lifts 900 kilograms at a time. It weighs 75 kilograms. Its arm is bright red. "
    "A gale broke its hook in 1954.",
    "Crane K-9": "The crane K-9 lifts 1,200 kilograms at a time. It weighs 60 kilograms and is 12 metres tall.",
    "Holme school": "The school of Holme is closed on Thursdays. It has 14 rooms and was founded in 1931.",
    "Brack school": "The school of Brack has 9 rooms. It was founded in 1902, and lends 40 boats.",
}
EVIDENCE = [
    Evidence(kind="passage", source=f"{title}.md", content=text, score=1.0, metadata={"title": title})
    for title, text in TEXTS.items()
]
KNOWN = {item.id: item for item in EVIDENCE}


def proposed(question: str) -> list[str]:
    task = AnswerTask(parse_question(question), EVIDENCE)
    return [one.short_answer for one in propose(default_extractors(), task).candidates]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How heavy is the crane K-7?", "75 kilograms"),
        ("How tall is the crane K-9?", "12 metres"),
        ("What colour is the arm of the crane K-7?", "bright red"),
        ("On which day is the school of Holme closed?", "Thursdays"),
        ("In which year did a gale break the hook of the crane K-7?", "1954"),
    ],
)
def test_values_have_the_form_that_the_question_names(question: str, answer: str) -> None:
    assert proposed(question)[0] == answer


def test_a_code_of_the_question_is_no_answer_to_it() -> None:
    assert "K-7" not in proposed("What load can the crane K-7 lift?")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Which crane is heavier, the K-7 or the K-9?", "the K-7"),
        ("Does the school of Holme or the school of Brack have more rooms?", "the school of Holme"),
        ("How much heavier is the crane K-7 than the crane K-9?", "15 kilograms"),
        ("How many more rooms does the school of Holme have than the school of Brack?", "5"),
        ("Which school was founded first, Holme or Brack?", "Brack"),
    ],
)
def test_two_answers_are_compared_or_subtracted_and_checked(question: str, answer: str) -> None:
    parts = []
    for part in decompose(question):
        found = propose(default_extractors(), AnswerTask(parse_question(part.question), EVIDENCE)).candidates
        parts.append((part.question, found[0]))
    assert len(parts) == 2
    whole = compose(parse_question(question), parts)
    assert whole is not None
    assert whole.short_answer == answer
    checked = check_candidate(whole, KNOWN)
    assert checked.survives, checked.reasons
    assert rank([checked], parse_question(question))[0].confidence > 0.35


def test_a_wrong_difference_does_not_pass_the_check() -> None:
    question = "How much heavier is the crane K-7 than the crane K-9?"
    parts = [
        (
            part.question,
            propose(default_extractors(), AnswerTask(parse_question(part.question), EVIDENCE)).candidates[0],
        )
        for part in decompose(question)
    ]
    whole = compose(parse_question(question), parts)
    assert whole is not None
    claim = whole.claims[0].model_copy(update={"text": whole.claims[0].text.replace("is 15", "is 25")})
    wrong = whole.model_copy(update={"claims": (claim, *whole.claims[1:]), "short_answer": "25 kilograms"})
    assert not check_candidate(wrong, KNOWN).survives


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("Who was born first, Ada or Alan?", ["When was Ada born?", "When was Alan born?"]),
        ("By how much is A100 longer than B200?", ["How long is A100?", "How long is B200?"]),
        ("How many more days than that does it take?", []),
    ],
)
def test_what_is_compared_is_asked_of_both(question: str, parts: list[str]) -> None:
    assert [part.question for part in decompose(question)] == parts


@pytest.mark.parametrize(("ages", "older"), [(("61", "58"), "Ada"), (("1931", "1902"), "Alan")])
def test_more_years_are_older_and_a_smaller_year_is_older_too(ages: tuple[str, str], older: str) -> None:
    question = "Who is older, Ada or Alan?"
    base = propose(
        default_extractors(), AnswerTask(parse_question("How tall is the crane K-9?"), EVIDENCE)
    ).candidates[0]
    parts = [
        (f"How old is {name}?", base.model_copy(update={"short_answer": age}))
        for name, age in zip(("Ada", "Alan"), ages, strict=True)
    ]
    whole = compose(parse_question(question), parts)
    assert whole is not None
    assert whole.short_answer == older


def test_irregular_forms_meet() -> None:
    assert key("broke") == key("break") == key("broken")
    assert key("weighs") == key("heavier") == key("weight")
    assert key("held") == key("holds")
    assert key("found") != key("founded")
