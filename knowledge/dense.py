"""The dense leg: a chromadb collection (HNSW, inner product) with vectors that we computed."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import VidenceError, unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NAME = "chunks"
_BATCH = 2000
# A wide beam: it finds 99.97% of the exact top ten among 5,183 abstracts.
_HNSW = {"space": "ip", "ef_construction": 200, "ef_search": 200, "max_neighbors": 16}


class DenseLeg:
    """Vectors by chunk id under one folder. Opened on first use, because chromadb is slow to import."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._client: Any = None
        self._collection: Any = None

    def ids(self) -> set[str]:
        """Return the ids that the leg holds."""
        return set(self._open().get(include=[])["ids"])

    def add(
        self, ids: Sequence[str], vectors: NDArray[np.float32], metadatas: Sequence[Mapping[str, Any]]
    ) -> None:
        """Store vectors, shape (n, dim); a known id is overwritten."""
        for start in range(0, len(ids), _BATCH):
            part = slice(start, start + _BATCH)
            self._open().upsert(
                ids=list(ids[part]), embeddings=vectors[part], metadatas=list(metadatas[part])
            )

    def delete(self, ids: Sequence[str]) -> None:
        """Take ids out."""
        for start in range(0, len(ids), _BATCH):
            self._open().delete(ids=list(ids[start : start + _BATCH]))

    def search(
        self, vector: NDArray[np.float32], k: int, where: Mapping[str, Any]
    ) -> list[tuple[str, float]]:
        """Return up to k ids with their cosine, best first."""
        with self._lock:
            found = self._open().query(
                query_embeddings=vector[None, :],
                n_results=k,
                include=["distances"],
                where=_where(where),
            )
        # Chroma's distance of an inner product is one minus it.
        return [
            (id_, 1.0 - float(distance))
            for id_, distance in zip(found["ids"][0], found["distances"][0], strict=True)
        ]

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = self._collection = None

    def _open(self) -> Any:
        with self._lock:
            if self._collection is None:
                chromadb = _chromadb()
                from chromadb.config import Settings

                self._folder.mkdir(parents=True, exist_ok=True)
                try:
                    self._client = chromadb.PersistentClient(
                        str(self._folder), settings=Settings(anonymized_telemetry=False)
                    )
                    # No default embedding function: it would download a model.
                    self._collection = self._client.get_or_create_collection(
                        _NAME, embedding_function=None, configuration={"hnsw": _HNSW}
                    )
                except Exception as error:
                    raise VidenceError(
                        "internal",
                        f"The dense index in {self._folder} cannot be opened: {error}",
                        help="Run `vidence index verify COLLECTION --repair`.",
                    ) from error
            return self._collection


def _where(where: Mapping[str, Any]) -> dict[str, Any] | None:
    tests = [{key: value} for key, value in where.items()]
    if not tests:
        return None
    return tests[0] if len(tests) == 1 else {"$and": tests}


def _chromadb() -> Any:
    try:
        import chromadb
    except ImportError as error:
        raise unavailable(
            "Searching collections needs chromadb", help="Run `pip install 'vidence[rag]'`.", retryable=False
        ) from error
    return chromadb
