"""Where a claim and its source disagree in negation, direction or certainty, also in awkward texts."""

from __future__ import annotations

import pytest

from agents.check.polarity import polarity_faults

NEGATES, DIRECTION, CERTAIN = "negates", "direction", "certain"


def faults(claim: str, context: str) -> str:
    return "; ".join(polarity_faults(claim, context))


@pytest.mark.parametrize(
    ("claim", "context"),
    [
        ("Answer yes: safe", "Answer no: safe"),
        ("Answer no: safe", "Answer yes: safe"),
        ("The answer is: not safe", "The answer is: safe"),
        ("No tumour; left lung clear", "Tumour; left lung clear"),
        ("The heart is normal; no effusion", "The heart is normal; effusion"),
    ],
)
def test_a_negation_in_one_clause_only_is_found(claim: str, context: str) -> None:
    assert NEGATES in faults(claim, context)


@pytest.mark.parametrize(
    "text", ["Answer no: safe", "Answer yes: safe", "Invoice no: 5", "Table no. 5; open"]
)
def test_a_text_agrees_with_itself(text: str) -> None:
    assert faults(text, text) == ""


def test_the_no_of_a_number_is_not_a_negation() -> None:
    assert faults("The total is 5", "Invoice no: 5\nTotal 5") == ""


@pytest.mark.parametrize(
    "context",
    [
        "The drug may help",
        "The drug may\nhelp patients",
        "The drug may\n12 patients helped",
        "12 patients helped, the drug may\n30 days later",
    ],
)
def test_a_hedge_is_seen_across_a_line_break(context: str) -> None:
    assert CERTAIN in faults("The drug helped patients", context)


@pytest.mark.parametrize("context", ["On 3 may 12 patients improved", "On 3 May\n12 patients improved"])
def test_a_month_is_not_a_hedge(context: str) -> None:
    assert faults("12 patients improved", context) == ""


@pytest.mark.parametrize("claim", ["12 patients improved", "It improves"])
def test_a_hedge_in_a_line_that_says_nothing_of_the_claim_is_left_alone(claim: str) -> None:
    assert faults(claim, "It may\n12 patients improved") == ""


def test_a_question_is_not_as_certain_as_a_claim() -> None:
    assert CERTAIN in faults("The drug improves survival", "Does the drug improve survival?")
    assert CERTAIN in faults("Is it safe, yes", "Is it safe?\nyes")


def test_a_question_that_the_same_line_answers_is_no_hedge() -> None:
    answered = "Does the drug improve survival? It improves survival."
    assert faults("The drug improves survival", answered) == ""


def test_a_question_mark_elsewhere_does_not_hedge_the_clause_that_is_meant() -> None:
    assert faults("The door is open", "Who came?\nThe door is open") == ""


def test_a_hedged_claim_may_rest_on_a_hedged_source() -> None:
    assert faults("The drug may help", "The drug may help") == ""
    assert faults("Does the drug help?", "Does the drug help?") == ""


def test_directions_are_compared_where_no_text_negates() -> None:
    assert DIRECTION in faults("Mortality rose", "Mortality fell")
    assert faults("Mortality rose", "Mortality increased") == ""
