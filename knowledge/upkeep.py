"""Looking after a collection: verify and repair, snapshots, another embedding model, a digest to compare.

A restore and a new embedding model are made on a copy of the manifest, with legs of their own, and take the
place of the old in one step, so that readers see either and a kill leaves the old.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import VidenceError, not_found
from knowledge.chunk import damaged
from knowledge.records import Progress, VerifyReport
from knowledge.store.copies import adopt, copy_to, follow
from knowledge.store.manifest import Manifest

if TYPE_CHECKING:
    from knowledge.collection import Collection

_BATCH = 64


def verify(collection: Collection, *, repair: bool = False) -> VerifyReport:
    """Compare every leg and every text with the manifest; with `repair`, mend the legs."""
    manifest = collection.manifest
    changes = {leg.name: _drift(collection, leg.name) for leg in collection.legs()}
    missing, extra, whole = changes["dense"]
    sparse_ok = changes["sparse"] == (0, 0, False) and collection.synced()
    model_ok = manifest.get("embedder_hash") in {"", collection.embedder().hash}
    lacking, stale = collection.token_drift() if model_ok else ([], set())
    images_ok = collection.images.sound() if model_ok else True
    broken = bool(missing or extra or whole or lacking or stale) or not (sparse_ok and images_ok)
    if repair and broken:
        collection.sync(compare=True)
    found = digest(manifest)
    documents, chunks, _ = manifest.counts()
    return VerifyReport(
        collection=collection.name,
        ok=(repair or not broken) and model_ok and not found.damaged,
        documents=documents,
        chunks=chunks,
        missing_dense=missing,
        extra_dense=extra,
        missing_tokens=len(lacking),
        extra_tokens=len(stale),
        sparse_ok=sparse_ok,
        images_ok=images_ok,
        model_ok=model_ok,
        damaged=found.damaged,
        repaired=repair and broken,
        digest=found.value,
        generation=manifest.version,
        unfinished=manifest.pending(),
        bytes=collection.sizes(),
    )


def _drift(collection: Collection, name: str) -> tuple[int, int, bool]:
    """Return how many pieces a leg lacks and has too much, and whether it has to be built from nothing."""
    leg = next(leg for leg in collection.legs() if leg.name == name)
    record = collection.manifest.leg(name)
    if record is None or record.version != leg.version:
        lacking = len(collection.manifest.next_numbers(embedded=name == "dense"))
        return lacking, 0, bool(lacking)
    change = leg.check(collection.manifest, record.state)
    dead = set(collection.manifest.dead())
    return len(change.added), len([n for n in change.gone if n not in dead]), change.whole


class Digest:
    """A hash of what a collection holds, and how many of its pieces are not what was stored."""

    def __init__(self) -> None:
        self.damaged = 0
        self._hash = hashlib.sha256()

    @property
    def value(self) -> str:
        """The hash so far."""
        return self._hash.hexdigest()

    def take(self, *values: object) -> None:
        """Add values in order."""
        self._hash.update(json.dumps(values, ensure_ascii=True).encode() + b"\n")


def digest(manifest: Manifest) -> Digest:
    """Hash everything that readers see except times and numbers of rows.

    Two collections made of the same files by the same model have the same digest, however often an add was
    interrupted. Vectors count by the model that made them: their last bits depend on what stood in a batch.
    """
    found = Digest()
    found.take(manifest.get("embedder_hash"))
    with manifest.open() as connection:
        generation = manifest.version
        rows = connection.execute(
            "SELECT d, source, doc_id, title, sha256, licence, origin, reader, metadata, language, quality, "
            "words, embedder FROM documents d WHERE born <= ? AND (died IS NULL OR died > ?) ORDER BY source",
            (generation, generation),
        ).fetchall()
    dim = 0
    for d, *values in rows:
        found.take(*values)
        with manifest.open() as connection:
            sizes = connection.execute(
                "SELECT c.id, c.embed, (SELECT length(v.vector) FROM vectors v WHERE v.n = c.n) "
                "FROM chunks c WHERE c.d = ? ORDER BY c.place",
                (d,),
            ).fetchall()
        for id_, embed, size in sizes:
            found.take(id_)
            dim = dim or (size or 0)
            found.damaged += (size or 0) != (0 if embed == "" else dim)
    found.damaged += sum(1 for chunk in manifest.each() if damaged(chunk))
    return found


def snapshot(collection: Collection) -> str:
    """Keep a copy of the manifest and return its name; the legs can be derived from it."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{digest(collection.manifest).value[:8]}"
    partial = collection.folder / "snapshots" / f"{name}.partial"
    copy_to(collection.manifest, partial)
    partial.rename(partial.with_suffix(".db"))
    return name


