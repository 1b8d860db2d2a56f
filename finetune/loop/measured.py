"""What models in production answered to the questions that they were measured on, and what was right.

Kept evaluations hold checked answers: they tell how often an answer of a model is right, and what is right
where it is not. A correction that puts something else in its place can be held against that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.errors import VidenceError
from evals.exact_match import normal_answer
from evals.production.kinds import kind_of
from finetune.release.gate import kept_evaluation
from finetune.release.registry import Registry


@dataclass(frozen=True)
class Measured:
    """A model's answer to a question whose accepted answers are known."""

    question: str
    said: str
    accepted: tuple[str, ...]


class Habits:
    """How right each answer of a model is, by kind of question.

    Args:
        measured: Answers to questions whose answer is known.
    """

    def __init__(self, measured: Iterable[Measured] = ()) -> None:
        self._truths: dict[tuple[str, str], list[set[str]]] = {}
        for one in measured:
            key = (kind_of(one.question, one.said), normal_answer(one.said))
            self._truths.setdefault(key, []).append({normal_answer(answer) for answer in one.accepted})

    def truths(self, question: str, said: str) -> list[set[str]]:
        """Return the accepted answers of each measured question of this kind that was answered so."""
        return self._truths.get((kind_of(question, said), normal_answer(said)), [])


def measured_answers(registry: Registry, names: Iterable[str]) -> Iterator[Measured]:
    """Yield what the production versions of models were measured on.

    Evaluations that are missing or were changed are left out: the gate refuses them with a word about it.
    """
    for name in names:
        for state in registry.states(name):
            if state.stage != "production":
                continue
            for data in state.evaluations:
                try:
                    kept = kept_evaluation(registry, f"{name}@{state.version}", data)
                except VidenceError:
                    continue
                for row in kept.rows if kept is not None else ():
                    yield Measured(row.question, row.answer, row.answers)
