"""Code questions are answered with path and lines, and pass the same check as any other answer."""

from __future__ import annotations

import pytest

from agents.answer.base import AnswerTask
from agents.answer.code import CodeExtractor
from agents.checks import check_candidate
from agents.question import parse_question
from core.contracts import Evidence, Locator
from knowledge.code.query import code_names

SOURCE = '''def open_valve(name: str, *, pressure: float = 2.5, retries: int = 3) -> bool:
    """Open a valve slowly, so that the pipe does not knock. Returns whether it moved.

    Raises:
        ValveError: when it is stuck.
    """
    return True


class PumpMonitor:
    """Watches a pump and rings when it runs dry."""

    interval_s: float = Field(1.5, gt=0)


MAX_VALVES = 12
'''
PIECE = Evidence(
    kind="code",
    source="plant/valves.py",
    content=SOURCE,
    locator=Locator(path="plant/valves.py", lines=(10, 26)),
)


def ask(question, evidence=(PIECE,)):
    return CodeExtractor().propose(AnswerTask(parse_question(question), list(evidence)))


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Where is `open_valve` defined?", "plant/valves.py:10"),
        ("Where is the class PumpMonitor defined?", "plant/valves.py:19"),
        ("In which file is MAX_VALVES defined?", "plant/valves.py:25"),
        ("What does open_valve do?", "Open a valve slowly, so that the pipe does not knock."),
        ("What does open_valve return?", "Returns whether it moved."),
        ("What is the purpose of the PumpMonitor class?", "Watches a pump and rings when it runs dry."),
        ("What is the default value of retries in open_valve?", "3"),
        ("What is the default of pressure in `open_valve`?", "2.5"),
        ("What is the default of interval_s in PumpMonitor?", "1.5"),
        ("What is the value of MAX_VALVES?", "12"),
        ("Which class watches a pump and rings when it runs dry?", "PumpMonitor"),
    ],
)
def test_the_answer_is_found_and_stands(question, answer):
    best = ask(question)[0]
    checked = check_candidate(best, {PIECE.id: PIECE})
    assert best.short_answer == answer
    assert checked.survives, checked.reasons
    assert "plant/valves.py:" in best.answer
    assert best.claims[0].citations[0].quote in SOURCE


@pytest.mark.parametrize(
    "question",
    [
        "Where is `close_valve` defined?",
        "What does drain_tank do?",
        "What is the default of timeout in open_gate?",
    ],
)
def test_a_name_that_is_not_there_is_not_answered(question):
    assert ask(question) == []


def test_code_that_does_not_parse_is_still_read():
    broken = PIECE.model_copy(update={"content": "def half(x: int = 4\n    broken"})
    assert ask("Where is `half` defined?", [broken])[0].short_answer == "plant/valves.py:10"


def test_other_evidence_is_left_alone():
    assert ask("Where is `open_valve` defined?", [Evidence(kind="passage", source="s", content=SOURCE)]) == []


def test_identifiers_are_read_from_a_question():
    assert code_names("What is the default of `max_steps` in Settings.load_all?") == [
        "max_steps",
        "Settings.load_all",
    ]
