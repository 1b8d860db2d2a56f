"""Hybrid search: candidates from both legs in one fused order, re-ranked."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from knowledge.candidates import Scored, WordScores, candidates, word_scores
from knowledge.chunk import Chunk, hit_of
from knowledge.code.hits import file_hits, ranks_files
from knowledge.collection import Collection
from knowledge.feedback import reordered
from knowledge.fusion import fuse, top
from knowledge.mmr import diversify
from knowledge.records import Hit, SearchMode
from knowledge.rerank import DEPTH, combine, external_order, late_interaction, word_weights
from models.embeddings import TokenEmbedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.embeddings import Embedder
    from models.late_interaction import QueryTokens
    from models.reranker import Reranker

    Vector = NDArray[np.float32]

_LOG = logging.getLogger("vidence.search")
_DEPTH = 100
"""Candidates from each leg; deeper changed nothing in the top ten of the development queries."""


@dataclass(frozen=True)
class SearchPlan:
    """How a search is run; the defaults are those of the command line."""

    mode: SearchMode = "hybrid"
    rerank: bool = True
    reranker: Reranker | None = None
    """An external model that orders the candidates; the embedded step does without one."""
    diversity: float = 0.0
    where: Mapping[str, Any] = field(default_factory=dict)
    by_document: bool = False


def search_collections(
    collections: Sequence[Collection], queries: Sequence[str], k: int, plan: SearchPlan
) -> list[list[Hit]]:
    """Search collections together; scores are comparable because their bounds are absolute."""
    if plan.mode != "sparse":
        for collection in collections:
            collection.check_model()
    if plan.by_document and plan.rerank and plan.mode == "hybrid" and not plan.where:
        only = collections[0] if len(collections) == 1 else None
        if only is not None and ranks_files(only):
            vectors = only.embedder().embed(queries)
            return [file_hits(only, query, vector, k) for query, vector in zip(queries, vectors, strict=True)]
    return [
        _one(collections, query, asked, k, plan)
        for query, asked in zip(queries, _asked(collections, queries, plan), strict=True)
    ]


@dataclass(frozen=True)
class _Asked:
    """What a query is compared with pieces by; `words` is empty until they are scored."""

    vector: Vector | None = None
    tokens: QueryTokens | None = None
    words: Sequence[WordScores] = ()


def _asked(collections: Sequence[Collection], queries: Sequence[str], plan: SearchPlan) -> Sequence[_Asked]:
    if plan.mode == "sparse":
        return [_Asked()] * len(queries)
    embedder = collections[0].embedder()
    if plan.mode == "dense" or len(queries) > 1:
        return _embedded(embedder, queries, plan)
    # One query: its words are scored while another core makes its vector.
    with ThreadPoolExecutor(1) as aside:
        coming = aside.submit(_embedded, embedder, queries, plan)
        words = [word_scores(collection, queries[0]) for collection in collections]
        return [replace(coming.result()[0], words=words)]


def _embedded(embedder: Embedder, queries: Sequence[str], plan: SearchPlan) -> Sequence[_Asked]:
    if plan.mode == "hybrid" and plan.rerank and isinstance(embedder, TokenEmbedder):
        vectors, tokens = embedder.embed_queries(queries)
        return [_Asked(vector, own) for vector, own in zip(vectors, tokens, strict=True)]
    return [_Asked(vector) for vector in embedder.embed(queries)]


def _one(collections: Sequence[Collection], query: str, asked: _Asked, k: int, plan: SearchPlan) -> list[Hit]:
    scored: dict[str, Scored] = {}
    for place, collection in enumerate(collections):
        words = None
        if plan.mode != "dense":
            words = asked.words[place] if asked.words else word_scores(collection, query)
        scored.update(candidates(collection, words, asked.vector, max(_DEPTH, 3 * k), plan.where))
    for item in scored.values():
        item.score = item.fused = _fused(item, plan.mode)
    if plan.rerank and plan.mode == "hybrid":
        _rerank(query, asked.tokens, scored, by_document=plan.by_document)
    return _hits(query, scored, k, plan)


def _rerank(query: str, tokens: QueryTokens | None, scored: dict[str, Scored], *, by_document: bool) -> None:
    """Let late interaction and feedback order the best candidates; the others stay below them."""
    ranked = top({id_: item.fused for id_, item in scored.items()}, len(scored))
    best = [id_ for id_, _ in ranked[:DEPTH]]
    if tokens is not None:
        _add_tokens(query, tokens, scored, best, by_document=by_document)
    _add_feedback(scored, best)
    floor = min((scored[id_].score for id_ in best), default=0.0)
    for id_, fused in ranked[DEPTH:]:
        scored[id_].score = min(fused, floor)


def _add_feedback(scored: dict[str, Scored], best: Sequence[str]) -> None:
    import numpy as np

    stored = _vectors(scored, best)
    ids = [id_ for id_ in best if id_ in stored]
    if len(ids) < 2:
        return
    scores = np.asarray([scored[id_].score for id_ in ids], dtype=np.float32)
    for id_, score in zip(ids, reordered(scores, np.stack([stored[id_] for id_ in ids])), strict=True):
        scored[id_].score = float(score)


def _vectors(scored: Mapping[str, Scored], ids: Sequence[str]) -> dict[str, Vector]:
    """Return the stored vectors of candidates; pieces without one are left out."""
    stored: dict[str, Vector] = {}
    for collection in {id(scored[id_].collection): scored[id_].collection for id_ in ids}.values():
        own = [id_ for id_ in ids if scored[id_].collection is collection]
        found = collection.manifest.vectors_at([scored[id_].number for id_ in own])
        stored.update((id_, found[scored[id_].number]) for id_ in own if scored[id_].number in found)
    return stored


def _add_tokens(
    query: str, tokens: QueryTokens, scored: dict[str, Scored], best: Sequence[str], *, by_document: bool
) -> None:
    for collection in {id(scored[id_].collection): scored[id_].collection for id_ in best}.values():
        ids = [id_ for id_ in best if scored[id_].collection is collection]
        embedder = collection.embedder()
        if not isinstance(embedder, TokenEmbedder):
            continue
        if collection.tokens.model() != embedder.token_hash:
            _say_stale(collection, [scored[id_] for id_ in ids])
            continue
        weights = word_weights(query, tokens.spans, collection.sparse_leg())
        codes = collection.tokens.get(ids, embedder.token_dim)
        for id_, value in late_interaction(tokens, weights, codes).items():
            scored[id_].tokens = value
        if by_document:
            _share_best(scored, ids, collection)
        for id_ in ids:
            scored[id_].score = combine(scored[id_].fused, scored[id_].tokens)


def _say_stale(collection: Collection, items: Sequence[Scored]) -> None:
    """Keep the fused scores, and say so: vectors of two encoders mean nothing to each other."""
    note = (
        f"not re-ranked by its words: the token vectors of `{collection.name}` were made by another encoder; "
        f"run `vidence index verify {collection.name} --repair`"
    )
    _LOG.warning("%s", note)
    for item in items:
        item.note = note


def _share_best(scored: dict[str, Scored], ids: Sequence[str], collection: Collection) -> None:
    """Give a document's pieces the best of each part: what one piece lacks another may say."""
    documents: dict[str, list[str]] = {}
    for chunk in collection.manifest.chunks(ids):
        documents.setdefault(chunk.source, []).append(chunk.id)
    for pieces in documents.values():
        items = [scored[id_] for id_ in pieces]
        if len(items) == 1:
            continue
        fused = fuse(max(item.dense or 0.0 for item in items), max(item.sparse or 0.0 for item in items))
        known = [item.tokens for item in items if item.tokens is not None]
        for item in items:
            item.fused = fused
            item.tokens = max(known) if known else None


