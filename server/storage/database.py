"""One SQLite file: where an embedded server keeps everything."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from server.clock import unix_now
from server.storage.grouped import GroupedDatabase, Outcome, run_pieces
from server.storage.sql import StoreAway, Work

T = TypeVar("T")

LOCK_WAIT_S = 10.0
"""How long a write waits while another process writes to the file, before what asked for it fails."""


class Database(GroupedDatabase):
    """A file in WAL mode, opened by `open`; several processes may have it open.

    Args:
        path: The file; it is made, with its folder.
        migrations: SQL scripts, in order; those that the file has not seen are run when it opens.
        synchronous: `FULL` waits for the disk at every commit, `NORMAL` survives a killed process only.
    """

    def __init__(
        self, path: Path, migrations: Sequence[str], *, synchronous: Literal["FULL", "NORMAL"] = "FULL"
    ) -> None:
        super().__init__()
        self._path = path
        self._synchronous = synchronous
        self._migrations = migrations
        self._write_to: sqlite3.Connection | None = None
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._waited_in_vain: sqlite3.Error | None = None

    def check(self) -> None:
        """Raise `StoreAway` while another process holds the file: the last write waited in vain."""
        if self._waited_in_vain is not None:
            raise held_elsewhere(self._waited_in_vain)

    def now(self) -> float:
        """Return seconds since 1970: a file is on one machine, and its clock is everybody's."""
        return unix_now()

    def _close(self) -> None:
        self._write_to = None
        while self._connections:
            self._connections.pop().close()

    def _read(self, work: Work[T]) -> T:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            connection.execute("PRAGMA query_only=ON")
        return work(connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, check_same_thread=False, timeout=LOCK_WAIT_S, isolation_level=None
        )
        connection.row_factory = sqlite3.Row
        self._connections.append(connection)
        return connection

    def _prepare(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = self._connect()
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("BEGIN IMMEDIATE")  # of several processes that start at once, one migrates
        try:
            seen = connection.execute("PRAGMA user_version").fetchone()[0]
            for script in self._migrations[seen:]:
                for statement in _statements(script):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version={len(self._migrations)}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _commit(self, work: Sequence[Work[Any]]) -> list[Outcome]:
        """Run every piece and commit once; raises `StoreAway` while another process holds the file."""
        if self._write_to is None:
            self._write_to = self._connect()
            self._write_to.execute(f"PRAGMA synchronous={self._synchronous}")
        connection = self._write_to
        try:
            connection.execute("BEGIN IMMEDIATE")
            outcomes = run_pieces(connection, work)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if not is_locked(error):
                raise
            self._waited_in_vain = error
            raise held_elsewhere(error) from error
        self._waited_in_vain = None
        return outcomes


def is_locked(error: BaseException) -> bool:
    """Tell whether an error says that another process has held a file for too long.

    A killed process holds nothing. One that was stopped within a write (SIGSTOP, a debugger, a paused
    container) keeps all others out until it goes on.
    """
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def held_elsewhere(error: BaseException) -> StoreAway:
    """Return what to raise for such an error."""
    return StoreAway(
        f"Another process holds a file of the data folder ({error})",
        help="Let it go on, or end it: it may be stopped or in a debugger. What was accepted goes on then.",
    )


def _statements(script: str) -> Iterator[str]:
    """Cut a script into statements; one that defines a trigger has semicolons inside."""
    held = ""
    for piece in script.split(";"):
        held += f"{piece};"
        if sqlite3.complete_statement(held):
            if held.strip(" ;\n"):
                yield held
            held = ""
