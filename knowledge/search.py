"""Hybrid search: candidates from both legs, exact scores from both for each, one fused order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from knowledge.collection import Collection
from knowledge.fusion import fuse, normalise_dense, normalise_sparse, top
from knowledge.manifest import Chunk
from knowledge.records import Hit, SearchMode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]

_DEPTH = 100
"""Candidates from each leg; deeper changed nothing in the top ten of the development queries."""


@dataclass
class _Scored:
    """A candidate's normalised score in each leg that has seen it."""

    collection: Collection
    dense: float | None = None
    sparse: float | None = None
    fused: float = field(default=0.0)


def search_collections(
    collections: Sequence[Collection],
    queries: Sequence[str],
    k: int,
    *,
    mode: SearchMode,
    where: Mapping[str, Any],
    by_document: bool,
) -> list[list[Hit]]:
    """Search collections together; scores are comparable because their bounds are absolute."""
    vectors: Sequence[Vector | None] = [None] * len(queries)
    if mode != "sparse":
        for collection in collections:
            collection.check_model()
        vectors = list(collections[0].embedder().embed(queries))
    results = []
    for query, vector in zip(queries, vectors, strict=True):
        scored: dict[str, _Scored] = {}
        for collection in collections:
            found = _candidates(collection, query, vector, max(_DEPTH, 3 * k), mode, where)
            scored.update(found)
        for item in scored.values():
            item.fused = _fused(item, mode)
        results.append(_hits(query, scored, k, by_document=by_document))
    return results


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
    if mode != "dense":
        found = _by_words(collection, query, depth, allowed)
    if vector is None:
        return found
    # A filter that lets everything through would only slow the vectors down.
    near = collection.dense_leg().search(vector, depth, where if allowed is not None else {})
    _add_word_scores(collection, query, [id_ for id_, _ in near if id_ not in found], found, mode)
    for id_, cosine in near:
        found.setdefault(id_, _Scored(collection)).dense = normalise_dense(cosine)
    # What only the words found gets its exact cosine too, so that no candidate is scored on a guess.
    missing = [id_ for id_, item in found.items() if item.dense is None]
    for id_, stored in collection.manifest.vectors(missing).items():
        found[id_].dense = normalise_dense(float(stored @ vector))
    return found


def _by_words(
    collection: Collection, query: str, depth: int, allowed: NDArray[np.int64] | None
) -> dict[str, _Scored]:
    import numpy as np

    leg = collection.sparse_leg()
    scores, bound = leg.scores(query)
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
    collection: Collection, query: str, ids: Sequence[str], found: dict[str, _Scored], mode: SearchMode
) -> None:
    """Give what only the vectors found its exact word score."""
    if mode == "dense" or not ids:
        return
    import numpy as np

    leg = collection.sparse_leg()
    scores, bound = leg.scores(query)
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


def _hits(query: str, scored: Mapping[str, _Scored], k: int, *, by_document: bool) -> list[Hit]:
    ranked = top({id_: item.fused for id_, item in scored.items()}, len(scored))
    # A leg that is ahead of the manifest names chunks that are gone: read on until k are found.
    wanted = {id_: scored[id_] for id_, _ in (ranked if by_document else ranked[: 2 * k])}
    chunks = _load(wanted)
    hits: list[Hit] = []
    documents: set[tuple[str, str]] = set()
    for id_, score in ranked:
        chunk = chunks.get(id_)
        if chunk is None:
            continue
        collection = scored[id_].collection.name
        document = (collection, chunk.source)
        if by_document and document in documents:
            continue
        documents.add(document)
        hits.append(_hit(query, chunk, score, scored[id_], collection))
        if len(hits) == k:
            break
    return hits


def _load(wanted: Mapping[str, _Scored]) -> dict[str, Chunk]:
    chunks: dict[str, Chunk] = {}
    for collection in {id(item.collection): item.collection for item in wanted.values()}.values():
        ids = [id_ for id_, item in wanted.items() if item.collection is collection]
        chunks.update({chunk.id: chunk for chunk in collection.manifest.chunks(ids)})
    return chunks


def _hit(query: str, chunk: Chunk, score: float, item: _Scored, collection: str) -> Hit:
    parts = {"dense": item.dense, "sparse": item.sparse}
    return Hit(
        id=chunk.reference,
        chunk_id=chunk.id,
        score=round(score, 6),
        title=chunk.doc_title or chunk.title,
        query=query,
        text=chunk.text,
        source=chunk.source,
        doc_id=chunk.doc_id,
        locator=chunk.locator,
        kind=chunk.kind,
        collection=collection,
        parts={name: round(value, 6) for name, value in parts.items() if value is not None},
        metadata=chunk.metadata,
    )
