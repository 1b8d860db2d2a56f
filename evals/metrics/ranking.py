"""How good a ranked list is: nDCG, MRR, recall, precision and hits at k, as trec_eval counts them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence

Ranking = Sequence[str] | Mapping[str, float] | None
"""Ids, best first, or a score for each id; None for no answer."""
Relevance = Collection[str] | Mapping[str, float]
"""The ids that are relevant, or a grade for each judged id (0 or less: not relevant)."""
RankingMetric = Callable[[Ranking, Relevance], float | None]


def ranked_ids(ranking: Ranking) -> list[str]:
    """Return ids, best first, each once. Equal scores go by id, last in the alphabet first, as in trec_eval.

    Raises:
        ValueError: A score is NaN, which has no place in an order.
    """
    if not isinstance(ranking, Mapping):
        return list(dict.fromkeys(ranking or ()))
    if any(math.isnan(score) for score in ranking.values()):
        raise ValueError("a document's score is NaN")
    return sorted(sorted(ranking, reverse=True), key=lambda id_: -ranking[id_])


def grades(relevance: Relevance) -> dict[str, float]:
    """Return the grade of each relevant id, above 0.

    Raises:
        ValueError: A grade is NaN or infinite.
    """
    if not isinstance(relevance, Mapping):
        return dict.fromkeys(relevance, 1.0)
    if not all(math.isfinite(grade) for grade in relevance.values()):
        raise ValueError("a relevance grade is not finite")
    return {id_: float(grade) for id_, grade in relevance.items() if grade > 0}


def discounted_gain(gains: Sequence[float]) -> float:
    """Return DCG with the grade as gain (Järvelin and Kekäläinen 2002), discounted by log2(rank + 1)."""
    return math.fsum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


def ndcg_at_k(ranking: Ranking, relevance: Relevance, k: int | None = 10) -> float | None:
    """Return DCG at k over that of the best order; None when nothing is relevant.

    Args:
        ranking: What was found.
        relevance: What should have been.
        k: How many places count; None for all.
    """
    grade = grades(relevance)
    best = discounted_gain(sorted(grade.values(), reverse=True)[:k])
    found = discounted_gain([grade.get(id_, 0.0) for id_ in ranked_ids(ranking)[:k]])
    return found / best if best > 0 else None


def reciprocal_rank(ranking: Ranking, relevance: Relevance, k: int | None = None) -> float | None:
    """Return 1 over the place of the first relevant id, 0 when there is none; its mean is MRR."""
    grade = grades(relevance)
    if not grade:
        return None
    places = (place for place, id_ in enumerate(ranked_ids(ranking)[:k], 1) if id_ in grade)
    first = next(places, None)
    return 1 / first if first else 0.0


def recall_at_k(ranking: Ranking, relevance: Relevance, k: int | None = 100) -> float | None:
    """Return the share of the relevant ids among the first k; None when nothing is relevant."""
    grade = grades(relevance)
    return len(grade.keys() & set(ranked_ids(ranking)[:k])) / len(grade) if grade else None


def precision_at_k(ranking: Ranking, relevance: Relevance, k: int = 10) -> float | None:
    """Return the share of the first k places that hold a relevant id; places left empty count as wrong.

    None when nothing is relevant: no ranking could do better than 0.
    """
    grade = grades(relevance)
    return len(grade.keys() & set(ranked_ids(ranking)[:k])) / k if grade else None


def hit_at_k(ranking: Ranking, relevance: Relevance, k: int = 1) -> float | None:
    """Return 1 when a relevant id is among the first k, else 0; None when nothing is relevant."""
    grade = grades(relevance)
    return float(any(id_ in grade for id_ in ranked_ids(ranking)[:k])) if grade else None


def score_run(
    run: Mapping[str, Ranking], qrels: Mapping[str, Relevance], metric: RankingMetric
) -> dict[str, float | None]:
    """Return a metric for each judged query; one that the run lacks found nothing (trec_eval's -c)."""
    return {query: metric(run.get(query, ()), relevance) for query, relevance in qrels.items()}
