"""What is polite around a question is not part of it; what names something is."""

from __future__ import annotations

import pytest

from agents.courtesy import without_courtesy
from agents.question import parse_question

ASKED = "Who led the Velorin trial?"


@pytest.mark.parametrize(
    "text",
    [
        "Hello! Who led the Velorin trial? Thank you in advance.",
        "Hi there, who led the Velorin trial?",
        "I have a quick question. Who led the Velorin trial?",
        "Could you tell me this, please: Who led the Velorin trial?",
        "Can you tell me who led the Velorin trial?",
        "Our office needs to know the following for a report: Who led the Velorin trial?",
        "Who led the Velorin trial? Please answer briefly.",
        "Good morning. I have a question. Who led the Velorin trial? Many thanks!",
    ],
)
def test_courtesy_is_no_part_of_a_question(text: str) -> None:
    assert without_courtesy(text) == ASKED
    assert parse_question(text).keywords == parse_question(ASKED).keywords
    assert parse_question(text).answer_type == parse_question(ASKED).answer_type == "name"


@pytest.mark.parametrize(
    "text",
    [
        "Hearing loss: is it a complication of surgery?",
        "What must nurses know: is zinc useful after surgery?",
        "Screening: what do women know?",
        "Thanks, that was very helpful.",
        "Hello!",
        "Please answer briefly.",
        "What does the letter say after hello, and what before thank you?",
        "Who wrote `Thank you in advance`?",
        "Could you translate the sign?",
        "What is the total? A) 5 B) 6",
    ],
)
def test_what_carries_content_or_is_all_there_is_stays(text: str) -> None:
    assert without_courtesy(text) == text


def test_pasted_material_is_left_alone() -> None:
    text = "Hello! " + "A long letter. " * 60 + "Thank you."
    assert without_courtesy(text) == text
