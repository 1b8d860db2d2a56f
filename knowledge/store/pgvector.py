"""Vectors in PostgreSQL with pgvector: one table a collection, HNSW by inner product.

Malkov and Yashunin 2016, "Efficient and robust approximate nearest neighbor search using HNSW". Vectors go
over as text, which pgvector reads itself, so that psycopg is the only package needed.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.errors import VidenceError, unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SETTINGS = (
    # What stands after the beam may be needed when a filter lets little through (pgvector 0.8).
    "SET hnsw.iterative_scan = relaxed_order",
    "SET hnsw.ef_search = 200",
)
_INDEX = "USING hnsw (vector vector_ip_ops) WITH (m = 16, ef_construction = 200)"
_CONNECT_S = 10


class PgVectors:
    """One table of vectors. Opened on first use.

    Args:
        url: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`.
        table: Letters, digits and `_`.
    """

    def __init__(self, url: str, table: str) -> None:
        if not re.fullmatch(r"\w+", table):
            raise ValueError(table)
        self._url = url
        self._table = table
        self._lock = threading.RLock()
        self._connection: Any = None

    def _run(self, statement: str, values: Any = None, *, many: bool = False) -> list[Any]:
        """Run a statement, opening the connection first; a failure becomes a typed error."""
        psycopg = _psycopg()
        with self._lock:
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = self._connect(psycopg)
                with self._connection.cursor() as cursor:
                    if many:
                        with self._connection.transaction():
                            cursor.executemany(statement, values)
                        return []
                    cursor.execute(statement, values)
                    return list(cursor.fetchall()) if cursor.description else []
            except psycopg.errors.UndefinedTable:
                return []
            except psycopg.Error as error:
                raise self._fail(error) from error

    def _connect(self, psycopg: Any) -> Any:
        connection = psycopg.connect(self._url, autocommit=True, connect_timeout=_CONNECT_S)
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        for setting in _SETTINGS:
            connection.execute(setting)
        return connection

    def _fail(self, error: Exception) -> VidenceError:
        place = re.sub(r"//[^@/]*@", "//", self._url)
        return unavailable(
            f"PostgreSQL at {place} cannot be used: {str(error).strip()}",
            help="Start it, give it the extension pgvector, or change the setting `dense_url` "
            "(VIDENCE_DENSE_URL).",
        )

    def count(self) -> int:
        """Return how many vectors there are."""
        rows = self._run(f"SELECT count(*) FROM {self._table}")
        return int(rows[0][0]) if rows else 0

    def numbers(self) -> set[int]:
        """Return the numbers that have a vector."""
        return {row[0] for row in self._run(f"SELECT n FROM {self._table}")}

    def add(
        self, numbers: Sequence[int], vectors: NDArray[np.float32], metadatas: Sequence[Mapping[str, Any]]
    ) -> None:
        """Store vectors, shape (n, dim); a known number is overwritten."""
        self._run(
            f"CREATE TABLE IF NOT EXISTS {self._table} (n bigint PRIMARY KEY, "
            f"vector vector({vectors.shape[1]}) NOT NULL, metadata jsonb NOT NULL)"
        )
        self._run(f"CREATE INDEX IF NOT EXISTS {self._table}_near ON {self._table} {_INDEX}")
        rows = [
            # PostgreSQL's JSON has no zero character.
            (number, _text(vector), json.dumps(dict(metadata)).replace("\\u0000", ""))
            for number, vector, metadata in zip(numbers, vectors, metadatas, strict=True)
        ]
        self._run(
            f"INSERT INTO {self._table} VALUES (%s, %s::vector, %s::jsonb) "
            "ON CONFLICT (n) DO UPDATE SET vector = excluded.vector, metadata = excluded.metadata",
            rows,
            many=True,
        )

    def delete(self, numbers: Sequence[int]) -> None:
        """Take numbers out."""
        if numbers:
            self._run(f"DELETE FROM {self._table} WHERE n = ANY(%s)", (list(numbers),))

    def search(
        self, vector: NDArray[np.float32], k: int, where: Mapping[str, Any]
    ) -> list[tuple[int, float]]:
        """Return up to k numbers with their cosine, best first."""
        near = f"vector <#> '{_text(vector)}'::vector"
        test = "WHERE metadata @> %s::jsonb " if where else ""
        values = [json.dumps(dict(where)), k] if where else [k]
        # pgvector's <#> is the inner product with its sign turned.
        rows = self._run(f"SELECT n, -({near}) FROM {self._table} {test}ORDER BY {near} LIMIT %s", values)
        return sorted(((int(n), float(cosine)) for n, cosine in rows), key=lambda row: -row[1])

    def drop(self) -> None:
        """Delete the table."""
        self._run(f"DROP TABLE IF EXISTS {self._table}")
        self.close()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None


def _text(vector: NDArray[np.float32]) -> str:
    return "[" + ",".join(f"{value:.8g}" for value in vector.tolist()) + "]"


def _psycopg() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise unavailable(
            "Vectors in PostgreSQL (the setting `dense_url`) need psycopg",
            help="Run `pip install 'vidence[stores]'`, or leave VIDENCE_DENSE_URL empty.",
            retryable=False,
        ) from error
    return psycopg
