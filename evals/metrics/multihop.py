"""Multi-hop questions: answer, supporting facts and both (HotpotQA, Yang et al. 2018), and decomposition."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from evals.metrics.counts import Counts, harmonic
from evals.metrics.text import squad_normal, token_f1, token_overlap

Facts = Collection[Any]
"""Facts that can be compared; a list stands for a tuple."""
_CLOSED = {"yes", "no", "noanswer"}


@dataclass(frozen=True)
class MultiHop:
    """An answer, and the facts it rests on (for HotpotQA title and sentence number)."""

    answer: str | None
    facts: Facts


@dataclass(frozen=True)
class Step:
    """A sub-question and the places, from 0, of those whose answers it needs."""

    question: str
    needs: tuple[int, ...] = ()


def answer_f1(prediction: str | None, gold: str) -> float:
    """Return HotpotQA's answer F1: SQuAD's, but yes, no and noanswer match as a whole or not at all."""
    return harmonic(*_answer_overlap(prediction, gold))


def supporting_f1(prediction: Facts | None, gold: Facts) -> float:
    """Return the F1 of the supporting facts; 0 when none was named or none is right."""
    counts = _facts(prediction, gold)
    return harmonic(counts.precision or 0.0, counts.recall or 0.0)


def supporting_exact(prediction: Facts | None, gold: Facts) -> float:
    """Return 1 when exactly the supporting facts were named."""
    counts = _facts(prediction, gold)
    return float(counts.fp == counts.fn == 0)


def joint_f1(prediction: MultiHop | None, gold: MultiHop) -> float:
    """Return HotpotQA's joint F1: from the product of both precisions and of both recalls."""
    prediction = prediction or MultiHop(None, ())
    precision, recall = _answer_overlap(prediction.answer, gold.answer or "")
    counts = _facts(prediction.facts, gold.facts)
    return harmonic(precision * (counts.precision or 0.0), recall * (counts.recall or 0.0))


def joint_exact(prediction: MultiHop | None, gold: MultiHop) -> float:
    """Return 1 when the answer and the supporting facts are exact."""
    prediction = prediction or MultiHop(None, ())
    same = squad_normal(prediction.answer) == squad_normal(gold.answer)
    return float(same) * supporting_exact(prediction.facts, gold.facts)


def decomposition_f1(prediction: Sequence[str] | None, gold: Sequence[str]) -> float:
    """Return the F1 of sub-questions, each pair of the best one-to-one pairing worth its token F1.

    Order does not count. Two empty lists are the same.
    """
    if not prediction or not gold:
        return float(not prediction and not gold)
    alike = sum(worth for _, _, worth in _pair(prediction, gold))
    return harmonic(alike / len(prediction), alike / len(gold))


def dependency_f1(prediction: Sequence[Step] | None, gold: Sequence[Step]) -> float:
    """Return the F1 of the dependencies between sub-questions, under the pairing of `decomposition_f1`.

    A dependency is found when both of its ends are paired and depend on one another as in the gold. 1 when
    neither side has any.
    """
    prediction = prediction or ()
    pairs = _pair([step.question for step in prediction], [step.question for step in gold])
    place = {ours: theirs for ours, theirs, worth in pairs if worth > 0}
    said = [(at, need) for at, step in enumerate(prediction) for need in step.needs]
    wanted = {(at, need) for at, step in enumerate(gold) for need in step.needs}
    right = sum((place.get(at, -1), place.get(need, -1)) in wanted for at, need in set(said))
    f1 = Counts(right, len(set(said)) - right, len(wanted) - right).f1
    return 1.0 if f1 is None else f1


def _answer_overlap(prediction: str | None, gold: str) -> tuple[float, float]:
    said, wanted = squad_normal(prediction), squad_normal(gold)
    if said != wanted and {said, wanted} & _CLOSED:
        return 0.0, 0.0
    return token_overlap(said.split(), wanted.split())


def _facts(prediction: Facts | None, gold: Facts) -> Counts:
    # A run file has a fact of title and sentence as a list, which a set cannot hold.
    said, wanted = (
        {tuple(fact) if isinstance(fact, list) else fact for fact in facts}
        for facts in (prediction or (), gold)
    )
    return Counts(len(said & wanted), len(said - wanted), len(wanted - said))


def _pair(prediction: Sequence[str], gold: Sequence[str]) -> list[tuple[int, int, float]]:
    if not prediction or not gold:
        return []
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    worth = np.asarray([[token_f1(one, other) for other in gold] for one in prediction], dtype=np.float64)
    rows, columns = linear_sum_assignment(-worth)
    return [
        (int(row), int(column), float(worth[row, column])) for row, column in zip(rows, columns, strict=True)
    ]
