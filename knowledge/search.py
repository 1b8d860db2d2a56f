"""Hybrid search: candidates from both legs, exact scores from both for each, one fused order, re-ranked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from knowledge.chunk import Chunk, hit_of
from knowledge.code_hits import file_hits, ranks_files
from knowledge.collection import Collection
from knowledge.feedback import reordered
from knowledge.fusion import fuse, normalise_dense, normalise_sparse, top
from knowledge.mmr import diversify
from knowledge.records import Hit, SearchMode
from knowledge.rerank import DEPTH, combine, external_order, late_interaction, word_weights
from models.embeddings import TokenEmbedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.late_interaction import QueryTokens
    from models.reranker import Reranker

    Vector = NDArray[np.float32]
    WordScores = tuple[NDArray[np.float32], float]

_DEPTH = 100
"""Candidates from each leg; deeper changed nothing in the top ten of the development queries."""


@dataclass
class _Scored:
    """A candidate's normalised score in each leg that has seen it."""

    collection: Collection
    dense: float | None = None
    sparse: float | None = None
    tokens: float | None = None
    """Late interaction, for the candidates that were re-ranked."""
    fused: float = 0.0
    score: float = 0.0


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
    vectors: Sequence[Vector | None] = [None] * len(queries)
    tokens: Sequence[QueryTokens | None] = [None] * len(queries)
    if plan.mode != "sparse":
        for collection in collections:
            collection.check_model()
        embedder = collections[0].embedder()
        if plan.mode == "hybrid" and plan.rerank and isinstance(embedder, TokenEmbedder):
            found, tokens = embedder.embed_queries(queries)
            vectors = list(found)
        else:
            vectors = list(embedder.embed(queries))
    if plan.by_document and plan.rerank and plan.mode == "hybrid" and not plan.where:
        only = collections[0] if len(collections) == 1 else None
        if only is not None and ranks_files(only):
            return [file_hits(only, query, vector, k) for query, vector in zip(queries, vectors, strict=True)]
    results = []
    for query, vector, own in zip(queries, vectors, tokens, strict=True):
        scored: dict[str, _Scored] = {}
        for collection in collections:
            depth = max(_DEPTH, 3 * k)
            scored.update(_candidates(collection, query, vector, depth, plan.mode, plan.where))
        for item in scored.values():
            item.score = item.fused = _fused(item, plan.mode)
        if plan.rerank and plan.mode == "hybrid":
            _rerank(query, own, scored, by_document=plan.by_document)
        results.append(_hits(query, vector, scored, k, plan))
    return results


def _rerank(query: str, tokens: QueryTokens | None, scored: dict[str, _Scored], *, by_document: bool) -> None:
    """Let late interaction and feedback order the best candidates; the others stay below them."""
    ranked = top({id_: item.fused for id_, item in scored.items()}, len(scored))
    best = [id_ for id_, _ in ranked[:DEPTH]]
    if tokens is not None:
        _add_tokens(query, tokens, scored, best, by_document=by_document)
    _add_feedback(scored, best)
    floor = min((scored[id_].score for id_ in best), default=0.0)
    for id_, fused in ranked[DEPTH:]:
        scored[id_].score = min(fused, floor)


def _add_feedback(scored: dict[str, _Scored], best: Sequence[str]) -> None:
    import numpy as np

    stored = _vectors(scored, best)
    ids = [id_ for id_ in best if id_ in stored]
    if len(ids) < 2:
        return
    scores = np.asarray([scored[id_].score for id_ in ids], dtype=np.float32)
    for id_, score in zip(ids, reordered(scores, np.stack([stored[id_] for id_ in ids])), strict=True):
        scored[id_].score = float(score)


def _vectors(scored: Mapping[str, _Scored], ids: Sequence[str]) -> dict[str, Vector]:
    """Return the stored vectors of candidates; pieces without one are left out."""
    stored: dict[str, Vector] = {}
    for collection in {id(scored[id_].collection): scored[id_].collection for id_ in ids}.values():
        own = [id_ for id_ in ids if scored[id_].collection is collection]
        stored.update(collection.manifest.vectors(own))
    return stored


def _add_tokens(
    query: str, tokens: QueryTokens, scored: dict[str, _Scored], best: Sequence[str], *, by_document: bool
) -> None:
    for collection in {id(scored[id_].collection): scored[id_].collection for id_ in best}.values():
        ids = [id_ for id_ in best if scored[id_].collection is collection]
        embedder = collection.embedder()
        if not isinstance(embedder, TokenEmbedder) or collection.tokens.model() != embedder.token_hash:
            continue
        weights = word_weights(query, tokens.spans, collection.sparse_leg())
        codes = collection.tokens.get(ids, embedder.token_dim)
        for id_, value in late_interaction(tokens, weights, codes).items():
            scored[id_].tokens = value
        if by_document:
            _share_best(scored, ids, collection)
        for id_ in ids:
            scored[id_].score = combine(scored[id_].fused, scored[id_].tokens)


def _share_best(scored: dict[str, _Scored], ids: Sequence[str], collection: Collection) -> None:
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


