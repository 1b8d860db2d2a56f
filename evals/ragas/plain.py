"""RAGAS's metrics that need no language model, over one answer.

Where several answers are accepted the best one counts. RAGAS's BLEU is left out: it hands sacrebleu the
sentences of the reference as if each were a reference of the whole (two sentences swapped score 1), and the
same answer of under four words scores 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from evals.ragas.embedding import RagasEmbedding
from evals.ragas.package import Ragas
from evals.ragas.row import Row
from evals.run.sample import UndefinedScoreError

PlainScore = Callable[[Row], float]


@dataclass(frozen=True)
class Plain:
    """A metric without a model.

    Attributes:
        name: As our run files have it.
        score: Scores one answer; blocking. Raises `UndefinedScoreError` with the reason for no value.
        needs: Fields of a row without which it is never defined.
        judged: Whether the gate compares it.
        help: What it says.
    """

    name: str
    score: PlainScore
    needs: tuple[str, ...]
    help: str
    judged: bool = False


def plain_metrics(ragas: Ragas, embedding: RagasEmbedding) -> list[Plain]:
    """Return the metrics, in the order in which they are shown."""
    current, sample = ragas.collections, ragas.sample
    like = _Likeness(current.NonLLMStringSimilarity())
    presence, exact = current.StringPresence(), current.ExactMatch()
    similar, rouge, chrf = current.NonLLMStringSimilarity(), current.RougeScore(), current.CHRFScore()
    meaning = current.SemanticSimilarity(embeddings=embedding)
    id_precision, id_recall = ragas.precision.IDBasedContextPrecision(), ragas.recall.IDBasedContextRecall()
    precision = ragas.precision.NonLLMContextPrecisionWithReference(distance_measure=like)
    recall = ragas.recall.NonLLMContextRecall(_distance_measure=like)

    def ids(metric: Any) -> PlainScore:
        def score(row: Row) -> float:
            if not row.reference_ids:
                raise UndefinedScoreError("no reference documents")
            given = sample(
                retrieved_context_ids=list(row.context_ids), reference_context_ids=list(row.reference_ids)
            )
            return _value(metric._single_turn_ascore(given, None), "nothing was retrieved")

        return score

    def texts(metric: Any) -> PlainScore:
        def score(row: Row) -> float:
            if not row.reference_contexts:
                raise UndefinedScoreError("no reference contexts")
            if not row.contexts:
                return 0.0  # where RAGAS's recall raises; its precision is 0, too
            given = sample(
                retrieved_contexts=list(row.contexts), reference_contexts=list(row.reference_contexts)
            )
            return _value(metric._single_turn_ascore(given, None), "no value")

        return score

    return [
        Plain(
            "ragas_string_presence",
            _best(presence, "response"),
            ("references",),
            "The answer holds an accepted answer, letter by letter.",
            judged=True,
        ),
        Plain(
            "ragas_id_context_recall",
            ids(id_recall),
            ("reference_ids",),
            "Share of the documents that answer the question among those retrieved.",
            judged=True,
        ),
        Plain(
            "ragas_id_context_precision",
            ids(id_precision),
            ("reference_ids",),
            "Share of the retrieved documents that answer the question.",
        ),
        Plain(
            "ragas_nonllm_context_precision",
            texts(precision),
            ("reference_contexts",),
            "Average precision of the retrieved texts; relevant when half like a reference text.",
        ),
        Plain(
            "ragas_nonllm_context_recall",
            texts(recall),
            ("reference_contexts",),
            "Share of the reference texts that some retrieved text is more than half like.",
        ),
        Plain(
            "ragas_exact_match",
            _best(exact, "short"),
            ("references",),
            "The short answer is an accepted answer, letter by letter.",
        ),
        Plain(
            "ragas_string_similarity",
            _best(similar, "short"),
            ("references",),
            "1 minus the edit distance of the short answer, as a share of the longer text.",
        ),
        Plain(
            "ragas_rouge_l",
            _best(rouge, "short"),
            ("references",),
            "ROUGE-L F1 of the short answer, stemmed.",
        ),
        Plain("ragas_chrf", _best(chrf, "short"), ("references",), "Character n-gram F of the short answer."),
        Plain(
            "ragas_semantic_similarity",
            _best(meaning, "short"),
            ("references",),
            "Cosine of the short answer and the accepted one, with our embeddings.",
        ),
    ]


class _Likeness:
    """RAGAS's likeness of texts, as its older metrics call it.

    Its own way there writes an id of the user into the home folder at each call, even when tracking is off.
    """

    def __init__(self, metric: Any) -> None:
        self._metric = metric

    async def single_turn_ascore(self, sample: Any, callbacks: Any = None) -> float:
        result = await self._metric.ascore(reference=sample.reference, response=sample.response)
        return float(result.value)


def _best(metric: Any, field: str) -> PlainScore:
    def score(row: Row) -> float:
        if not row.references:
            raise UndefinedScoreError("no accepted answer")
        said = getattr(row, field)
        return max(_value(_result(metric, reference, said), "no value") for reference in row.references)

    return score


async def _result(metric: Any, reference: str, response: str) -> float:
    return float((await metric.ascore(reference=reference, response=response)).value)


def _value(scoring: Coroutine[Any, Any, float], undefined: str) -> float:
    """Run one of RAGAS's coroutines, which never wait, to its end; NaN is a score that has no value."""
    try:
        scoring.send(None)
    except StopIteration as done:
        value = float(done.value)
    else:
        scoring.close()
        raise RuntimeError("a metric without a model waits for something")
    if math.isnan(value):
        raise UndefinedScoreError(undefined)
    return value
