"""RAGAS's metrics that ask a judge, over one answer. They advise: no gate compares them."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from evals.ragas.embedding import RagasEmbedding
from evals.ragas.judge import RagasJudge
from evals.ragas.package import Ragas
from evals.ragas.pictures import OpenImage, harmless
from evals.ragas.row import Row
from evals.run.sample import UndefinedScoreError
from evals.run.solver import in_thread

MOST_CONTEXTS = 8
"""So many retrieved texts, best first, are judged: context precision asks once for each."""
_ROUNDING = 1e-6
JudgedScore = Callable[[Row], Awaitable[float]]


@dataclass(frozen=True)
class Judged:
    """A metric of a judge.

    Attributes:
        name: As our run files have it.
        score: Scores one answer; raises `UndefinedScoreError` with the reason where it has no value, and what
            the judge raises.
        needs: Fields of a row without which it is never defined.
        help: What it says.
    """

    name: str
    score: JudgedScore
    needs: tuple[str, ...]
    help: str


def judged_metrics(ragas: Ragas, judge: RagasJudge, embedding: RagasEmbedding) -> list[Judged]:
    """Return the metrics of texts."""
    current = ragas.collections
    faithful = current.Faithfulness(llm=judge)
    relevant = current.AnswerRelevancy(llm=judge, embeddings=embedding)
    precision, recall = current.ContextPrecision(llm=judge), current.ContextRecall(llm=judge)

    async def faithfulness(row: Row) -> float:
        given = {"response": _said(row), "retrieved_contexts": _contexts(row)}
        return await _value(faithful, "the judge found no statement", user_input=_asked(row), **given)

    async def relevancy(row: Row) -> float:
        return await _value(relevant, "no value", user_input=_asked(row), response=_said(row))

    async def context_precision(row: Row) -> float:
        given = {"reference": _reference(row), "retrieved_contexts": _contexts(row)}
        return await _value(precision, "no value", user_input=_asked(row), **given)

    async def context_recall(row: Row) -> float:
        given = {"reference": _reference(row), "retrieved_contexts": _contexts(row)}
        return await _value(recall, "the judge classified nothing", user_input=_asked(row), **given)

    return [
        Judged(
            "ragas_faithfulness",
            faithfulness,
            ("response", "contexts"),
            "Share of the answer's statements that the retrieved texts imply, by a judge.",
        ),
        Judged(
            "ragas_answer_relevancy",
            relevancy,
            ("response",),
            "Likeness of the question and those that a judge would ask for the answer; 0 when evasive.",
        ),
        Judged(
            "ragas_context_precision",
            context_precision,
            ("contexts", "references"),
            "Average precision of the retrieved texts, useful or not by a judge.",
        ),
        Judged(
            "ragas_context_recall",
            context_recall,
            ("contexts", "references"),
            "Share of the accepted answer's statements that the retrieved texts carry, by a judge.",
        ),
    ]


def image_metrics(ragas: Ragas, judge: RagasJudge, open_image: OpenImage) -> list[Judged]:
    """Return the metrics of images: the judge sees them as data URLs, and the retrieved texts beside them."""
    current = ragas.collections
    faithful, relevant = current.MultiModalFaithfulness(llm=judge), current.MultiModalRelevance(llm=judge)

    async def contexts(row: Row) -> list[str]:
        if not row.images:
            raise UndefinedScoreError("no image")
        urls = await in_thread(lambda: [open_image(name) for name in row.images])
        return [*urls, *(harmless(text) for text in row.contexts[:MOST_CONTEXTS])]

    async def faithfulness(row: Row) -> float:
        said = _said(row)
        return await _value(faithful, "no value", response=said, retrieved_contexts=await contexts(row))

    async def relevance(row: Row) -> float:
        given = {"response": _said(row), "retrieved_contexts": await contexts(row)}
        return await _value(relevant, "no value", user_input=_asked(row), **given)

    return [
        Judged(
            "ragas_multimodal_faithfulness",
            faithfulness,
            ("response", "images"),
            "Whether the images (and texts) imply all that the answer says, by a judge that sees them.",
        ),
        Judged(
            "ragas_multimodal_relevance",
            relevance,
            ("response", "images"),
            "Whether the answer addresses the question and fits the images, by a judge that sees them.",
        ),
    ]


def _asked(row: Row) -> str:
    if not row.question:
        raise UndefinedScoreError("no question")
    return row.question


def _said(row: Row) -> str:
    if not row.response:
        raise UndefinedScoreError("the agent abstained")
    return row.response


def _contexts(row: Row) -> list[str]:
    if not row.contexts:
        raise UndefinedScoreError("nothing was retrieved")
    return list(row.contexts[:MOST_CONTEXTS])


def _reference(row: Row) -> str:
    if not any(row.references[:1]):
        raise UndefinedScoreError("no accepted answer")
    return row.references[0]


async def _value(metric: Any, undefined: str, **given: Any) -> float:
    value = float((await metric.ascore(**given)).value)
    if math.isnan(value):
        raise UndefinedScoreError(undefined)
    if not -1 - _ROUNDING <= value <= 1 + _ROUNDING:
        # RAGAS counts with whatever verdicts it gets; only 0 and 1 mean anything.
        raise UndefinedScoreError(f"verdicts other than 0 and 1: RAGAS gives {value:g}")
    return min(1.0, value)
