"""The token leg: 8-bit token vectors of every piece, by its id, in one memory-mapped SQLite file.

A piece's id is a hash of what is searched of it, so that an entry is never stale: it belongs to a piece of
the manifest or to none. An add writes it before the manifest; `sync` takes out what no piece names.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.sqlite_file import SqliteFile, select_in

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.int8]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (id TEXT PRIMARY KEY, codes BLOB NOT NULL);
"""
_MAPPED_BYTES = 1 << 38


class TokenLeg(SqliteFile):
    """Token vectors under one file. Safe to share between threads; several processes may read it.

    Args:
        path: The file; it is made when something is first written.
    """

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables; the vectors are read through a memory map."""
        connection.execute(f"PRAGMA mmap_size={_MAPPED_BYTES}")
        connection.executescript(_SCHEMA)

    def model(self) -> str:
        """Return the hash of the token vectors' model, empty while there are none."""
        with self.open() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = 'model'").fetchone()
        return str(row[0]) if row else ""

    def put(self, codes: Mapping[str, Codes], model: str) -> None:
        """Store the codes of pieces by id, shape (tokens, dims); another model's are taken out first."""
        known = self.model()
        with self.open() as connection, connection:
            if known != model:
                connection.execute("DELETE FROM tokens")
                connection.execute("INSERT OR REPLACE INTO meta VALUES ('model', ?)", (model,))
            connection.executemany(
                "INSERT OR REPLACE INTO tokens VALUES (?, ?)",
                [(id_, code.tobytes()) for id_, code in codes.items()],
            )

    def get(self, ids: Sequence[str], dims: int) -> dict[str, Codes]:
        """Return the codes of pieces by id, shape (tokens, dims); what is not there is left out."""
        import numpy as np

        with self.open() as connection:
            rows = select_in(connection, "SELECT id, codes FROM tokens WHERE id IN", ids)
        return {id_: np.frombuffer(body, dtype=np.int8).reshape(-1, dims) for id_, body in rows}

    def ids(self) -> set[str]:
        """Return the ids of all pieces that have an entry."""
        with self.open() as connection:
            return {row[0] for row in connection.execute("SELECT id FROM tokens")}

    def delete(self, ids: Sequence[str]) -> None:
        """Take ids out."""
        with self.open() as connection, connection:
            connection.executemany("DELETE FROM tokens WHERE id = ?", [(id_,) for id_ in ids])
