"""One collection: a manifest that is the truth, a dense and a sparse leg derived from it, one writer."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from core.errors import VidenceError, not_found, unavailable
from knowledge import sparse
from knowledge.code_leg import CodeLeg
from knowledge.dense import DenseLeg
from knowledge.image_leg import ImageLeg
from knowledge.image_options import ImageOptions
from knowledge.manifest import Chunk, Manifest, chunk_id
from knowledge.records import CollectionInfo, Piece, Progress, VerifyReport
from knowledge.tokens import TokenLeg
from models.embeddings import TokenEmbedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.embeddings import Embedder

_LOCK_WAIT_S = 5.0
_SYNC_BATCH = 2000
_TOKEN_BATCH = 64
_KEPT_FILTERS = 16


class Collection:
    """The files of one collection. Reading needs no lock; whatever writes holds `writing()`."""

    def __init__(
        self, folder: Path, embedder: Callable[[], Embedder], images: ImageOptions | None = None
    ) -> None:
        self.folder = folder
        self.name = folder.name
        self.embedder = embedder
        self.manifest = Manifest(folder / "manifest.db")
        self.images = ImageLeg(folder, self.manifest, embedder, images)
        self.tokens = TokenLeg(folder / "tokens.db")
        self.code = CodeLeg(folder, self.manifest)
        self._dense: tuple[str, DenseLeg] | None = None
        self._sparse: tuple[str, sparse.SparseLeg] | None = None
        self._filters: tuple[int, dict[str, NDArray[np.int64] | None]] = (-1, {})

    def close(self) -> None:
        """Let go of the files."""
        if self._dense is not None:
            self._dense[1].close()
        self.images.close()
        self.code.close()
        self.tokens.close()
        self.manifest.close()
        self._sparse = self._dense = None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the collection's writer lock.

        Raises:
            VidenceError: `unavailable` when another process writes to the collection.
        """
        try:
            from filelock import FileLock, Timeout
        except ImportError as error:
            raise unavailable(
                "Writing collections needs filelock", "Run `pip install 'vidence[rag]'`.", retryable=False
            ) from error
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.folder / "writer.lock", timeout=_LOCK_WAIT_S):
                yield
        except Timeout as error:
            raise unavailable(
                f"Another process is writing to the collection `{self.name}`",
                help="Wait until it has ended, then run this again.",
            ) from error

    def dense_leg(self) -> DenseLeg:
        """Return the dense leg in the folder that the manifest names, as it was last written."""
        name = self.manifest.get("dense_folder") or "none"
        # Another process may have written since: chromadb would go on with what it read at first.
        state = f"{name}@{self.manifest.get('dense_version')}"
        if self._dense is None or self._dense[0] != state:
            if self._dense is not None:
                self._dense[1].close()
            self._dense = (state, DenseLeg(self.folder / "dense" / name))
        return self._dense[1]

    def _new_dense_folder(self) -> None:
        # chromadb keeps what it opened by path, so that a folder's name is never used twice.
        self.manifest.put(dense_folder=uuid4().hex[:12])

    def sparse_leg(self) -> sparse.SparseLeg:
        """Return the newest finished sparse leg; loading is a memory map."""
        version = self.manifest.get("sparse_version")
        if self._sparse is None or self._sparse[0] != version:
            folder = self.folder / "sparse" / version
            if not version or not folder.is_dir():
                raise VidenceError(
                    "unavailable",
                    f"The collection `{self.name}` has no finished word index",
                    help=f"Run `vidence index verify {self.name} --repair`.",
                )
            self._sparse = (version, sparse.SparseLeg(folder))
        return self._sparse[1]

    def allowed(self, where: Mapping[str, Any]) -> NDArray[np.int64] | None:
        """Return the sorted numbers of the chunks that a filter lets through; None means all of them.

        Filters repeat (each tool asks for one kind), so that answers are kept until documents change.
        """
        import numpy as np

        if not where:
            return None
        version = self.manifest.version
        if self._filters[0] != version or len(self._filters[1]) > _KEPT_FILTERS:
            self._filters = (version, {})
        key = json.dumps(where, sort_keys=True)
        known = self._filters[1]
        if key not in known:
            numbers = self.manifest.numbers_where(dict(where))
            everything = len(numbers) == self.manifest.counts()[1]
            known[key] = None if everything else np.asarray(sorted(numbers), dtype=np.int64)
        return known[key]

    def check_model(self) -> None:
        """Refuse an embedding model other than the one that the collection was built with.

        Raises:
            VidenceError: `invalid_input`, saying what to do.
        """
        built = self.manifest.get("embedder_hash")
        current = self.embedder()
        if built and built != current.hash:
            raise VidenceError(
                "invalid_input",
                f"The collection `{self.name}` was built with the embedding model "
                f"{self.manifest.get('embedder')} ({built[:8]}), "
                f"and the settings name {current.name} ({current.hash[:8]})",
                help="Set VIDENCE_EMBEDDINGS back, search with --mode sparse, or build it again: "
                f"`vidence index drop {self.name}`, then `vidence index add`.",
            )

    def claim_model(self) -> None:
        """Record the embedding model of a new collection, or check it against the recorded one."""
        self.check_model()
        if not self.manifest.get("embedder_hash"):
            current = self.embedder()
            self.manifest.put(embedder=current.name, embedder_hash=current.hash)

    def embed(self, ids: Sequence[str], texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of pieces, shape (n, dim); their token vectors are stored on the way.

        Args:
            ids: The id that each piece will have in the manifest.
            texts: What is embedded of each.
        """
        embedder = self.embedder()
        if not isinstance(embedder, TokenEmbedder):
            return embedder.embed(texts)
        vectors, codes = embedder.embed_passages(texts)
        self.tokens.put(dict(zip(ids, codes, strict=True)), embedder.token_hash)
        return vectors

    def token_drift(self) -> tuple[list[str], set[str]]:
        """Return the chunk ids that the token leg lacks, and those it should not have."""
        embedder = self.embedder()
        if not isinstance(embedder, TokenEmbedder):
            return [], set()
        truth = self.manifest.ids(embedded=True)
        held = self.tokens.ids()
        current = held if self.tokens.model() == embedder.token_hash else set()
        return [id_ for id_ in truth if id_ not in current], held - truth.keys()

    def _sync_tokens(self, progress: Progress | None) -> None:
        """Embed again what has no token vectors: pieces of a restored snapshot or of an older index."""
        missing, extra = self.token_drift()
        self.tokens.delete(sorted(extra))
        for start in range(0, len(missing), _TOKEN_BATCH):
            if progress:
                progress("tokens", start, len(missing))
            chunks = self.manifest.chunks(missing[start : start + _TOKEN_BATCH])
            self.embed([chunk.id for chunk in chunks], [chunk.searched for chunk in chunks])

    def sync(self, progress: Progress | None = None) -> None:
        """Bring both legs to the manifest's content; an interrupted sync is simply done again."""
        version = str(self.manifest.version)
        if not self.manifest.get("dense_folder"):
            self._new_dense_folder()
        missing, extra = self._drift()
        self.dense_leg().delete(sorted(extra))
        for start in range(0, len(missing), _SYNC_BATCH):
            self._add_dense(missing[start : start + _SYNC_BATCH])
            if progress:
                progress("index", min(start + _SYNC_BATCH, len(missing)), len(missing))
        if self.manifest.get("sparse_version") != version or not self._sparse_ok():
            sparse.build(self.folder / "sparse" / version, self.manifest.searched())
        self._sync_tokens(progress)
        self.manifest.put(sparse_version=version, dense_version=version)
        self._sync_images(progress)
        self.code.sync(progress)
        for leg, kept in (("sparse", version), ("dense", self.manifest.get("dense_folder"))):
            for old in (self.folder / leg).glob("*"):
                # Readers that still map an older leg keep its pages; only the names go.
                if old.name != kept:
                    shutil.rmtree(old, ignore_errors=True)

    def _sync_images(self, progress: Progress | None) -> int:
        """Bring the image leg along; without the vision extra images are found by their text alone."""
        try:
            return self.images.sync(progress)
        except VidenceError as error:
            if error.kind != "unavailable":
                raise
            return len(self.images.pieces())

    def _drift(self) -> tuple[list[str], set[str]]:
        """Return the chunk ids that the dense leg lacks, in order, and those it should not have."""
        truth = self.manifest.ids(embedded=True)
        held = self.dense_leg().ids() if self.manifest.get("dense_folder") else set()
        return [id_ for id_ in truth if id_ not in held], held - truth.keys()

    def _add_dense(self, ids: Sequence[str]) -> None:
        import numpy as np

        chunks = self.manifest.chunks(ids)
        vectors = self.manifest.vectors(ids)
        metadatas = [
            {
                **{
                    key: value
                    for key, value in chunk.metadata.items()
                    if isinstance(value, str | int | float)
                },
                "kind": chunk.kind,
                "doc_id": chunk.doc_id,
                "source": chunk.source,
            }
            for chunk in chunks
        ]
        self.dense_leg().add(
            [chunk.id for chunk in chunks], np.stack([vectors[chunk.id] for chunk in chunks]), metadatas
        )

    def _sparse_ok(self) -> bool:
        try:
            numbers: list[int] = self.sparse_leg().numbers.tolist()
        except (VidenceError, OSError, ValueError, KeyError):
            return False
        return bool(numbers == sorted(self.manifest.ids().values()))

    def info(self) -> CollectionInfo:
        """Describe the collection."""
        documents, chunks, kinds = self.manifest.counts()
        return CollectionInfo(
            name=self.name,
            documents=documents,
            chunks=chunks,
            kinds=kinds,
            embedder=self.manifest.get("embedder"),
            bytes=sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file()),
            snapshots=tuple(path.stem for path in sorted((self.folder / "snapshots").glob("*.db"))),
            synced=self._synced(),
        )

    def _synced(self) -> bool:
        version = self.manifest.get("version", "0")
        legs = all(self.manifest.get(f"{leg}_version", "0") == version for leg in ("sparse", "dense"))
        return legs and self.code.synced()

    def verify(self, *, repair: bool = False) -> VerifyReport:
        """Compare both legs and every text with the manifest; with `repair`, mend the legs."""
        missing, extra = self._readable_drift(repair=repair)
        sparse_ok = self._sparse_ok() and self._synced()
        model_ok = self.manifest.get("embedder_hash") in {"", self.embedder().hash}
        damaged = sum(1 for chunk in self.manifest.chunks() if _damaged(chunk))
        lacking, stale = self.token_drift() if model_ok else ([], set())
        broken = bool(missing or extra or lacking or stale) or not sparse_ok
        if repair and broken:
            self._sparse = None
            self.sync()
        documents, chunks, _ = self.manifest.counts()
        return VerifyReport(
            collection=self.name,
            ok=(repair or not broken) and model_ok and not damaged,
            documents=documents,
            chunks=chunks,
            missing_dense=len(missing),
            extra_dense=len(extra),
            missing_tokens=len(lacking),
            extra_tokens=len(stale),
            sparse_ok=sparse_ok,
            model_ok=model_ok,
            damaged=damaged,
            repaired=repair and broken,
        )

    def _readable_drift(self, *, repair: bool) -> tuple[list[str], set[str]]:
        try:
            return self._drift()
        except VidenceError as error:
            if error.kind != "internal":
                raise
        if repair:
            self._new_dense_folder()
        return list(self.manifest.ids(embedded=True)), set()

    def snapshot(self) -> str:
        """Keep a copy of the manifest and return its name; the legs can be derived from it."""
        digest = sha256("".join(sorted(self.manifest.ids())).encode()).hexdigest()[:8]
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{digest}"
        self.manifest.copy_to(self.folder / "snapshots" / f"{name}.db")
        return name

    def restore(self, name: str) -> None:
        """Go back to a snapshot.

        Raises:
            VidenceError: `not_found`, listing the snapshots there are.
        """
        known = {path.stem: path for path in (self.folder / "snapshots").glob("*.db")}
        if name not in known:
            raise not_found(
                f"The collection `{self.name}` has no snapshot `{name}`",
                help=f"Snapshots: {', '.join(sorted(known)) or 'none'}.",
            )
        folder = self.manifest.get("dense_folder")
        try:
            self.manifest.restore(known[name])
        except sqlite3.DatabaseError as error:
            raise VidenceError(
                "internal", f"The snapshot `{name}` cannot be read: {error}", help="Use another one."
            ) from error
        self.manifest.put(dense_folder=folder)
        self.sync()


def _damaged(chunk: Chunk) -> bool:
    return bool(chunk.id != chunk_id(chunk.source, Piece(chunk.text, chunk.kind, chunk.locator, chunk.title)))
