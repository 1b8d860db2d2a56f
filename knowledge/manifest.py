"""The manifest: one SQLite file a collection that is the truth; both legs are derived from it.

It holds documents, chunks and the chunks' vectors, so that a leg can be rebuilt, and a snapshot restored,
without embedding anything again.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.contracts import Locator
from knowledge.records import Piece, PieceKind, SourceDocument

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS documents (
    source TEXT PRIMARY KEY, doc_id TEXT NOT NULL, title TEXT NOT NULL, sha256 TEXT NOT NULL,
    licence TEXT NOT NULL, metadata TEXT NOT NULL, at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE IF NOT EXISTS chunks (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL REFERENCES documents (source) ON DELETE CASCADE,
    kind TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL, locator TEXT NOT NULL,
    vector BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS chunks_by_source ON chunks (source);
"""
_CHUNK_COLUMNS = (
    "c.n, c.id, c.source, c.kind, c.title, c.text, c.locator, d.doc_id, d.title, d.metadata, "
    "(SELECT count(*) FROM chunks x WHERE x.source = c.source AND x.n <= c.n), "
    "(SELECT count(*) FROM chunks x WHERE x.source = c.source) "
    "FROM chunks c JOIN documents d ON d.source = c.source"
)
_OWN_OR_FIRST = (
    "CASE WHEN length(c.vector) > 0 THEN c.vector ELSE (SELECT x.vector FROM chunks x "
    "WHERE x.source = c.source AND length(x.vector) > 0 ORDER BY x.n LIMIT 1) END"
)
_MARKS = 500
"""Values a statement: SQLite limits how many may be bound."""


@dataclass(frozen=True)
class Chunk:
    """A stored piece with what its document says of it. `n` never names another chunk."""

    n: int
    id: str
    source: str
    kind: PieceKind
    title: str
    text: str
    locator: Locator
    doc_id: str
    doc_title: str
    metadata: dict[str, Any]
    ordinal: int
    """Its place in its document, from 1."""
    siblings: int
    """How many pieces its document has."""

    @property
    def reference(self) -> str:
        """A name for people: the document's id, with the piece's place when there are several."""
        return self.doc_id if self.siblings == 1 else f"{self.doc_id}#{self.ordinal}"

    @property
    def searched(self) -> str:
        """The text that both legs see."""
        return searched_text(self.title, self.text)


def searched_text(title: str, text: str) -> str:
    """Return what a piece is found by: its title and its text."""
    return f"{title}\n{text}" if title and title != text else text


