"""Adding to a collection: read, skip what is unchanged, embed in batches, write, then bring the legs along.

Each batch is one transaction, so an add that is killed keeps what it wrote and the next one goes on there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from core.errors import VidenceError, invalid_input
from knowledge.collection import Collection
from knowledge.manifest import chunk_id, searched_text
from knowledge.read_context import ReadContext
from knowledge.readers import failure, find_files, read_file
from knowledge.records import AddReport, FileFailure, IndexKind, Prepared, Progress, SourceDocument

_BATCH_PIECES = 64


def add(
    collection: Collection,
    paths: Sequence[str | Path],
    kind: IndexKind = "auto",
    progress: Progress | None = None,
    context: ReadContext | None = None,
) -> AddReport:
    """Add files and folders; the caller holds the writer lock.

    Raises:
        VidenceError: `not_found` for a missing path; `invalid_input` when not one file could be added,
            or for another embedding model; `unavailable` without the model.
    """
    files = find_files(paths, kind, context)
    wanted = [file for file in files if file.wanted]
    collection.claim_model()
    writer = _Writer(collection)
    for done, file in enumerate(wanted):
        if progress:
            progress("read", done, len(wanted))
        for item in read_file(file, kind, context):
            writer.take(item)
            if progress and writer.counts.total() % _BATCH_PIECES == 0:
                progress(f"read {writer.counts.total():,} records", done, len(wanted))
    writer.flush()
    if progress:
        progress("read", len(wanted), len(wanted))
    collection.sync(progress)
    if not writer.counts.total():
        raise _nothing_added(writer.failed, len(files) - len(wanted))
    documents, chunks, _ = collection.manifest.counts()
    return AddReport(
        collection=collection.name,
        added=writer.counts["added"],
        unchanged=writer.counts["unchanged"],
        replaced=writer.counts["replaced"],
        skipped=len(files) - len(wanted),
        failed=tuple(writer.failed),
        documents=documents,
        chunks=chunks,
    )


class _Writer:
    """Collects documents until a batch is worth embedding."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._batch: list[Prepared] = []
        self._new: dict[str, str] = {}
        """Texts to embed, by chunk id."""
        self._vectors: dict[str, bytes] = {}
        """Vectors that are known, by chunk id."""
        self._seen: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.failed: list[FileFailure] = []

    def take(self, item: SourceDocument | FileFailure) -> None:
        if isinstance(item, FileFailure):
            self.failed.append(item)
            return
        try:
            self._document(item)
        except VidenceError as error:
            if error.kind != "invalid_input":
                raise
            self.failed.append(failure(item.source, error))

    def _document(self, document: SourceDocument) -> None:
        if document.source in self._seen:
            raise invalid_input("The same id twice in one file", help="Ids must be unique.")
        self._seen.add(document.source)
        manifest = self._collection.manifest
        known = manifest.known(document.source)
        if known is not None and known.sha256 == document.sha256:
            self.counts["unchanged"] += 1
            return
        try:
            pieces = document.pieces()
        except VidenceError as error:
            # Whatever a reader lacks or refuses is about this file; what a model lacks ends the add.
            self.failed.append(failure(document.source, error))
            return
        pieces = self._collection.images.with_text(pieces)
        held = manifest.vectors_of(known) if known else {}
        self._batch.append(Prepared(document, pieces))
        for piece in pieces:
            id_ = chunk_id(document.source, piece)
            if id_ in held:
                self._vectors[id_] = held[id_]
            elif piece.embed != "":
                self._new[id_] = (
                    searched_text(piece.title, piece.text) if piece.embed is None else piece.embed
                )
        self.counts["added" if known is None else "replaced"] += 1
        if sum(len(item.pieces) for item in self._batch) >= _BATCH_PIECES:
            self.flush()

    def flush(self) -> None:
        if self._batch:
            made = self._collection.embed(list(self._new), list(self._new.values())) if self._new else ()
            self._vectors.update({id_: row.tobytes() for id_, row in zip(self._new, made, strict=True)})
            embedder = self._collection.embedder().hash
            self._collection.manifest.write(self._batch, self._vectors, embedder)
            self._batch, self._new, self._vectors = [], {}, {}


def _nothing_added(failed: Sequence[FileFailure], skipped: int) -> VidenceError:
    if failed:
        first = failed[0]
        return VidenceError(first.kind, f"Nothing was added. {first.path}: {first.message}", help=first.help)
    return invalid_input(
        f"Nothing to add: {skipped} files, none of a type that is indexed",
        help="Markdown, text, HTML, PDF, CSV, JSON (lines), images, DICOM and source code are, or --kind.",
    )
