"""What the retrieval benchmarks share: nDCG, recall and the latency of single queries by step."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evals.metrics.averages import mean_of
from evals.metrics.ranking import ndcg_at_k, recall_at_k, score_run
from knowledge.collections import Collections
from knowledge.records import Hit

STEPS: dict[str, dict[str, Any]] = {
    "words": {"mode": "sparse", "rerank": False},
    "vectors": {"mode": "dense", "rerank": False},
    "fused": {"mode": "hybrid", "rerank": False},
    "re-ranked": {"mode": "hybrid", "rerank": True},
}
"""The legs and the steps, each as the options of `Collections.search`."""
_BATCH = 64


@dataclass(frozen=True)
class Judged:
    """Queries by id, and the ids of the documents that each should find."""

    queries: Mapping[str, str]
    relevant: Mapping[str, set[str]]


def rank(
    collections: Collections, name: str, judged: Judged, k: int, options: Mapping[str, Any]
) -> dict[str, list[str]]:
    """Return the ids of the k best documents of each query, as `vidence search --queries` finds them."""
    ids = list(judged.relevant)
    found: list[list[Hit]] = []
    for start in range(0, len(ids), _BATCH):
        texts = [judged.queries[id_] for id_ in ids[start : start + _BATCH]]
        found += collections.search_many(name, texts, k, by_document=True, **options)
    return {id_: [hit.doc_id for hit in hits if hit.score > 0] for id_, hits in zip(ids, found, strict=True)}


def latency(
    collections: Collections, name: str, queries: Sequence[str], options: Mapping[str, Any], k: int = 10
) -> dict[str, float]:
    """Return the median and 95th percentile of single queries, in milliseconds, after one to warm up."""
    collections.search(name, queries[0], k, **options)
    times = []
    for query in queries:
        start = time.perf_counter()
        collections.search(name, query, k, **options)
        times.append((time.perf_counter() - start) * 1000)
    times.sort()
    return {
        "p50_ms": round(times[len(times) // 2], 1),
        "p95_ms": round(times[min(int(len(times) * 0.95), len(times) - 1)], 1),
    }


def measure_steps(
    collections: Collections, name: str, judged: Judged, *, timed: int = 100
) -> dict[str, dict[str, float]]:
    """Return nDCG@10, recall@100 and the latency of each leg and step."""
    ids = list(judged.relevant)
    figures = {}
    for step, options in STEPS.items():
        ranked = rank(collections, name, judged, 100, options)
        figures[step] = {
            "ndcg@10": round(mean_of(score_run(ranked, judged.relevant, ndcg_at_k).values()) or 0.0, 4),
            "recall@100": round(mean_of(score_run(ranked, judged.relevant, recall_at_k).values()) or 0.0, 4),
            **latency(collections, name, [judged.queries[id_] for id_ in ids[:timed]], options),
        }
        print(f"{step:10} {figures[step]}", flush=True)
    return figures
