"""Whole files as search results, where a collection holds nothing but code and documents are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowledge.chunk import hit_of
from knowledge.collection import Collection
from knowledge.records import Hit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def ranks_files(collection: Collection) -> bool:
    """Whether all documents of a collection are source files or commits, and its code leg is ready."""
    kinds = collection.manifest.counts()[2]
    return set(kinds) == {"code"} and collection.code.ranker() is not None


def file_hits(collection: Collection, query: str, vector: NDArray[np.float32] | None, k: int) -> list[Hit]:
    """Return the k best files, each with its first piece; see `knowledge.code.files` for the score."""
    ranker = collection.code.ranker()
    if ranker is None:
        return []
    hits = []
    for source, score in ranker.rank(query, vector, k):
        pieces = collection.manifest.pieces_of(source)
        if not pieces:  # the index is ahead of a change that is being written
            continue
        hits.append(hit_of(pieces[0], collection.name, query, score, {"files": score}))
    return hits