def restore(collection: Collection, name: str = "", progress: Progress | None = None) -> str:
    """Go back to a snapshot, by default the latest, and return its name.

    Raises:
        VidenceError: `not_found`, listing the snapshots there are; `internal` for an unreadable one.
    """
    known = {path.stem: path for path in sorted((collection.folder / "snapshots").glob("*.db"))}
    name = name or next(reversed(known), "")
    if name not in known:
        raise not_found(
            f"The collection `{collection.name}` has no snapshot `{name}`"
            if name
            else f"The collection `{collection.name}` has no snapshots",
            help=f"Snapshots: {', '.join(sorted(known)) or 'none'}.",
        )
    copy = _copy(collection.folder / "restore.partial.db")
    try:
        adopt(copy, known[name])
        follow(copy, collection.manifest)
    except sqlite3.DatabaseError as error:
        copy.close()
        raise VidenceError(
            "internal", f"The snapshot `{name}` cannot be read: {error}", help="Use another one."
        ) from error
    _replace(collection, copy, progress)
    return name


def reembed(collection: Collection, progress: Progress | None = None) -> int:
    """Make all vectors anew with the model of the settings and return how many there are.

    Searches go on with the old vectors until all are made. An interrupted run goes on where it was.
    """
    embedder = collection.embedder()
    collection.sync(progress)
    path = collection.folder / f"reembed-{collection.manifest.version}-{embedder.hash[:8]}.partial.db"
    for old in collection.folder.glob("reembed-*"):
        if not old.name.startswith(path.name):
            old.unlink()
    copy = Manifest(path)
    if copy.get("reembedded") == "":
        copy.close()
        copy = _copy(path)
        adopt(copy, collection.manifest.path)
        follow(copy, collection.manifest)
        copy.put(reembedded="0", embedder=embedder.name, embedder_hash=embedder.hash)
    numbers = copy.next_numbers(embedded=True)
    for start in range(int(copy.get("reembedded")), len(numbers), _BATCH):
        if progress:
            progress("embed", start, len(numbers))
        chunks = [chunk for chunk, _ in copy.with_vectors(numbers[start : start + _BATCH])]
        vectors = collection.embed([chunk.id for chunk in chunks], [chunk.embedded for chunk in chunks])
        with copy.open() as connection, connection:
            connection.executemany(
                "UPDATE vectors SET vector = ? WHERE n = ?",
                [(row.tobytes(), chunk.n) for chunk, row in zip(chunks, vectors, strict=True)],
            )
            copy.put(reembedded=str(start + len(chunks)))
    with copy.open() as connection, connection:
        connection.execute("UPDATE documents SET embedder = ?", (embedder.hash,))
        connection.execute("DELETE FROM meta WHERE key = 'reembedded'")
    _replace(collection, copy, progress)
    return len(numbers)


def _copy(path: Path) -> Manifest:
    for old in path.parent.glob(path.name + "*"):
        old.unlink()
    return Manifest(path)


def _replace(collection: Collection, copy: Manifest, progress: Progress | None) -> None:
    """Bring the legs to a copy of the manifest and let it take the manifest's place."""
    records, _ = collection.bring(copy, progress, compare=True)
    copy.publish(records)
    copy.close()
    adopt(collection.manifest, copy.path)
    for old in copy.path.parent.glob(copy.path.name + "*"):
        old.unlink()
    collection.tidy()
    collection.bring_extras(progress)