def chunk_id(source: str, piece: Piece) -> str:
    """Return the id of a piece: a hash of where it stands and of what both legs see of it."""
    locator = piece.locator.model_dump_json(exclude_none=True)
    key = "\0".join((source, piece.kind, piece.title, piece.text, locator))
    return "c" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class Manifest:
    """One collection's SQLite file. Safe to share between threads; several processes may read it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the file; it opens again when next used."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._connection is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._connection = sqlite3.connect(self._path, check_same_thread=False, timeout=30.0)
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute("PRAGMA synchronous=NORMAL")
                self._connection.execute("PRAGMA foreign_keys=ON")
                self._connection.executescript(_SCHEMA)
            yield self._connection

    def get(self, key: str, default: str = "") -> str:
        """Return a value of the collection's own notes (model, versions)."""
        with self._open() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return default if row is None else str(row[0])

    def put(self, **values: str) -> None:
        """Keep notes, in one transaction."""
        with self._open() as connection, connection:
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(values.items()))

    @property
    def version(self) -> int:
        """Grows with every change of documents; a leg built at an older version is behind."""
        return int(self.get("version", "0"))

    def known(self, source: str) -> str | None:
        """Return the hash that a document was stored with, or None."""
        with self._open() as connection:
            row = connection.execute("SELECT sha256 FROM documents WHERE source = ?", (source,)).fetchone()
        return None if row is None else str(row[0])

    def write(
        self, batch: Sequence[tuple[SourceDocument, Sequence[Piece]]], vectors: NDArray[np.float32]
    ) -> None:
        """Store documents with their chunks in one transaction; a known source is replaced.

        Args:
            batch: Documents and their pieces.
            vectors: One unit vector for each piece that has one of its own (`Piece.embed`), in the order
                of the batch, shape (n, dim).
        """
        rows = iter(vectors)
        with self._open() as connection, connection:
            for document, pieces in batch:
                connection.execute("DELETE FROM documents WHERE source = ?", (document.source,))
                connection.execute(
                    "INSERT INTO documents (source, doc_id, title, sha256, licence, metadata) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        document.source,
                        document.doc_id,
                        document.title,
                        document.sha256,
                        document.licence,
                        json.dumps(document.metadata, ensure_ascii=False),
                    ),
                )
                # The same text at the same place twice is one chunk: its id is the same.
                connection.executemany(
                    "INSERT OR IGNORE INTO chunks (id, source, kind, title, text, locator, vector) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [_row(document.source, piece, rows) for piece in pieces],
                )
            self._bump(connection)

    def restore(self, path: Path) -> None:
        """Take over the content of another manifest file, at a version that was never used here."""
        version = self.version
        source = sqlite3.connect(path)
        try:
            with self._open() as connection:
                source.backup(connection)
                with connection:
                    connection.execute("INSERT OR REPLACE INTO meta VALUES ('version', ?)", (str(version),))
                    self._bump(connection)
        finally:
            source.close()

    def copy_to(self, path: Path) -> None:
        """Write a consistent copy of the file while others may read it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        target = sqlite3.connect(path)
        try:
            with self._open() as connection:
                connection.backup(target)
        finally:
            target.close()

    def counts(self) -> tuple[int, int, dict[str, int]]:
        """Return the number of documents, of chunks, and of chunks by kind."""
        with self._open() as connection:
            documents = connection.execute("SELECT count(*) FROM documents").fetchone()[0]
            kinds = dict(connection.execute("SELECT kind, count(*) FROM chunks GROUP BY kind ORDER BY kind"))
        return int(documents), sum(kinds.values()), kinds

    def ids(self, *, embedded: bool = False) -> dict[str, int]:
        """Return every chunk's id with its number; with `embedded` of those with a vector of their own."""
        where = "WHERE length(vector) > 0" if embedded else ""
        with self._open() as connection:
            return dict(connection.execute(f"SELECT id, n FROM chunks {where} ORDER BY n").fetchall())

    def searched(self) -> Iterator[tuple[int, str]]:
        """Yield the number and searched text of every chunk, in order, without holding the file."""
        last = 0
        while True:
            with self._open() as connection:
                rows = connection.execute(
                    "SELECT n, title, text FROM chunks WHERE n > ? ORDER BY n LIMIT 2000", (last,)
                ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            for n, title, text in rows:
                yield n, searched_text(title, text)

    def chunks(self, ids: Iterable[str] | None = None) -> list[Chunk]:
        """Return chunks by id, in no order; all of them without ids."""
        with self._open() as connection:
            if ids is None:
                rows = connection.execute(f"SELECT {_CHUNK_COLUMNS}").fetchall()
            else:
                rows = _select(connection, f"SELECT {_CHUNK_COLUMNS} WHERE c.id IN", list(ids))
        return [_chunk(row) for row in rows]

    def vectors(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the stored vectors of chunks by id; one without a vector has its document's first."""
        import numpy as np

        with self._open() as connection:
            rows = _select(connection, f"SELECT id, {_OWN_OR_FIRST} FROM chunks c WHERE id IN", ids)
        return {id_: np.frombuffer(body, dtype=np.float32) for id_, body in rows if body}

    def sources(self, kind: PieceKind) -> dict[str, tuple[str, str]]:
        """Return (hash, document id) of every document that has pieces of a kind, by source."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT source, sha256, doc_id FROM documents d WHERE EXISTS "
                "(SELECT 1 FROM chunks c WHERE c.source = d.source AND c.kind = ?) ORDER BY source",
                (kind,),
            ).fetchall()
        return {source: (digest, doc_id) for source, digest, doc_id in rows}

    def pieces_of(self, source: str) -> list[Chunk]:
        """Return the chunks of one document, in order."""
        with self._open() as connection:
            rows = connection.execute(
                f"SELECT {_CHUNK_COLUMNS} WHERE c.source = ? ORDER BY c.n", (source,)
            ).fetchall()
        return [_chunk(row) for row in rows]

    def first_vectors(self, kind: PieceKind) -> dict[str, NDArray[np.float32]]:
        """Return the first vector of each document with pieces of a kind, by source."""
        import numpy as np

        with self._open() as connection:
            # With a lone min(), SQLite takes the other columns from the row that has it.
            rows = connection.execute(
                "SELECT source, vector, min(n) FROM chunks WHERE kind = ? AND length(vector) > 0 "
                "GROUP BY source",
                (kind,),
            ).fetchall()
        return {source: np.frombuffer(body, dtype=np.float32) for source, body, _ in rows}

    def names(self, numbers: Sequence[int]) -> dict[int, str]:
        """Return the ids of chunks by number; numbers that are gone are left out."""
        with self._open() as connection:
            return dict(_select(connection, "SELECT n, id FROM chunks WHERE n IN", numbers))

    def numbers(self, ids: Sequence[str]) -> dict[str, int]:
        """Return the numbers of chunks by id; ids that are gone are left out."""
        with self._open() as connection:
            return dict(_select(connection, "SELECT id, n FROM chunks WHERE id IN", ids))

    def numbers_where(self, where: dict[str, Any]) -> set[int]:
        """Return the numbers of the chunks that a filter lets through."""
        tests, values = [], []
        for key, value in where.items():
            if key in {"kind", "source"}:
                tests.append(f"c.{key} = ?")
            elif key == "doc_id":
                tests.append("d.doc_id = ?")
            else:
                tests.append("json_extract(d.metadata, ?) = ?")
                values.append(f'$."{key}"')
            values.append(value)
        statement = "SELECT c.n FROM chunks c JOIN documents d ON d.source = c.source"
        with self._open() as connection:
            rows = connection.execute(f"{statement} WHERE {' AND '.join(tests) or '1'}", values)
            return {row[0] for row in rows}

    def _bump(self, connection: sqlite3.Connection) -> None:
        row = connection.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
        version = int(row[0]) + 1 if row else 1
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('version', ?)", (str(version),))


def _select(connection: sqlite3.Connection, statement: str, values: Sequence[Any]) -> list[Any]:
    rows: list[Any] = []
    for start in range(0, len(values), _MARKS):
        part = values[start : start + _MARKS]
        rows += connection.execute(f"{statement} ({','.join('?' * len(part))})", part).fetchall()
    return rows


def _row(source: str, piece: Piece, vectors: Iterator[Any]) -> tuple[str, str, str, str, str, str, bytes]:
    locator = piece.locator.model_dump_json(exclude_none=True)
    body = b"" if piece.embed == "" else next(vectors).tobytes()
    return chunk_id(source, piece), source, piece.kind, piece.title, piece.text, locator, body


def _chunk(row: Any) -> Chunk:
    n, id_, source, kind, title, text, locator, doc_id, doc_title, metadata, ordinal, siblings = row
    return Chunk(
        n=n,
        id=id_,
        source=source,
        kind=kind,
        title=title,
        text=text,
        locator=Locator.model_validate_json(locator),
        doc_id=doc_id,
        doc_title=doc_title,
        metadata=json.loads(metadata),
        ordinal=ordinal,
        siblings=siblings,
    )
