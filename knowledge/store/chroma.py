"""Vectors in chromadb: in files of the collection's folder, or on a chromadb server."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from core.errors import VidenceError, unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NAME = "chunks"
_opening = threading.RLock()
"""Held while a client is opened or closed: chromadb's own table of open folders knows no threads."""
_BATCH = 1000
_PAGE = 20_000
# A wide beam: it finds 99.97% of the exact top ten among 5,183 abstracts.
_HNSW = {"space": "ip", "ef_construction": 200, "ef_search": 200, "max_neighbors": 16}


class _Chroma:
    """One chromadb collection. Opened on first use, because chromadb is slow to import."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.RLock()
        self._client: Any = None
        self._collection: Any = None

    def _connect(self) -> Any:
        raise NotImplementedError

    def _fail(self, error: Exception) -> VidenceError:
        raise NotImplementedError

    def _ask(self, method: str, **arguments: Any) -> Any:
        """Call a method of the chromadb collection; a failure becomes a typed error."""
        with self._lock:
            try:
                return getattr(self._open(), method)(**arguments)
            except VidenceError:
                raise
            except Exception as error:
                raise self._fail(error) from error

    def _open(self) -> Any:
        with self._lock:
            if self._collection is None:
                self._client = self._connect()
                # No default embedding function: it would download a model.
                self._collection = self._client.get_or_create_collection(
                    self._name, embedding_function=None, configuration={"hnsw": _HNSW}
                )
            return self._collection

    def count(self) -> int:
        """Return how many vectors there are."""
        return int(self._ask("count"))

    def numbers(self) -> set[int]:
        """Return the numbers that have a vector."""
        found: set[int] = set()
        for start in range(0, self.count(), _PAGE):
            found.update(map(int, self._ask("get", include=[], limit=_PAGE, offset=start)["ids"]))
        return found

    def add(
        self, numbers: Sequence[int], vectors: NDArray[np.float32], metadatas: Sequence[Mapping[str, Any]]
    ) -> None:
        """Store vectors, shape (n, dim); a known number is overwritten."""
        for start in range(0, len(numbers), _BATCH):
            part = slice(start, start + _BATCH)
            self._ask(
                "upsert",
                ids=[str(number) for number in numbers[part]],
                embeddings=vectors[part],
                metadatas=list(metadatas[part]),
            )

    def delete(self, numbers: Sequence[int]) -> None:
        """Take numbers out."""
        for start in range(0, len(numbers), _BATCH):
            self._ask("delete", ids=[str(number) for number in numbers[start : start + _BATCH]])

    def search(
        self, vector: NDArray[np.float32], k: int, where: Mapping[str, Any]
    ) -> list[tuple[int, float]]:
        """Return up to k numbers with their cosine, best first."""
        found = self._ask(
            "query",
            query_embeddings=vector[None, :],
            n_results=k,
            include=["distances"],
            where=_where(where),
        )
        # Chroma's distance of an inner product is one minus it.
        return [
            (int(id_), 1.0 - float(distance))
            for id_, distance in zip(found["ids"][0], found["distances"][0], strict=True)
        ]

    def drop(self) -> None:
        """Delete the collection."""
        with self._lock:
            self._open()
            self._client.delete_collection(self._name)
            self.close()

    def close(self) -> None:
        """Let go of files and connections."""
        with self._lock, _opening:
            if self._client is not None:
                self._client.close()
            self._client = self._collection = None


class ChromaFiles(_Chroma):
    """A chromadb collection in a folder of its own; one process writes at a time."""

    def __init__(self, folder: Path) -> None:
        super().__init__(_NAME)
        self._folder = folder

    def _connect(self) -> Any:
        chromadb = _chromadb()
        from chromadb.config import Settings

        self._folder.mkdir(parents=True, exist_ok=True)
        with _opening:
            return chromadb.PersistentClient(str(self._folder), settings=Settings(anonymized_telemetry=False))

    def _fail(self, error: Exception) -> VidenceError:
        return VidenceError(
            "internal",
            f"The dense index in {self._folder} cannot be used: {error}",
            help="Run `vidence index verify COLLECTION --repair`.",
        )


class ChromaServer(_Chroma):
    """A collection of a chromadb server (`chroma run`), which many processes may use at once."""

    def __init__(self, url: str, name: str) -> None:
        super().__init__(name)
        self._url = url

    def _connect(self) -> Any:
        chromadb = _chromadb()
        from chromadb.config import Settings

        parts = urlsplit(self._url)
        secure = parts.scheme == "https"
        return chromadb.HttpClient(
            host=parts.hostname or "localhost",
            port=parts.port or (443 if secure else 8000),
            ssl=secure,
            settings=Settings(anonymized_telemetry=False),
        )

    def _fail(self, error: Exception) -> VidenceError:
        self._client = self._collection = None
        return unavailable(
            f"The chromadb server at {self._url} cannot be used: {error}",
            help="Start it (`chroma run --path DIR`), or change the setting `dense_url` (VIDENCE_DENSE_URL).",
        )


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