def _fused(item: Scored, mode: SearchMode) -> float:
    if mode == "dense":
        return item.dense or 0.0
    if mode == "sparse":
        return item.sparse or 0.0
    return fuse(item.dense or 0.0, item.sparse or 0.0)


def _hits(query: str, scored: Mapping[str, Scored], k: int, plan: SearchPlan) -> list[Hit]:
    ranked = top({id_: item.score for id_, item in scored.items()}, len(scored))
    external = plan.rerank and plan.reranker is not None
    wide = max(DEPTH, 4 * k) if external or plan.diversity > 0 else k
    ranked, chunks = _first(ranked, scored, wide, by_document=plan.by_document)
    relevance: dict[str, float] = {}
    note = ""
    if external and plan.reranker is not None:
        texts = {id_: chunks[id_].searched for id_, _ in ranked}
        ranked, relevance, note = external_order(plan.reranker, query, ranked, texts)
    if plan.diversity > 0 and ranked:
        ranked = _diverse(ranked, scored, k, plan.diversity)
    return [
        _hit(query, chunks[id_], score, scored[id_], relevance.get(id_), note) for id_, score in ranked[:k]
    ]


def _first(
    ranked: Sequence[tuple[str, float]], scored: Mapping[str, Scored], wide: int, *, by_document: bool
) -> tuple[list[tuple[str, float]], dict[str, Chunk]]:
    """Return the best candidates that the manifest still has, of each document the best if so asked."""
    chunks: dict[str, Chunk] = {}
    documents: set[tuple[str, str]] = set()
    kept: list[tuple[str, float]] = []
    # A writer may have published since the candidates were named: read on until enough are found.
    page = len(ranked) if by_document else wide
    for start in range(0, len(ranked), max(page, 1)):
        part = ranked[start : start + page]
        chunks.update(_load({id_: scored[id_] for id_, _ in part}))
        for id_, score in part:
            if len(kept) == wide or id_ not in chunks:
                continue
            document = (scored[id_].collection.name, chunks[id_].source)
            if not by_document or document not in documents:
                documents.add(document)
                kept.append((id_, score))
        if len(kept) == wide:
            break
    return kept, chunks


def _diverse(
    ranked: Sequence[tuple[str, float]], scored: Mapping[str, Scored], k: int, diversity: float
) -> list[tuple[str, float]]:
    """Choose k by maximal marginal relevance; what has no vector is taken to be unlike all else."""
    import numpy as np

    stored = _vectors(scored, [id_ for id_, _ in ranked])
    dim = len(next(iter(stored.values()), ()))
    vectors = np.stack([stored.get(id_, np.zeros(dim, dtype=np.float32)) for id_, _ in ranked])
    return [ranked[place] for place in diversify([score for _, score in ranked], vectors, k, diversity)]


def _load(wanted: Mapping[str, Scored]) -> dict[str, Chunk]:
    chunks: dict[str, Chunk] = {}
    for collection in {id(item.collection): item.collection for item in wanted.values()}.values():
        ids = [id_ for id_, item in wanted.items() if item.collection is collection]
        chunks.update({chunk.id: chunk for chunk in collection.manifest.chunks(ids)})
    return chunks


def _hit(query: str, chunk: Chunk, score: float, item: Scored, relevance: float | None, note: str) -> Hit:
    parts = {"dense": item.dense, "sparse": item.sparse, "tokens": item.tokens, "reranker": relevance}
    return hit_of(chunk, item.collection.name, query, score, parts, note=note or item.note)
