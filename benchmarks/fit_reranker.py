"""Fits what re-ranking ships beside the token encoder: where its projection begins, and the score's weights.

All is made from BioASQ (CC BY 2.5) and PubMedQA (MIT) alone. The projection is the first principal
components of the token vectors of questions, snippets and abstracts (not centred: cosines are kept);
`benchmarks.fit_tokens` trains it on. The weight of late interaction beside the fused score is chosen on a
grid by nDCG@10, the mean of BioASQ questions over snippets and of PubMedQA questions and conclusions over
abstracts that the token encoder was not trained on; then the line that says which late interaction a fused
score leads one to expect is fitted by least squares.

    python -m benchmarks.fit_reranker projection -o FILE [--data DIR]
    python -m benchmarks.fit_reranker weights [--data DIR] [--home DIR] [--limit N]
    python -m benchmarks.fit_reranker feedback [--data DIR] [--home DIR] [--limit N]

`weights` prints the constants of `knowledge/rerank.py`, `feedback` the weight of `knowledge/feedback.py`.
The fused score itself is left alone, because what abstains rests on it.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bioasq import read_bioasq
from benchmarks.common import data_folder
from benchmarks.ranking import Judged
from benchmarks.retrieval import build
from benchmarks.token_pairs import held_out
from core.settings import Settings
from evals.metrics.ranking import ndcg_at_k
from evals.suites.rows import json_lines
from knowledge.collections import Collections
from knowledge.feedback import likeness
from knowledge.fusion import DENSE_WEIGHT, fuse
from knowledge.records import Hit
from knowledge.rerank import combine
from knowledge.store.manifest import Manifest
from models.embeddings import open_embedder
from models.minilm import MiniLm, minilm_folder

_TOKENS = (0.0, 0.25, 0.5, 0.7, 1.0, 1.5, 2.0)
_FEEDBACK = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


def read_pubmedqa(folder: Path) -> tuple[list[dict[str, Any]], Judged]:
    """Return abstracts without conclusions, and as queries each question and its conclusion's sentences.

    A conclusion is a claim that its abstract supports, in words that were written for something else.
    """
    corpus, queries, relevant = [], {}, {}
    for row in json_lines(folder / "dev.jsonl"):
        corpus.append({"id": row["pmid"], "text": " ".join(row["contexts"])})
        asked = [row["question"], *(part for part in _SENTENCE.split(row["long_answer"]) if len(part) > 30)]
        for place, query in enumerate(asked[:3]):
            queries[f"{row['pmid']}-{place}"] = query
            relevant[f"{row['pmid']}-{place}"] = {row["pmid"]}
    return corpus, Judged(queries, relevant)


def fit_projection(data: Path, dims: int, texts: int) -> np.ndarray:
    """Return the first principal components of token vectors, shape (dims, 384)."""
    snippets, questions = read_bioasq(data / "bioasq")
    abstracts, claims = read_pubmedqa(data / "pubmedqa")
    pool = sorted({*questions.queries.values(), *claims.queries.values()})
    pool += [row["text"] for row in (*snippets, *abstracts)]
    with tempfile.TemporaryDirectory() as folder:
        # The published encoder, without the changes that ship: these are trained from this projection.
        plain = Path(folder) / "plain.npz"
        np.savez(plain, projection=np.eye(MiniLm.token_dim, MiniLm.dim))
        model = MiniLm(minilm_folder(), plain)
        model.embed([""])
    rows = [found for found in model.token_states(random.Random(0).sample(pool, texts)) if len(found)]
    states = np.concatenate(rows)
    _, vectors = np.linalg.eigh(states.T @ states)
    return np.asarray(vectors[:, ::-1][:, :dims].T)


def fit_weights(data: Path, home: Path, limit: int) -> dict[str, float]:
    """Return the weight that orders both sets best, and the line of expectation."""
    sets = [list(_scored(*indexed)) for indexed in _indexed(data, home, limit)]
    best = (-1.0, 0.0)
    for tokens in _TOKENS:
        each = [float(np.mean([_ndcg(parts, ids, tokens) for parts, ids in rows])) for rows in sets]
        print(f"tokens {tokens}: " + ", ".join(f"{value:.4f}" for value in each), flush=True)
        best = max(best, (sum(each) / len(each), tokens))
    fused = np.concatenate([_fused(parts) for rows in sets for parts, _ in rows])
    late = np.concatenate([parts[:, 2] for rows in sets for parts, _ in rows])
    slope, offset = np.polyfit(fused, late, 1)
    return {"tokens": best[1], "offset": round(offset, 3), "slope": round(slope, 3)}


def _indexed(data: Path, home: Path, limit: int) -> Iterator[tuple[Collections, str, Judged, list[str]]]:
    """Yield each set with its index, which is made of what the first queries should find."""
    embedder = open_embedder(Settings())
    collections = Collections(home / "collections", lambda: embedder)
    for name, (corpus, judged) in {
        "bioasq-dev": read_bioasq(data / "bioasq"),
        "pubmedqa-dev": read_pubmedqa(data / "pubmedqa"),
    }.items():
        first = list(judged.relevant)[: limit or None]
        wanted = set().union(*(judged.relevant[id_] for id_ in first))
        # The token encoder was trained on the others: with them everything but it would seem needless.
        chosen = [id_ for id_ in first if held_out(id_.split("-")[0])]
        records = [record for record in corpus if record["id"] in wanted]
        print(name, build(collections, name, home, records), flush=True)
        yield collections, name, judged, chosen
    collections.close()


def fit_feedback(data: Path, home: Path, limit: int) -> dict[str, float]:
    """Return the weight of likeness to the best candidates that orders both sets best."""
    sets = []
    for collections, name, judged, chosen in _indexed(data, home, limit):
        manifest = Manifest(home / "collections" / name / "manifest.db")
        rows = []
        for id_ in chosen:
            hits = collections.search(name, judged.queries[id_], 60)
            stored = manifest.vectors([hit.chunk_id for hit in hits])
            scores = np.asarray([combine(fuse(*_legs(hit)), hit.parts.get("tokens")) for hit in hits])
            like = likeness(scores, np.stack([stored[hit.chunk_id] for hit in hits]))
            rows.append((scores, like, [hit.doc_id for hit in hits], judged.relevant[id_]))
        manifest.close()
        sets.append(rows)
    best = (-1.0, 0.0)
    for weight in _FEEDBACK:
        each = [float(np.mean([_ranked_ndcg(weight, *row) for row in rows])) for rows in sets]
        print(f"feedback {weight}: " + ", ".join(f"{value:.4f}" for value in each), flush=True)
        best = max(best, (sum(each) / len(each), weight))
    return {"feedback": best[1]}


def _legs(hit: Hit) -> tuple[float, float]:
    return hit.parts.get("dense", 0.0), hit.parts.get("sparse", 0.0)


def _ranked_ndcg(weight: float, scores: Any, like: Any, ids: list[str], relevant: set[str]) -> float:
    order = np.argsort(-(scores + weight * like), kind="stable")
    return ndcg_at_k([ids[place] for place in order], relevant) or 0.0


def _scored(
    collections: Collections, name: str, judged: Judged, chosen: list[str]
) -> Iterator[tuple[Any, list[bool]]]:
    """Yield, a query, the parts of its candidates' scores, shape (n, 3), and which are relevant."""
    for start in range(0, len(chosen), 64):
        part = chosen[start : start + 64]
        found = collections.search_many(name, [judged.queries[id_] for id_ in part], 60, by_document=True)
        for id_, hits in zip(part, found, strict=True):
            rows = [_parts(hit) for hit in hits if "tokens" in hit.parts]
            marks = [hit.doc_id in judged.relevant[id_] for hit in hits if "tokens" in hit.parts]
            missed = len(judged.relevant[id_]) - sum(marks)
            # What was not found counts against every weight alike.
            yield np.asarray(rows, dtype=np.float64).reshape(-1, 3), [*marks, *([True] * missed)]


