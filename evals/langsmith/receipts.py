"""What LangSmith has confirmed: an interrupted upload goes on, and a second one sends nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from core.sqlite_file import SqliteFile


class Receipts(SqliteFile):
    """Ids of runs and scores by the experiment that they were sent to."""

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Make the table."""
        with connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS sent (experiment TEXT, id TEXT, PRIMARY KEY (experiment, id))"
            )

    def of(self, experiment: str) -> set[str]:
        """Return what was sent to an experiment."""
        with self.open() as connection:
            rows = connection.execute("SELECT id FROM sent WHERE experiment = ?", (experiment,))
            return {row[0] for row in rows}

    def add(self, experiment: str, ids: Iterable[str]) -> None:
        """Note what the server confirmed."""
        with self.open() as connection, connection:
            connection.executemany(
                "INSERT OR IGNORE INTO sent VALUES (?, ?)", [(experiment, one) for one in ids]
            )
