"""The registry's log: one SQLite table to which lines are only ever added."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from core.sqlite_file import SqliteFile
from finetune.release.records import Event

_TABLES = """
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    kind TEXT NOT NULL,
    why TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_by_name ON events (name, id);
CREATE TRIGGER IF NOT EXISTS events_stay BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'the history is append only'); END;
CREATE TRIGGER IF NOT EXISTS events_last BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'the history is append only'); END;
"""


class EventLog(SqliteFile):
    """Events of every model. Several processes may write; each addition is one transaction."""

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Make the table; a promotion must survive a power cut, so every commit is synced."""
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(_TABLES)

    def names(self) -> list[str]:
        """Return the names of the models there are."""
        if not self.path.exists():
            return []
        with self.open() as connection:
            return [row[0] for row in connection.execute("SELECT DISTINCT name FROM events ORDER BY name")]

    def events(self, name: str) -> list[Event]:
        """Return what happened to a model, oldest first."""
        if not self.path.exists():
            return []
        with self.open() as connection:
            return _events(connection, name)

    def add(self, name: str, decide: Callable[[Sequence[Event]], Event | None]) -> Event | None:
        """Add the event that `decide` makes of the history, in one transaction that no writer can enter.

        Args:
            name: The model.
            decide: Gets the history and returns the new event, or None for nothing; what it raises leaves
                the log as it was.
        """
        with self.open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                event = decide(_events(connection, name))
                if event is not None:
                    event = _insert(connection, event)
            except BaseException:
                connection.rollback()
                raise
            connection.commit()
            return event


def now() -> str:
    """Return the time as the log writes it: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _events(connection: sqlite3.Connection, name: str) -> list[Event]:
    rows = connection.execute(
        "SELECT id, at, who, name, version, kind, why, body FROM events WHERE name = ? ORDER BY id", (name,)
    )
    keys = ("id", "at", "who", "name", "version", "kind", "why")
    return [
        Event.model_validate(dict(zip(keys, row[:-1], strict=True)) | {"body": json.loads(row[-1])})
        for row in rows
    ]


def _insert(connection: sqlite3.Connection, event: Event) -> Event:
    cursor = connection.execute(
        "INSERT INTO events (at, who, name, version, kind, why, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (event.at, event.who, event.name, event.version, event.kind, event.why, json.dumps(event.body)),
    )
    return event.model_copy(update={"id": cursor.lastrowid or 0})
