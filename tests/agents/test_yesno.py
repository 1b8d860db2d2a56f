"""Yes or no: what a question denies, doubts or asks the truth of, and what a sentence is without."""

from __future__ import annotations

import pytest

from agents.answer.yesno import verdict
from agents.question import parse_question


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("Is it true that a storm broke the lantern?", "A storm broke the lantern in 1902.", "yes"),
        ("Is it wrong that a storm broke the lantern?", "A storm broke the lantern in 1902.", "no"),
        ("Is it false that the drug works?", "The drug does not work.", "yes"),
        ("Is it not true that the drug works?", "The drug works.", "no"),
        ("Is it not false that the drug works?", "The drug works.", "yes"),
        ("Is it true that Atenix did not reduce strokes?", "Strokes were not reduced by Atenix.", "yes"),
        ("Is it false that the drug works?", "Whether the drug works is unclear.", "maybe"),
        ("Was the loan granted?", "The loan was granted without conditions.", "yes"),
        ("Is there an effusion?", "The film is normal, without pleural effusion.", "no"),
        ("Was the loan granted?", "The loan was not granted.", "no"),
        ("Is the wrong key used?", "The wrong key is used.", "yes"),
    ],
)
def test_a_sentence_answers_by_what_it_says_of_what_is_asked(
    question: str, sentence: str, expected: str
) -> None:
    assert verdict(parse_question(question), sentence) == expected
