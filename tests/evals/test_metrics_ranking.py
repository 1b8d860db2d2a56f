"""Ranking metrics agree with trec_eval, and say when there is nothing to find."""

from __future__ import annotations

import random

import pytest
import pytrec_eval

from evals.metrics.ranking import (
    hit_at_k,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
    reciprocal_rank,
    score_run,
)

OURS = {
    "ndcg_cut_5": lambda run, qrel: ndcg_at_k(run, qrel, 5),
    "ndcg_cut_10": lambda run, qrel: ndcg_at_k(run, qrel, 10),
    "ndcg": lambda run, qrel: ndcg_at_k(run, qrel, None),
    "recip_rank": reciprocal_rank,
    "recall_5": lambda run, qrel: recall_at_k(run, qrel, 5),
    "recall_100": recall_at_k,
    "P_5": lambda run, qrel: precision_at_k(run, qrel, 5),
    "success_1": hit_at_k,
}


def drawn(seed: int) -> tuple[dict[str, int], dict[str, float]]:
    """Return grades (some 0 or below, some of documents never found) and scores with many ties."""
    rng = random.Random(seed)
    docs = [f"d{n}" for n in range(30)] + ["é", "z9", "Z9", "日本"]
    grades = {doc: rng.choice([-1, 0, 0, 1, 1, 2, 3]) for doc in rng.sample(docs, rng.randint(1, 15))}
    scores = {doc: rng.choice([0.5, 1.0, 1.5, rng.random()]) for doc in rng.sample(docs, rng.randint(1, 30))}
    return grades, scores


def test_three_hundred_rankings_agree_with_trec_eval() -> None:
    cases = {str(seed): drawn(seed) for seed in range(300)}
    qrels = {name: grades for name, (grades, _) in cases.items()}
    run = {name: scores for name, (_, scores) in cases.items()}
    measures = {"ndcg_cut.5,10", "ndcg", "recip_rank", "recall.5,100", "P.5", "success.1"}
    theirs = pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(run)
    compared = 0
    for measure, metric in OURS.items():
        for name, score in score_run(run, qrels, metric).items():
            if max(qrels[name].values()) < 1:
                assert score is None
            else:
                compared += 1
                assert score == pytest.approx(theirs[name][measure], abs=1e-9), (measure, name)
    assert compared > 2000


def test_by_hand() -> None:
    found = ["x", "a", "b"]
    assert ndcg_at_k(found, {"a"}) == pytest.approx(1 / 1.5849625)
    assert ndcg_at_k(found, {"a": 3, "b": 1}) == pytest.approx((3 / 1.5849625 + 1 / 2) / (3 + 1 / 1.5849625))
    assert reciprocal_rank(found, ["b"]) == pytest.approx(1 / 3)
    assert reciprocal_rank(found, ["b"], 2) == 0
    assert precision_at_k(found, {"a", "b"}, 10) == pytest.approx(0.2)
    assert recall_at_k(found, {"a", "never"}, 10) == 0.5


@pytest.mark.parametrize("metric", OURS.values(), ids=list(OURS))
def test_nothing_found_is_0_and_nothing_relevant_is_undefined(metric: object) -> None:
    assert metric([], {"a"}) == 0  # type: ignore[operator]
    assert metric({}, {"a": 1}) == 0  # type: ignore[operator]
    assert metric(["a"], {}) is None  # type: ignore[operator]
    assert metric(["a"], {"a": 0}) is None  # type: ignore[operator]


def test_a_document_found_twice_counts_once() -> None:
    assert ndcg_at_k(["a", "a", "b"], {"a", "b"}) == 1
    assert precision_at_k(["a", "a"], {"a"}, 2) == 0.5
    assert recall_at_k(["a", "a", "b"], {"a", "b"}, 2) == 1


def test_equal_scores_do_not_depend_on_the_order_they_are_given_in() -> None:
    there = {"b": 1.0, "a": 1.0, "c": 1.0}
    back = dict(reversed(there.items()))
    assert ndcg_at_k(there, {"c"}) == ndcg_at_k(back, {"c"}) == 1


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        ndcg_at_k({"a": float("nan")}, {"a"})
    with pytest.raises(ValueError, match="finite"):
        recall_at_k(["a"], {"a": float("nan")})


def test_a_query_that_the_run_lacks_found_nothing() -> None:
    assert score_run({}, {"q": {"a"}}, ndcg_at_k) == {"q": 0.0}
