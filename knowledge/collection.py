"""One collection: a manifest that is the truth, legs derived from it, one writer, any number of readers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import VidenceError, unavailable
from knowledge.code.leg import CodeLeg
from knowledge.images.leg import ImageLeg
from knowledge.images.models import ImageModels
from knowledge.legs import Change, Leg, LegRecord
from knowledge.records import CollectionInfo, Progress
from knowledge.sparse import SparseLeg, WordLeg
from knowledge.store.dense import VectorLeg, VectorStore
from knowledge.store.manifest import Manifest
from knowledge.tokens import TokenLeg
from models.embeddings import TokenEmbedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.embeddings import Embedder

_LOCK_WAIT_S = 5.0
_TRIES = 5
_TOKEN_BATCH = 64
_KEPT_FILTERS = 16


class Collection:
    """The files of one collection. Reading needs no lock; whatever writes holds `writing()`."""

    def __init__(
        self,
        folder: Path,
        embedder: Callable[[], Embedder],
        images: ImageModels,
        dense_url: str = "",
    ) -> None:
        self.folder = folder
        self.name = folder.name
        self.embedder = embedder
        self.manifest = Manifest(folder / "manifest.db")
        self.images = ImageLeg(folder, self.manifest, images)
        self.tokens = TokenLeg(folder / "tokens.db")
        self.code = CodeLeg(folder, self.manifest)
        self.vectors = VectorLeg(folder / "dense", dense_url)
        self.words = WordLeg(folder / "sparse")
        self._sparse: tuple[str, SparseLeg] | None = None
        self._filters: tuple[int, dict[str, NDArray[np.int64] | None]] = (-1, {})

    def close(self) -> None:
        """Let go of the files."""
        self.vectors.close()
        self.images.close()
        self.code.close()
        self.tokens.close()
        self.manifest.close()
        self._sparse = None

    def drop_remote(self) -> None:
        """Delete what the collection keeps on a server; a server that is away keeps it."""
        record = self.manifest.leg("dense")
        if self.vectors.url and record is not None:
            with suppress(VidenceError):
                self.vectors.store(record.state).drop()

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

    def legs(self, manifest: Manifest | None = None) -> list[Leg]:
        """Return the legs that are published with a generation, as a manifest's model asks for them."""
        self.vectors.embedder_hash = (manifest or self.manifest).get("embedder_hash")
        return [self.words, self.vectors]

    def dense_leg(self) -> VectorStore:
        """Return the vectors, by chunk number; the manifest knows which of them the generation shows.

        Raises:
            VidenceError: `unavailable` when there is none yet, or another store than the setting names.
        """
        record = self.manifest.leg("dense")
        if record is None:
            raise self._unfinished()
        self.legs()
        if record.version != self.vectors.version:
            raise unavailable(
                f"The vectors of the collection `{self.name}` are not in the store that the setting "
                "`dense_url` names",
                help=f"Set VIDENCE_DENSE_URL back, or run `vidence index verify {self.name} --repair`.",
                retryable=False,
            )
        return self.vectors.store(record.state, f"{record.generation}")

    def sparse_leg(self) -> SparseLeg:
        """Return the word leg of the present generation; loading is a memory map."""
        for _ in range(_TRIES):
            record = self.manifest.leg("sparse")
            if record is None:
                break
            if self._sparse is not None and self._sparse[0] == record.state:
                return self._sparse[1]
            try:
                self._sparse = (record.state, self.words.open(record.state))
            except (OSError, ValueError):
                # A writer has published and tidied since the record was read: read it again.
                self._sparse = None
        if self._sparse is None:
            raise self._unfinished()
        return self._sparse[1]

    def _unfinished(self) -> VidenceError:
        return unavailable(
            f"The collection `{self.name}` has no finished index",
            help=f"Add again to go on, or run `vidence index verify {self.name} --repair`.",
            retryable=False,
        )

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
                help="Set VIDENCE_EMBEDDINGS back, search with --mode sparse, or make its vectors anew: "
                f"`vidence index reembed {self.name}`.",
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
            self.embed([chunk.id for chunk in chunks], [chunk.embedded for chunk in chunks])

    def sync(self, progress: Progress | None = None, *, compare: bool = False) -> bool:
        """Bring the legs to what was written and publish it; an interrupted sync is simply done again.

        Args:
            progress: Told how far it is.
            compare: Look at every leg as a whole, instead of at what was written since.

        Returns:
            Whether there was anything to publish.
        """
        self.tidy()
        records, changed = self.bring(self.manifest, progress, compare=compare)
        publish = changed or self.manifest.pending()
        if publish:
            self.manifest.publish(records)
            self.tidy()
        self.bring_extras(progress)
        return publish

    def bring(
        self, manifest: Manifest, progress: Progress | None, *, compare: bool = False
    ) -> tuple[dict[str, LegRecord], bool]:
        """Bring the legs to what a manifest will show next; return their records to publish with it."""
        records, changed = {}, False
        for leg in self.legs(manifest):
            record = manifest.leg(leg.name)
            change = _change(leg, record, manifest, compare=compare)
            state = record.state if record else ""
            if change:
                state, changed = leg.update(manifest, state, change, progress), True
            records[leg.name] = LegRecord(leg.version, manifest.version + 1, state)
        return records, changed

    def tidy(self) -> None:
        """Take out what no generation shows: it is left over when a writer was killed."""
        for leg in self.legs():
            record = self.manifest.leg(leg.name)
            if record is not None and record.version == leg.version:
                leg.tidy(self.manifest, record.state)
        self.manifest.purge()

    def bring_extras(self, progress: Progress | None) -> None:
        """Bring along the legs that are derived from the published generation."""
        self._sync_tokens(progress)
        self._sync_images(progress)
        self.code.sync(progress)

    def _sync_images(self, progress: Progress | None) -> int:
        """Bring the image leg along; without the vision extra images are found by their text alone."""
        try:
            return self.images.sync(progress)
        except VidenceError as error:
            if error.kind != "unavailable":
                raise
            return len(self.images.pieces())

    def info(self) -> CollectionInfo:
        """Describe the collection."""
        documents, chunks, kinds = self.manifest.counts()
        return CollectionInfo(
            name=self.name,
            documents=documents,
            chunks=chunks,
            kinds=kinds,
            embedder=self.manifest.get("embedder"),
            bytes=sum(self.sizes().values()),
            snapshots=tuple(path.stem for path in sorted((self.folder / "snapshots").glob("*.db"))),
            synced=self.synced(),
        )

    def sizes(self) -> dict[str, int]:
        """Return the bytes on disk by what the collection's folder holds."""
        found: Counter[str] = Counter()
        for file in self.folder.rglob("*"):
            if file.is_file():
                found[file.relative_to(self.folder).parts[0].partition(".")[0]] += file.stat().st_size
        return dict(sorted(found.items()))

    def synced(self) -> bool:
        """Whether everything that was written is published, with legs that belong to it."""
        version = self.manifest.version
        records = [self.manifest.leg(leg.name) for leg in self.legs()]
        legs = all(record is not None and record.generation == version for record in records)
        return legs and not self.manifest.pending() and self.code.synced()


def _change(leg: Leg, record: LegRecord | None, manifest: Manifest, *, compare: bool) -> Change:
    if record is None or record.version != leg.version:
        return Change(whole=True)
    if compare or record.generation != manifest.version or not leg.sound(manifest, record.state):
        return leg.check(manifest, record.state)
    return manifest.changes()
