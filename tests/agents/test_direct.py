"""Arithmetic is parsed and never executed, and its answer passes the same check as any other."""

from __future__ import annotations

import pytest

from agents.answer.direct import direct_answer, evaluate
from agents.checks import check_candidate


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is 17% of 230?", "39.1"),
        ("what is 2 + 3 * 4", "14"),
        ("Calculate (2 + 3) times 4.", None),
        ("How much is 1,200 divided by 5?", "240"),
        ("What is 12 squared?", "144"),
        ("What's 7 minus 9?", "-2"),
        ("What is the total?", None),
        ("What is 42?", None),
        ("What is 2 ** 9999999?", None),
        ("What is 1 / 0?", None),
        ("What is __import__('os').getcwd()?", None),
        ("What is 9**9**9**9?", None),
    ],
)
def test_arithmetic_in_the_question_is_computed_and_nothing_else_is(question, answer):
    evidence, candidates = direct_answer(question)
    if answer is None and question.startswith("Calculate"):
        answer = "20"
    assert [candidate.short_answer for candidate in candidates] == ([answer] if answer else [])
    assert all(check_candidate(c, {e.id: e for e in evidence}).survives for c in candidates)


def test_abilities_are_told_with_evidence():
    evidence, candidates = direct_answer("What can you do?")
    checked = check_candidate(candidates[0], {item.id: item for item in evidence})
    assert checked.survives
    assert checked.support == "verified"
    assert evidence[0].trust == "trusted"


@pytest.mark.parametrize(
    "text", ["", "1", "a+b", "1+", "(" * 300, "1;2", "1 if 1 else 2", "2**-1", "0.1+0.2"]
)
def test_odd_expressions_never_fail(text):
    value = evaluate(text)
    assert value is None or isinstance(value, float)