def _candidates(
    collection: Collection,
    query: str,
    vector: Vector | None,
    depth: int,
    mode: SearchMode,
    where: Mapping[str, Any],
) -> dict[str, _Scored]:
    found: dict[str, _Scored] = {}
    allowed = collection.allowed(where)
    words = collection.sparse_leg().scores(query) if mode != "dense" else None
    if words is not None:
        found = _by_words(collection, words, depth, allowed)
    if vector is None:
        return found
    # A filter that lets everything through would only slow the vectors down.
    near = collection.dense_leg().search(vector, depth, where if allowed is not None else {})
    if words is not None:
        _add_word_scores(collection, words, [id_ for id_, _ in near if id_ not in found], found)
    for id_, cosine in near:
        found.setdefault(id_, _Scored(collection)).dense = normalise_dense(cosine)
    # What only the words found gets its exact cosine too, so that no candidate is scored on a guess.
    missing = [id_ for id_, item in found.items() if item.dense is None]
    for id_, stored in collection.manifest.vectors(missing).items():
        found[id_].dense = normalise_dense(float(stored @ vector))
    return found


def _by_words(
    collection: Collection, words: WordScores, depth: int, allowed: NDArray[np.int64] | None
) -> dict[str, _Scored]:
    import numpy as np

    leg = collection.sparse_leg()
    scores, bound = words
    if allowed is not None:
        scores = np.where(np.isin(leg.numbers, allowed), scores, 0.0)
    depth = min(depth, len(scores))
    best = np.argpartition(scores, -depth)[-depth:] if depth else np.zeros(0, dtype=int)
    numbers = {int(leg.numbers[place]): float(scores[place]) for place in best if scores[place] > 0}
    return {
        id_: _Scored(collection, sparse=normalise_sparse(numbers[number], bound))
        for number, id_ in collection.manifest.names(list(numbers)).items()
    }


def _add_word_scores(
    collection: Collection, words: WordScores, ids: Sequence[str], found: dict[str, _Scored]
) -> None:
    """Give what only the vectors found its exact word score."""
    if not ids:
        return
    import numpy as np

    leg = collection.sparse_leg()
    scores, bound = words
    for id_, number in collection.manifest.numbers(ids).items():
        place = int(np.searchsorted(leg.numbers, number))
        inside = place < len(leg.numbers) and leg.numbers[place] == number
        value = float(scores[place]) if inside else 0.0
        found[id_] = _Scored(collection, sparse=normalise_sparse(value, bound))


def _fused(item: _Scored, mode: SearchMode) -> float:
    if mode == "dense":
        return item.dense or 0.0
    if mode == "sparse":
        return item.sparse or 0.0
    return fuse(item.dense or 0.0, item.sparse or 0.0)


def _hits(
    query: str, vector: Vector | None, scored: Mapping[str, _Scored], k: int, plan: SearchPlan
) -> list[Hit]:
    ranked = top({id_: item.score for id_, item in scored.items()}, len(scored))
    external = plan.rerank and plan.reranker is not None
    wide = max(DEPTH, 4 * k) if external or plan.diversity > 0 else k
    # A leg that is ahead of the manifest names chunks that are gone: read on until enough are found.
    chunks = _load({id_: scored[id_] for id_, _ in (ranked if plan.by_document else ranked[: 2 * wide])})
    ranked = list(_first(ranked, chunks, scored, wide, by_document=plan.by_document))
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
    ranked: Sequence[tuple[str, float]],
    chunks: Mapping[str, Chunk],
    scored: Mapping[str, _Scored],
    wide: int,
    *,
    by_document: bool,
) -> Iterator[tuple[str, float]]:
    """Yield the best candidates that the manifest still has, of each document the best if so asked."""
    documents: set[tuple[str, str]] = set()
    found = 0
    for id_, score in ranked:
        chunk = chunks.get(id_)
        if chunk is None:
            continue
        document = (scored[id_].collection.name, chunk.source)
        if by_document and document in documents:
            continue
        documents.add(document)
        yield id_, score
        found += 1
        if found == wide:
            return


def _diverse(
    ranked: Sequence[tuple[str, float]], scored: Mapping[str, _Scored], k: int, diversity: float
) -> list[tuple[str, float]]:
    """Choose k by maximal marginal relevance; what has no vector is taken to be unlike all else."""
    import numpy as np

    stored = _vectors(scored, [id_ for id_, _ in ranked])
    dim = len(next(iter(stored.values()), ()))
    vectors = np.stack([stored.get(id_, np.zeros(dim, dtype=np.float32)) for id_, _ in ranked])
    return [ranked[place] for place in diversify([score for _, score in ranked], vectors, k, diversity)]


def _load(wanted: Mapping[str, _Scored]) -> dict[str, Chunk]:
    chunks: dict[str, Chunk] = {}
    for collection in {id(item.collection): item.collection for item in wanted.values()}.values():
        ids = [id_ for id_, item in wanted.items() if item.collection is collection]
        chunks.update({chunk.id: chunk for chunk in collection.manifest.chunks(ids)})
    return chunks


def _hit(query: str, chunk: Chunk, score: float, item: _Scored, relevance: float | None, note: str) -> Hit:
    parts = {"dense": item.dense, "sparse": item.sparse, "tokens": item.tokens, "reranker": relevance}
    return hit_of(chunk, item.collection.name, query, score, parts, note=note)
