"""The dense leg: vectors that we computed, by chunk number, in one of three stores.

By default chromadb in the collection's folder (HNSW, inner product). `VIDENCE_DENSE_URL` names a chromadb
server (`http://HOST:PORT`) or PostgreSQL with pgvector (`postgresql://...`) that several processes and hosts
can share. The manifest stays the truth: a store can be filled again from it at any time.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from core.errors import VidenceError, invalid_input
from knowledge.legs import Change

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.records import Progress
    from knowledge.store.manifest import Manifest

_BATCH = 2000
_FORMAT = "2"


class VectorStore(Protocol):
    """Unit vectors by number, with metadata to filter by. Safe to share between threads."""

    def count(self) -> int:
        """Return how many vectors there are."""
        ...

    def numbers(self) -> set[int]:
        """Return the numbers that have a vector."""
        ...

    def add(
        self, numbers: Sequence[int], vectors: NDArray[np.float32], metadatas: Sequence[Mapping[str, Any]]
    ) -> None:
        """Store vectors, shape (n, dim); a known number is overwritten."""
        ...

    def delete(self, numbers: Sequence[int]) -> None:
        """Take numbers out."""
        ...

    def search(
        self, vector: NDArray[np.float32], k: int, where: Mapping[str, Any]
    ) -> list[tuple[int, float]]:
        """Return up to k numbers with their cosine, best first."""
        ...

    def drop(self) -> None:
        """Delete the store with everything in it."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


def open_store(url: str, folder: Path, name: str) -> VectorStore:
    """Return the store of the name under the collection's folder, or on the server of a URL.

    Raises:
        VidenceError: `invalid_input` for a URL of no known kind.
    """
    from knowledge.store.chroma import ChromaFiles, ChromaServer

    if not url:
        return ChromaFiles(folder / name)
    if url.startswith(("http://", "https://")):
        return ChromaServer(url, f"vidence-{name}")
    if url.startswith(("postgresql://", "postgres://")):
        from knowledge.store.pgvector import PgVectors

        return PgVectors(url, f"vidence_{name}")
    raise invalid_input(
        f"The setting `dense_url` is none of http://HOST:PORT and postgresql://...: {url}",
        help="Change VIDENCE_DENSE_URL, or leave it empty to keep vectors in the collection's folder.",
    )


class VectorLeg:
    """Keeps a vector store in step with the manifest; its state is the store's name."""

    name = "dense"

    def __init__(self, folder: Path, url: str = "") -> None:
        self._folder = folder
        self.url = url
        self._open: tuple[str, str, VectorStore] | None = None
        self.embedder_hash = ""

    @property
    def version(self) -> str:
        """The format, the embedding model and the place of the store."""
        place = hashlib.sha256(self.url.encode()).hexdigest()[:8] if self.url else "files"
        return f"{_FORMAT}:{place}:{self.embedder_hash}"

    def close(self) -> None:
        """Let go of the store."""
        if self._open is not None:
            self._open[2].close()
        self._open = None

    def store(self, name: str, seen: str = "") -> VectorStore:
        """Return the store of a name; it is opened again when `seen` has changed since."""
        # Another process may have written since: chromadb would go on with what it read at first.
        if self._open is None or self._open[0] != name or (seen and self._open[1] not in {"", seen}):
            self.close()
            self._open = (name, seen, open_store(self.url, self._folder, name))
        elif seen:
            self._open = (name, seen, self._open[2])
        return self._open[2]

    def update(self, manifest: Manifest, state: str, change: Change, progress: Progress | None) -> str:
        """Add what is missing; what readers still see is taken out by `tidy`."""
        import numpy as np

        name, added = state, list(change.added)
        if change.whole or not state:
            # A name is never used twice: chromadb keeps what it opened by path.
            name, added = uuid4().hex[:12], manifest.next_numbers(embedded=True)
        store = self.store(name)
        if change.gone:
            seen = manifest.names(change.gone)
            store.delete([number for number in change.gone if number not in seen])
        for start in range(0, len(added), _BATCH):
            rows = manifest.with_vectors(added[start : start + _BATCH])
            if rows:
                vectors = np.stack([np.frombuffer(body, dtype=np.float32) for _, body in rows])
                store.add(
                    [chunk.n for chunk, _ in rows],
                    vectors,
                    [
                        _scalars(chunk.metadata)
                        | {"kind": chunk.kind, "doc_id": chunk.doc_id, "source": chunk.source}
                        for chunk, _ in rows
                    ],
                )
            if progress:
                progress("index", min(start + _BATCH, len(added)), len(added))
        return name

    def check(self, manifest: Manifest, state: str) -> Change:
        """Compare the numbers that the store holds with the manifest's."""
        wanted = set(manifest.next_numbers(embedded=True))
        if not self._exists(state):
            return Change(sorted(wanted), whole=True)
        try:
            held = self.store(state).numbers()
        except VidenceError as error:
            if error.kind != "internal":
                raise
            return Change(sorted(wanted), whole=True)
        return Change(sorted(wanted - held), sorted(held - wanted))

    def sound(self, manifest: Manifest, state: str) -> bool:
        """Whether the store holds as many vectors as the present generation has, or more."""
        if not self._exists(state):
            return False
        try:
            return self.store(state).count() >= len(manifest.ids(embedded=True))
        except VidenceError as error:
            if error.kind != "internal":
                raise
            return False

    def tidy(self, manifest: Manifest, state: str) -> None:
        """Take out the vectors of chunks that are gone, and stores that are not the published one."""
        gone = manifest.dead()
        if gone and self._exists(state):
            self.store(state).delete(gone)
        for old in self._folder.glob("*"):
            # Readers that still map an older store keep its pages; only the names go.
            if self.url or old.name != state:
                shutil.rmtree(old, ignore_errors=True)

    def _exists(self, state: str) -> bool:
        return bool(state) and (bool(self.url) or (self._folder / state).is_dir())


def _scalars(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a store can filter by: text, truth values and numbers of 64 bits, under names of ours.

    `#`, `$` and `chroma:` begin names of the store's own; it refuses a whole batch for one of them.
    """
    return {
        key: value
        for key, value in metadata.items()
        if key
        and not key.startswith(("#", "$", "chroma:"))
        and (isinstance(value, str | float) or (isinstance(value, int) and abs(value) < 1 << 63))
    }
