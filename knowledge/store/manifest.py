"""The manifest: one SQLite file a collection that is the truth; every leg is derived from it.

It holds documents, chunks and the chunks' vectors, so that a leg can be rebuilt, and a snapshot restored,
without embedding anything again. A writer's changes are kept beside what readers see until `publish` sets
the next generation: readers always see a finished one, and an add that was killed goes on where it was.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.sqlite_file import SqliteFile, select_in
from knowledge.chunk import COLUMNS, Chunk, chunk_id, chunk_of, searched_text
from knowledge.legs import Change, LegRecord
from knowledge.records import Known, PieceKind, Prepared
from knowledge.store.schema import NOW, prepare

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Chunk", "Manifest", "chunk_id", "searched_text"]

_SEEN = f"d.born <= {NOW} AND (d.died IS NULL OR d.died > {NOW})"
"""What the present generation shows."""
_NEXT = "d.died IS NULL"
"""What the next one will show."""
_OF = "FROM chunks c JOIN documents d ON d.d = c.d"
_OWN_OR_FIRST = (
    "coalesce((SELECT v.vector FROM vectors v WHERE v.n = c.n), (SELECT v.vector FROM chunks x "
    "JOIN vectors v ON v.n = x.n WHERE x.d = c.d ORDER BY x.place LIMIT 1))"
)
_PAGE = 500
"""Texts that are read at once."""


class Manifest(SqliteFile):
    """One collection's SQLite file. Safe to share between threads; several processes may read it."""

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables, or bring those of an earlier format to this one."""
        prepare(connection)

    def get(self, key: str, default: str = "") -> str:
        """Return a value of the collection's own notes (model, versions)."""
        with self.open() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return default if row is None else str(row[0])

    def put(self, **values: str) -> None:
        """Keep notes, in one transaction."""
        with self.open() as connection, connection:
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(values.items()))

    @property
    def version(self) -> int:
        """The generation that readers see; grows with every change of what they see."""
        return int(self.get("generation", "0"))

    def identity(self) -> str:
        """Return what tells this collection from a dropped one of its name; made when first asked."""
        known = self.get("identity")
        if not known:
            with self.open() as connection, connection:
                connection.execute(
                    "INSERT OR IGNORE INTO meta VALUES ('identity', lower(hex(randomblob(8))))"
                )
            known = self.get("identity")
        return known

    def leg(self, name: str) -> LegRecord | None:
        """Return what was published of a leg."""
        return LegRecord.load(self.get(f"leg:{name}"))

    # Writing

    def known(self, source: str) -> Known | None:
        """Return what the writer last stored of a document, or None."""
        with self.open() as connection:
            row = connection.execute(
                f"SELECT d, sha256, licence, origin FROM documents d WHERE source = ? AND {_NEXT}", (source,)
            ).fetchone()
        return None if row is None else Known(*row)

    def vectors_of(self, known: Known) -> dict[str, bytes]:
        """Return the vectors of a stored document by chunk id: a changed file embeds what is new in it."""
        with self.open() as connection:
            rows = connection.execute(
                "SELECT c.id, v.vector FROM chunks c JOIN vectors v ON v.n = c.n WHERE c.d = ?", (known.d,)
            )
            return dict(rows.fetchall())

    def write(self, batch: Sequence[Prepared], vectors: Mapping[str, bytes], embedder: str) -> None:
        """Store documents in one transaction for the next generation; a known source is replaced.

        Args:
            batch: Documents with their pieces.
            vectors: Unit vectors as bytes of float32, by chunk id, of the pieces that have one of their own.
            embedder: Hash of the model that made them.
        """
        with self.open() as connection, connection:
            generation = self.version + 1
            for item in batch:
                self._bury(connection, item.document.source, generation)
                d = connection.execute(
                    "INSERT INTO documents (source, doc_id, title, sha256, licence, origin, reader, "
                    "metadata, language, quality, words, digest, signature, embedder, born) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (*item.row(), embedder, generation),
                ).lastrowid
                # The same text at the same place twice is one chunk: its id is the same.
                pieces = {chunk_id(item.document.source, piece): piece for piece in item.pieces}
                for place, (id_, piece) in enumerate(pieces.items(), start=1):
                    locator = piece.locator.model_dump_json(exclude_none=True)
                    row = (id_, d, place, piece.kind, piece.title, piece.text, locator, piece.embed)
                    n = connection.execute(
                        "INSERT INTO chunks (id, d, place, kind, title, text, locator, embed, print) "
                        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (*row, item.prints.get(id_, b"")),
                    ).lastrowid
                    if id_ in vectors:
                        connection.execute("INSERT INTO vectors VALUES (?, ?)", (n, vectors[id_]))

    def relabel(self, known: Known, licence: str, origin: str) -> None:
        """Change the lineage of a stored document, whose content is as it was; seen at once."""
        with self.open() as connection, connection:
            connection.execute(
                "UPDATE documents SET licence = ?, origin = ? WHERE d = ?", (licence, origin, known.d)
            )

    def _bury(self, connection: sqlite3.Connection, source: str, generation: int) -> None:
        # What no reader has seen yet goes at once, the rest when the next generation is published.
        connection.execute("DELETE FROM documents WHERE source = ? AND born >= ?", (source, generation))
        connection.execute(
            "UPDATE documents SET died = ? WHERE source = ? AND died IS NULL", (generation, source)
        )

    def pending(self) -> bool:
        """Whether something was written that no generation shows yet."""
        with self.open() as connection:
            row = connection.execute(
                f"SELECT EXISTS (SELECT 1 FROM documents WHERE born > {NOW}) "
                f"OR EXISTS (SELECT 1 FROM documents WHERE died > {NOW}) "
                "OR NOT EXISTS (SELECT 1 FROM meta WHERE key = 'generation')"
            ).fetchone()
        return bool(row[0])

    def changes(self) -> Change:
        """Return what the next generation shows and the present one does not, and the other way round."""
        with self.open() as connection:
            added = connection.execute(
                f"SELECT c.n {_OF} WHERE d.born > {self.version} AND {_NEXT} ORDER BY c.n"
            )
            gone = f"SELECT c.n {_OF} WHERE d.died > {self.version} AND d.born <= {self.version} ORDER BY c.n"
            return Change([row[0] for row in added], [row[0] for row in connection.execute(gone)])

    def publish(self, legs: Mapping[str, LegRecord], **notes: str) -> None:
        """Let readers see everything that was written, with the states of the legs that belong to it."""
        values = {f"leg:{name}": record.dump() for name, record in legs.items()} | notes
        values["generation"] = str(self.version + 1)
        self.put(**values)

    def dead(self) -> list[int]:
        """Return the numbers of chunks that no generation shows any more and `purge` will delete."""
        with self.open() as connection:
            return [row[0] for row in connection.execute(f"SELECT c.n {_OF} WHERE d.died <= {NOW}")]

    def purge(self) -> None:
        """Delete what no generation shows any more."""
        with self.open() as connection, connection:
            connection.execute(f"DELETE FROM documents WHERE died <= {NOW}")

    # Reading

    def counts(self, *, pending: bool = False) -> tuple[int, int, dict[str, int]]:
        """Return the number of documents, of chunks, and of chunks by kind."""
        seen = _NEXT if pending else _SEEN
        with self.open() as connection:
            documents = connection.execute(f"SELECT count(*) FROM documents d WHERE {seen}").fetchone()[0]
            kinds = dict(
                connection.execute(f"SELECT kind, count(*) {_OF} WHERE {seen} GROUP BY kind ORDER BY kind")
            )
        return int(documents), sum(kinds.values()), kinds

    def ids(self, *, embedded: bool = False) -> dict[str, int]:
        """Return every chunk's id with its number; with `embedded` of those with a vector of their own."""
        own = "AND EXISTS (SELECT 1 FROM vectors v WHERE v.n = c.n)" if embedded else ""
        with self.open() as connection:
            return dict(
                connection.execute(f"SELECT c.id, c.n {_OF} WHERE {_SEEN} {own} ORDER BY c.n").fetchall()
            )

    def next_numbers(self, *, embedded: bool = False) -> list[int]:
        """Return the numbers of the chunks that the next generation will show, ascending."""
        own = "JOIN vectors v ON v.n = c.n" if embedded else ""
        with self.open() as connection:
            return [
                row[0] for row in connection.execute(f"SELECT c.n {_OF} {own} WHERE {_NEXT} ORDER BY c.n")
            ]

    def searched(self, numbers: Sequence[int]) -> Iterator[tuple[int, str]]:
        """Yield the number and searched text of chunks, in order, without holding the file."""
        for start in range(0, len(numbers), _PAGE):
            part = numbers[start : start + _PAGE]
            with self.open() as connection:
                rows = select_in(connection, "SELECT n, title, text FROM chunks WHERE n IN", part)
            for n, title, text in sorted(rows):
                yield n, searched_text(title, text)

    def with_vectors(self, numbers: Sequence[int]) -> list[tuple[Chunk, bytes]]:
        """Return chunks that have a vector of their own, with it; whatever generation shows them."""
        with self.open() as connection:
            chunks = [
                chunk_of(row) for row in select_in(connection, f"SELECT {COLUMNS} WHERE c.n IN", numbers)
            ]
            vectors = dict(select_in(connection, "SELECT n, vector FROM vectors WHERE n IN", numbers))
        return [(chunk, vectors[chunk.n]) for chunk in chunks if chunk.n in vectors]

    def chunks(self, ids: Iterable[str] | None = None) -> list[Chunk]:
        """Return chunks by id, in no order; all of them without ids."""
        if ids is None:
            return list(self.each())
        with self.open() as connection:
            rows = select_in(connection, f"SELECT {COLUMNS} WHERE {_SEEN} AND c.id IN", list(ids))
        return [chunk_of(row) for row in rows]

    def each(self) -> Iterator[Chunk]:
        """Yield every chunk in order, without holding the file or all of them."""
        last = 0
        while True:
            with self.open() as connection:
                rows = connection.execute(
                    f"SELECT {COLUMNS} WHERE {_SEEN} AND c.n > ? ORDER BY c.n LIMIT 1000", (last,)
                ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield from map(chunk_of, rows)

    def vectors(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the stored vectors of chunks by id; one without a vector has its document's first."""
        import numpy as np

        with self.open() as connection:
            rows = select_in(connection, f"SELECT c.id, {_OWN_OR_FIRST} {_OF} WHERE {_SEEN} AND c.id IN", ids)
        return {id_: np.frombuffer(body, dtype=np.float32) for id_, body in rows if body}

    def vectors_at(self, numbers: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """Return the stored vectors of chunks that readers see by number, like `vectors` otherwise."""
        import numpy as np

        with self.open() as connection:
            found = dict(select_in(connection, "SELECT n, vector FROM vectors WHERE n IN", numbers))
            rest = [number for number in numbers if number not in found]
            if rest:
                statement = f"SELECT c.n, {_OWN_OR_FIRST} {_OF} WHERE c.n IN"
                found.update(row for row in select_in(connection, statement, rest) if row[1])
        return {number: np.frombuffer(body, dtype=np.float32) for number, body in found.items()}

    def sources(self, kind: PieceKind) -> dict[str, tuple[str, str]]:
        """Return (hash, document id) of every document that has pieces of a kind, by source."""
        with self.open() as connection:
            rows = connection.execute(
                f"SELECT source, sha256, doc_id FROM documents d WHERE {_SEEN} AND EXISTS "
                "(SELECT 1 FROM chunks c WHERE c.d = d.d AND c.kind = ?) ORDER BY source",
                (kind,),
            ).fetchall()
        return {source: (digest, doc_id) for source, digest, doc_id in rows}

    def pieces_of(self, source: str) -> list[Chunk]:
        """Return the chunks of one document, in order."""
        with self.open() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} WHERE d.source = ? AND {_SEEN} ORDER BY c.place", (source,)
            ).fetchall()
        return [chunk_of(row) for row in rows]

    def first_vectors(self, kind: PieceKind) -> dict[str, NDArray[np.float32]]:
        """Return the first vector of each document with pieces of a kind, by source."""
        import numpy as np

        with self.open() as connection:
            # With a lone min(), SQLite takes the other columns from the row that has it.
            rows = connection.execute(
                f"SELECT d.source, v.vector, min(c.n) {_OF} JOIN vectors v ON v.n = c.n "
                f"WHERE {_SEEN} AND c.kind = ? GROUP BY d.source",
                (kind,),
            ).fetchall()
        return {source: np.frombuffer(body, dtype=np.float32) for source, body, _ in rows}

    def documents(self, columns: str, item: str = "") -> list[Any]:
        """Return columns of every document, or of those with a source, an id or a piece of a name."""
        test = (
            "AND (d.source = ? OR d.doc_id = ? OR d.d IN (SELECT c.d FROM chunks c WHERE c.id = ?))"
            if item
            else ""
        )
        with self.open() as connection:
            return connection.execute(
                f"SELECT {columns} FROM documents d WHERE {_SEEN} {test} ORDER BY d.d",
                (item,) * 3 * bool(item),
            ).fetchall()

    def fingerprints(self) -> list[tuple[str, str, bytes]]:
        """Return source, digest of words and signature of every document, in the order of adding."""
        return self.documents("d.source, d.digest, d.signature")

    def image_prints(self) -> list[tuple[str, str | None, bytes]]:
        """Return source, hash and perceptual hash of every image piece, in the order of adding."""
        with self.open() as connection:
            return connection.execute(
                f"SELECT d.source, json_extract(c.locator, '$.sha256'), c.print {_OF} "
                f"WHERE {_SEEN} AND c.kind = 'image' ORDER BY c.n"
            ).fetchall()

    def waiting(self) -> int:
        """Return how many documents were written that no generation shows yet."""
        with self.open() as connection:
            row = connection.execute(
                f"SELECT count(*) FROM documents d WHERE {_NEXT} AND born > {self.version}"
            )
            return int(row.fetchone()[0])

    def names(self, numbers: Sequence[int]) -> dict[int, str]:
        """Return the ids of chunks by number; numbers that are gone are left out."""
        with self.open() as connection:
            return dict(select_in(connection, f"SELECT c.n, c.id {_OF} WHERE {_SEEN} AND c.n IN", numbers))

    def numbers(self, ids: Sequence[str]) -> dict[str, int]:
        """Return the numbers of chunks by id; ids that are gone are left out."""
        with self.open() as connection:
            return dict(select_in(connection, f"SELECT c.id, c.n {_OF} WHERE {_SEEN} AND c.id IN", ids))

    def numbers_where(self, where: Mapping[str, Any]) -> set[int]:
        """Return the numbers of the chunks that a filter lets through."""
        tests, values = [_SEEN], []
        for key, value in where.items():
            if key in {"source", "doc_id"}:
                tests.append(f"d.{key} = ?")
            elif key == "kind":
                tests.append("c.kind = ?")
            else:
                tests.append("json_extract(d.metadata, ?) = ?")
                values.append(f'$."{key}"')
            values.append(value)
        with self.open() as connection:
            rows = connection.execute(f"SELECT c.n {_OF} WHERE {' AND '.join(tests)}", values)
            return {row[0] for row in rows}
