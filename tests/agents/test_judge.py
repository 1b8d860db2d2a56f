"""Who comes first, and why."""

from __future__ import annotations

import pytest

from agents.checks import CheckedCandidate
from agents.judge import RankedCandidate, confidence, rank, same_answer, type_matches
from agents.question import parse_question
from core.contracts import Candidate, Claim


def checked(short, score, *, route="extraction", supported="verified", ids=("e1",), survives=True):
    candidate = Candidate(
        id=f"{route}-{short}", route=route, answer=short, short_answer=short, claims=(), score=score
    )
    claim = Claim(text=short, evidence_ids=ids, supported=supported)
    return CheckedCandidate(candidate=candidate, claims=(claim,), survives=survives)


TOTAL = parse_question("What is the total amount on this receipt?")


def order(*candidates, question=TOTAL):
    return [item.checked.candidate.short_answer for item in rank(candidates, question)]


def test_a_verified_answer_comes_before_a_surer_observed_one():
    assert order(checked("70.00", 0.99, supported="observed", route="vlm"), checked("73.00", 0.5)) == [
        "73.00",
        "70.00",
    ]


def test_what_did_not_survive_is_not_ranked():
    assert order(checked("73.00", 0.9, survives=False)) == []
    assert rank([], TOTAL) == []


def test_agreement_of_another_route_raises_an_answer():
    lone = checked("70.00", 0.62, ids=("e1",))
    backed = checked("73.00", 0.6, ids=("e2",))
    backer = checked("RM 73", 0.3, route="vlm", ids=("e3",))
    assert order(lone, backed, backer)[0] == "73.00"


def test_the_same_route_on_the_same_evidence_is_no_agreement():
    one, two = checked("73.00", 0.6), checked("73.00", 0.6)
    assert rank([one, two], TOTAL)[0].score == rank([one], TOTAL)[0].score


def test_an_answer_of_the_asked_type_comes_first():
    assert order(checked("THANK YOU", 0.6), checked("73.00", 0.55)) == ["73.00", "THANK YOU"]


def test_of_equals_the_one_that_speaks_of_what_is_asked_comes_first_then_the_shorter_one():
    question = parse_question("How tall is Mornholm lighthouse?")

    def said(short, answer):
        item = checked(short, 0.6, ids=(short,))
        return item.model_copy(update={"candidate": item.candidate.model_copy(update={"answer": answer})})

    other = said("28 metres", "Gullrock lighthouse is 28 metres tall.")
    long = said("41 m", "Mornholm lighthouse is 41 metres tall. It was built of red granite.")
    short = said("41 metres", "Mornholm lighthouse is 41 metres tall.")
    for given in ([other, long, short], [long, short, other], [short, other, long]):
        assert order(*given, question=question) == ["41 metres", "41 m", "28 metres"]


def test_the_rationale_is_recorded_and_the_ranking_survives_serialisation():
    item = rank([checked("73.00", 0.6)], TOTAL)[0]
    assert "extraction" in item.rationale
    assert "verified" in item.rationale
    assert RankedCandidate.model_validate(item.model_dump()) == item


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("73.00", "RM 73", True),
        ("20/12/2017", "2017-12-20", True),
        ("2018", "2019", False),
        ("Paris", "paris", True),
        ("Paris", "Lyon", False),
        ("", "x", False),
    ],
)
def test_short_answers_compare_by_meaning(left, right, same):
    assert same_answer(left, right) is same


def test_confidence_is_monotone_and_bounded():
    values = [confidence(step / 50) for step in range(-5, 60)]
    assert values == sorted(values)
    assert min(values) >= 0.0
    assert max(values) < 1.0


def test_several_values_do_not_answer_a_question_for_one():
    question = parse_question("What percentage of Germans support the tariffs?")
    several, one = checked("Germany: 78, Germany: 17", 0.68), checked("78%", 0.5)
    assert order(several, one, question=question)[0] == "78%"
    both = parse_question("What are the percentages of each answer?")
    assert order(several, one, question=both)[0] == "Germany: 78, Germany: 17"


@pytest.mark.parametrize("short", ["07-3874904", "+60 3 4266 1226", "CS180319-0015", "0.1"])
def test_a_code_answers_a_question_for_a_number(short):
    assert type_matches(short, parse_question("What is the telephone number of the shop?"))
