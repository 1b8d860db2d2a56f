"""Splitting questions of our own: two in one, comparisons, and plain ones that are best left whole."""

from __future__ import annotations

from collections.abc import Iterator

from evals.made.things import Thing
from evals.run.registry import Place, suite
from evals.run.sample import Sample
from evals.run.scorers import metric_scorer
from evals.run.solver import function_solver
from evals.suites.library import made
from evals.suites.planning import questions_of, split

_COMPARED = {
    "lighthouse": ("taller", "tall"), "bridge": ("longer", "long"), "pump": ("heavier", "heavy"),
    "mill": ("older", "old"), "railway": ("longer", "long"), "museum": ("older", "old"),
    "hotel": ("larger", "large"), "orchard": ("larger", "large"),
}  # fmt: skip
_EACH = 33


def _cut(question: str) -> str:
    return question.removesuffix("?")


def _lower(question: str) -> str:
    return question[:1].lower() + question[1:]


def _two(one: Thing, other: Thing, number: int) -> tuple[str, list[str]]:
    first, second = one.answered[0].question, other.answered[1].question
    text = f"{_cut(first)}, and {_lower(second)}" if number % 3 else f"{first} {second}"
    return text, [first, second]


def _compare(one: Thing, other: Thing) -> tuple[str, list[str]]:
    more, plain = _COMPARED[one.kind]
    return f"Which is {more}, {one.name} or {other.name}?", [
        f"How {plain} is {each.name}?" for each in (one, other)
    ]


@suite(
    "made_questions",
    family="planning",
    open_solver=function_solver(split),
    scorers=(metric_scorer("decomposition_f1", questions_of),),
)
def made_questions(place: Place) -> Iterator[Sample]:
    """132 questions of our own, split by rules: two in one, comparisons, and plain ones to leave whole."""
    things = made()
    alike = [one for one in things if one.kind in _COMPARED]
    for number in range(4 * _EACH):
        one, turn = things[(number * 7) % len(things)], number // 4
        if number % 4 == 0:
            kind, (text, parts) = "whole", (one.answered[0].question, [one.answered[0].question])
        elif number % 4 == 1:
            first = alike[(turn * 5) % len(alike)]
            second = next(each for each in alike[alike.index(first) + 1 :] + alike if each.kind == first.kind)
            kind, (text, parts) = "comparison", _compare(first, second)
        else:
            kind, (text, parts) = "two", _two(one, things[(number * 7 + 31) % len(things)], number)
        yield Sample(
            id=f"{kind}-{number:03}",
            suite="made_questions",
            family="planning",
            kind=kind,
            modality="text",
            source="made",
            input={"question": text},
            target=parts,
        )


SUITES = (made_questions,)
