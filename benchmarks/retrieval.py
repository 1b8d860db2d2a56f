"""SciFact's development claims through the code of `vidence index add` and `vidence search`.

Reports nDCG@10 of each leg and of the fused order, indexing speed and the latency of single queries.
The collection is kept in --home: a second run adds nothing and measures the search alone.

    python -m benchmarks.retrieval [--data ../shared/data] [--home DIR] [--limit N] [-o FILE]
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.settings import Settings
from knowledge.collections import Collections
from knowledge.records import Hit, SearchMode
from models.embeddings import open_embedder

MODES: tuple[SearchMode, ...] = ("sparse", "dense", "hybrid")
_LATENCY_QUERIES = 100
_NAME = "scifact-dev"


def ndcg(ranked: Sequence[str], relevant: set[str], k: int = 10) -> float:
    """Return nDCG at k with binary relevance."""
    gain = sum(1 / math.log2(place + 2) for place, id_ in enumerate(ranked[:k]) if id_ in relevant)
    return gain / sum(1 / math.log2(place + 2) for place in range(min(k, len(relevant))))


def recall(ranked: Sequence[str], relevant: set[str]) -> float:
    """Return the share of the relevant documents that were found."""
    return len(relevant & set(ranked)) / len(relevant)


def read_scifact(folder: Path) -> tuple[list[dict[str, Any]], dict[str, str], dict[str, set[str]]]:
    """Return the corpus as records of an index, the claims by id, and the relevant documents by claim."""
    corpus = [
        {"id": row["doc_id"], "title": row["title"], "text": " ".join(row["abstract"])}
        for row in map(json.loads, (folder / "corpus.jsonl").read_text().splitlines())
    ]
    rows = map(json.loads, (folder / "claims_dev.jsonl").read_text().splitlines())
    claims = {row["id"]: row["claim"] for row in rows}
    relevant: dict[str, set[str]] = {}
    for line in (folder / "qrels_dev.tsv").read_text().splitlines()[1:]:
        _, claim, document, grade = line.split("\t")
        if int(grade) > 0:
            relevant.setdefault(claim, set()).add(document)
    return corpus, claims, relevant


def build(collections: Collections, home: Path, corpus: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Index the corpus and return how long it took."""
    source = home / "scifact-corpus.jsonl"
    text = "".join(json.dumps(record) + "\n" for record in corpus)
    if not source.exists() or source.read_text() != text:
        source.write_text(text)
    start = time.perf_counter()
    report = collections.add(_NAME, [source])
    seconds = time.perf_counter() - start
    new = report.added + report.replaced
    return {
        "documents": report.documents,
        "chunks": report.chunks,
        "indexed": new,
        "index_s": round(seconds, 1),
        "documents_per_s": round(new / seconds, 1),
        "bytes": collections.describe()[0].bytes,
    }


def measure(
    collections: Collections, claims: dict[str, str], relevant: dict[str, set[str]], mode: SearchMode
) -> dict[str, float]:
    """Return the quality and the latency of one mode."""
    ids = list(relevant)
    found: list[list[Hit]] = []
    for start in range(0, len(ids), 64):
        queries = [claims[id_] for id_ in ids[start : start + 64]]
        found += collections.search_many(_NAME, queries, 100, mode=mode, by_document=True)
    ranked = {
        id_: [hit.doc_id for hit in hits if hit.score > 0] for id_, hits in zip(ids, found, strict=True)
    }
    times = []
    for id_ in ids[:_LATENCY_QUERIES]:
        start_s = time.perf_counter()
        collections.search(_NAME, claims[id_], 10, mode=mode)
        times.append((time.perf_counter() - start_s) * 1000)
    times.sort()
    return {
        "ndcg@10": round(sum(ndcg(ranked[id_], relevant[id_]) for id_ in ids) / len(ids), 4),
        "recall@100": round(sum(recall(ranked[id_], relevant[id_]) for id_ in ids) / len(ids), 4),
        "p50_ms": round(times[len(times) // 2], 1),
        "p95_ms": round(times[int(len(times) * 0.95)], 1),
    }


def main() -> None:
    """Run the benchmark and print its figures."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--home", type=Path, default=Path(tempfile.gettempdir()) / "vidence-bench-retrieval")
    parser.add_argument("--limit", type=int, default=0, help="claims; all by default")
    parser.add_argument("-o", type=Path, help="write the figures as JSON")
    args = parser.parse_args()
    corpus, claims, relevant = read_scifact(args.data / "scifact")
    if args.limit:
        relevant = dict(list(relevant.items())[: args.limit])
    args.home.mkdir(parents=True, exist_ok=True)
    settings = Settings(home=args.home)
    embedder = open_embedder(settings)
    collections = Collections(settings.root / "collections", lambda: embedder)
    figures: dict[str, Any] = {"claims": len(relevant), "model": embedder.name}
    figures["index"] = build(collections, args.home, corpus)
    for mode in MODES:
        figures[mode] = measure(collections, claims, relevant, mode)
    figures["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    collections.close()
    print(json.dumps(figures, indent=2))
    if args.o:
        args.o.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
