"""One SQLite file that threads of a process share: opened when first used, in WAL mode."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BOUND_AT_ONCE = 500
"""Values a statement: SQLite limits how many may be bound."""


class SqliteFile:
    """A file with one connection under a lock; several processes may have it open.

    A subclass makes its tables in `prepare`.

    Args:
        path: The file; it is made, with its folder, when first used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the file; it opens again when next used."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Make what a new file lacks."""

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """Hold the connection; other threads wait."""
        with self._lock:
            if self._connection is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                connection = sqlite3.connect(self.path, check_same_thread=False, timeout=30.0)
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.execute("PRAGMA foreign_keys=ON")
                self.prepare(connection)
                self._connection = connection
            yield self._connection


def select_in(
    connection: sqlite3.Connection, statement: str, values: Sequence[Any], *before: Any
) -> list[Any]:
    """Return the rows of a statement whose last column is in a list of any length, in no order.

    Args:
        connection: An open file.
        statement: A SELECT that ends with `IN`; the list is added in parentheses.
        values: What the list holds. A value given twice may bring its rows twice.
        before: Values of the marks that stand before the list.
    """
    rows: list[Any] = []
    for start in range(0, len(values), BOUND_AT_ONCE):
        part = values[start : start + BOUND_AT_ONCE]
        marks = ",".join("?" * len(part))
        rows += connection.execute(f"{statement} ({marks})", (*before, *part)).fetchall()
    return rows
