"""Adding to a collection: read, skip what is unchanged, embed in batches, write, then bring the legs along.

Each batch is one transaction, so an add that is killed keeps what it wrote and the next one goes on there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from core.errors import VidenceError, invalid_input
from knowledge.collection import Collection
from knowledge.duplicates import find_duplicates, image_print, text_signature, word_digest, words_of
from knowledge.quality import language, quality
from knowledge.readers.context import ReadContext
from knowledge.readers.dispatch import FoundFile, failure, find_files, read_file
from knowledge.records import (
    AddReport,
    FileFailure,
    IndexKind,
    Lineage,
    Piece,
    Prepared,
    Progress,
    SourceDocument,
)
from knowledge.store.manifest import chunk_id, searched_text

_BATCH_PIECES = 64
_LOW_QUALITY = 0.5
_ORIGINS = ("origin", "source", "url")
"""Metadata of a record that say where it comes from."""


def add(
    collection: Collection,
    paths: Sequence[str | Path],
    kind: IndexKind = "auto",
    progress: Progress | None = None,
    context: ReadContext | None = None,
    lineage: Lineage | None = None,
) -> AddReport:
    """Add files and folders; the caller holds the writer lock.

    Raises:
        VidenceError: `not_found` for a missing path; `invalid_input` when not one file could be added,
            or for another embedding model; `unavailable` without the model.
    """
    files = find_files(paths, kind, context)
    wanted = [file for file in files if file.wanted]
    collection.claim_model()
    resumed = collection.manifest.waiting()
    writer = _Writer(collection, lineage or Lineage())
    sizes = [_records(file) for file in wanted]
    done, total = 0, sum(sizes)
    for file, size in zip(wanted, sizes, strict=True):
        for place, item in enumerate(read_file(file, kind, context)):
            if progress and place % _BATCH_PIECES == 0:
                progress("read", done + min(place, size), total)
            writer.take(item)
        done += size
    writer.flush()
    if progress:
        progress("read", total, total)
    collection.sync(progress)
    if not writer.counts.total():
        raise _nothing_added(writer.failed, len(files) - len(wanted))
    return _report(collection, writer, len(files) - len(wanted), resumed)


def _report(collection: Collection, writer: _Writer, skipped: int, resumed: int) -> AddReport:
    documents, chunks, _ = collection.manifest.counts()
    return AddReport(
        collection=collection.name,
        added=writer.counts["added"],
        unchanged=writer.counts["unchanged"],
        replaced=writer.counts["replaced"],
        skipped=skipped,
        failed=tuple(writer.failed),
        documents=documents,
        chunks=chunks,
        relabelled=writer.counts_relabelled,
        resumed=resumed,
        duplicates=tuple(find_duplicates(collection.manifest, writer.written)) if writer.written else (),
        languages=dict(writer.languages.most_common()),
        low_quality=tuple(writer.low_quality),
    )


def _records(file: FoundFile) -> int:
    """Return how many documents to expect of a file, for the progress bar."""
    if file.url or file.path.suffix.lower() not in {".jsonl", ".ndjson"}:
        return 1
    try:
        with file.path.open("rb") as body:
            return max(sum(part.count(b"\n") for part in iter(lambda: body.read(1 << 20), b"")), 1)
    except OSError:
        return 1


class _Writer:
    """Collects documents until a batch is worth embedding."""

    def __init__(self, collection: Collection, lineage: Lineage) -> None:
        self._collection = collection
        self._lineage = lineage
        self._batch: list[Prepared] = []
        self._new: dict[str, str] = {}
        """Texts to embed, by chunk id."""
        self._vectors: dict[str, bytes] = {}
        """Vectors that are known, by chunk id."""
        self._seen: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.counts_relabelled = 0
        self.failed: list[FileFailure] = []
        self.written: set[str] = set()
        self.languages: Counter[str] = Counter()
        self.low_quality: list[str] = []

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
        document = _with_lineage(document, self._lineage)
        manifest = self._collection.manifest
        known = manifest.known(document.source)
        if known is not None and known.sha256 == document.sha256:
            self.counts["unchanged"] += 1
            licence, origin = document.licence or known.licence, document.origin or known.origin
            if (licence, origin) != (known.licence, known.origin):
                manifest.relabel(known, licence, origin)
                self.counts_relabelled += 1
            return
        pieces = self._collection.images.with_text(document.pieces())
        held = manifest.vectors_of(known) if known else {}
        for piece in pieces:
            id_ = chunk_id(document.source, piece)
            if id_ in held:
                self._vectors[id_] = held[id_]
            elif piece.embed != "":
                self._new[id_] = piece.embed or searched_text(piece.title, piece.text)
        prepared = self._prepared(document, pieces)
        self._batch.append(prepared)
        self.written.add(document.source)
        self.languages[prepared.language or "?"] += 1
        if prepared.quality < _LOW_QUALITY and any(piece.kind != "image" for piece in pieces):
            self.low_quality.append(document.source)
        self.counts["added" if known is None else "replaced"] += 1
        if sum(len(item.pieces) for item in self._batch) >= _BATCH_PIECES:
            self.flush()

    def _prepared(self, document: SourceDocument, pieces: list[Piece]) -> Prepared:
        text = "\n".join(searched_text(piece.title, piece.text) for piece in pieces)
        words = words_of("\n".join(piece.text for piece in pieces))
        code = any(piece.kind == "code" for piece in pieces)
        images = all(piece.kind == "image" for piece in pieces)
        return Prepared(
            document,
            pieces,
            language="" if code else language(text),
            quality=quality(text, code=code),
            words=len(words),
            # Captions that are alike do not make images so.
            digest="" if images else word_digest(words),
            signature=b"" if images else text_signature(words),
            prints={
                chunk_id(document.source, piece): self._print(piece)
                for piece in pieces
                if piece.kind == "image" and piece.locator.sha256
            },
        )

    def _print(self, piece: Piece) -> bytes:
        pixels = self._collection.images.pixels(str(piece.locator.sha256), piece.locator.path or "")
        return b"" if pixels is None else image_print(pixels)

    def flush(self) -> None:
        if self._batch:
            made = self._collection.embed(list(self._new), list(self._new.values())) if self._new else ()
            self._vectors.update({id_: row.tobytes() for id_, row in zip(self._new, made, strict=True)})
            embedder = self._collection.embedder().hash
            self._collection.manifest.write(self._batch, self._vectors, embedder)
            self._batch, self._new, self._vectors = [], {}, {}


def _with_lineage(document: SourceDocument, lineage: Lineage) -> SourceDocument:
    said = next(
        (document.metadata[key] for key in ("origin", "source", "url") if key in document.metadata), ""
    )
    remote = document.source if "://" in document.source else ""
    name = Path(document.source.partition("#")[0]).suffix.lstrip(".").lower() or "file"
    return replace(
        document,
        licence=document.licence or lineage.licence,
        origin=document.origin or (said if isinstance(said, str) else "") or lineage.origin or remote,
        reader=document.reader or f"{name} {_version()}",
    )


@cache
def _version() -> str:
    try:
        return f"vidence-{version('vidence')}"
    except PackageNotFoundError:
        return "vidence"


def _nothing_added(failed: Sequence[FileFailure], skipped: int) -> VidenceError:
    if failed:
        first = failed[0]
        return VidenceError(first.kind, f"Nothing was added. {first.path}: {first.message}", help=first.help)
    return invalid_input(
        f"Nothing to add: {skipped} files, none of a type that is indexed",
        help="Markdown, text, HTML, PDF, CSV, JSON (lines), images, DICOM and source code are, or --kind.",
    )