def _parts(hit: Hit) -> list[float]:
    return [hit.parts.get("dense", 0.0), hit.parts.get("sparse", 0.0), hit.parts["tokens"]]


def _fused(parts: Any) -> Any:
    return DENSE_WEIGHT * parts[:, 0] + (1 - DENSE_WEIGHT) * parts[:, 1]


def _ndcg(parts: Any, marks: list[bool], tokens: float) -> float:
    order = np.argsort(-(_fused(parts) + tokens * parts[:, 2]), kind="stable")
    relevant = {str(place) for place, mark in enumerate(marks) if mark}
    return ndcg_at_k([str(place) for place in order], relevant) or 0.0


def main() -> None:
    """Fit and print, or write the projection."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("projection", "weights", "feedback"))
    parser.add_argument("--data", type=Path, default=data_folder(), help="the development sets")
    parser.add_argument("--home", type=Path, default=Path(tempfile.gettempdir()) / "vidence-bench-retrieval")
    parser.add_argument("--limit", type=int, default=0, help="first queries of each set, all by default")
    parser.add_argument("--texts", type=int, default=700, help="texts for the projection")
    parser.add_argument("--dims", type=int, default=128, help="length of a token's vector")
    parser.add_argument("-o", type=Path, help="where to write the projection")
    args = parser.parse_args()
    if args.what == "feedback":
        print(json.dumps(fit_feedback(args.data, args.home, args.limit)))
        return
    if args.what == "weights":
        print(json.dumps(fit_weights(args.data, args.home, args.limit)))
        return
    if args.o is None:
        parser.error("projection needs -o FILE; benchmarks.fit_tokens begins with it")
    projection = fit_projection(args.data, args.dims, args.texts)
    np.savez_compressed(args.o, projection=projection.astype(np.float16))
    print(f"{args.o}: {projection.shape}")


if __name__ == "__main__":
    main()
