"""One SQLite file with one writer thread: what waits together is committed together.

A commit that reaches the disk costs milliseconds, so many runs would queue for it one by one. Here the writer
takes all that waits, runs each piece in its own savepoint, and commits once; then every caller hears.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeVar

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

BATCH = 256
"""Pieces of work that share a commit, at most."""
READERS = 4


class Database:
    """A file in WAL mode, opened by `open`; several processes may have it open.

    Args:
        path: The file; it is made, with its folder.
        migrations: SQL scripts, in order; those that the file has not seen are run when it opens.
        synchronous: `FULL` waits for the disk at every commit, `NORMAL` survives a killed process only.
    """

    def __init__(
        self, path: Path, migrations: Sequence[str], *, synchronous: Literal["FULL", "NORMAL"] = "FULL"
    ) -> None:
        self._path = path
        self._synchronous = synchronous
        self._migrations = migrations
        self._waiting: queue.SimpleQueue[tuple[Work[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []

    async def open(self) -> None:
        """Make or migrate the file and start the writer."""
        await asyncio.to_thread(self._prepare)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="server-db-read")
        self._writer = threading.Thread(target=self._write_forever, name="server-db-write", daemon=True)
        self._writer.start()

    async def close(self) -> None:
        """Write what waits, then close."""
        if self._writer is None or self._readers is None:
            return
        self._waiting.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        self._writer = self._readers = None
        while self._connections:
            self._connections.pop().close()

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction that is on disk when this returns; an exception undoes it alone."""
        done: Future[T] = Future()
        self._waiting.put((work, done))
        return await asyncio.wrap_future(done)

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a connection for reading, in a thread; it sees all that was committed."""
        assert self._readers is not None, "open() comes first"
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def _read(self, work: Work[T]) -> T:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            connection.execute("PRAGMA query_only=ON")
        return work(connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, check_same_thread=False, timeout=30.0, isolation_level=None)
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

    def _write_forever(self) -> None:
        connection = self._connect()
        connection.execute(f"PRAGMA synchronous={self._synchronous}")
        while True:
            batch = self._take()
            if batch:
                _commit(connection, [item for item in batch if item is not None])
            if None in batch:
                return

    def _take(self) -> list[tuple[Work[Any], Future[Any]] | None]:
        batch = [self._waiting.get()]
        while len(batch) < BATCH and batch[-1] is not None:
            try:
                batch.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        return batch


def _statements(script: str) -> Iterator[str]:
    """Cut a script into statements; one that defines a trigger has semicolons inside."""
    held = ""
    for piece in script.split(";"):
        held += f"{piece};"
        if sqlite3.complete_statement(held):
            if held.strip(" ;\n"):
                yield held
            held = ""


def _commit(connection: sqlite3.Connection, batch: Sequence[tuple[Work[Any], Future[Any]]]) -> None:
    """Run every piece, commit once, and tell every caller how it went."""
    results: list[tuple[Future[Any], Any, BaseException | None]] = []
    try:
        connection.execute("BEGIN IMMEDIATE")
        for work, done in batch:
            if not done.set_running_or_notify_cancel():
                continue
            connection.execute("SAVEPOINT piece")
            try:
                results.append((done, work(connection), None))
            except Exception as error:  # noqa: BLE001 - it belongs to the caller
                connection.execute("ROLLBACK TO piece")
                results.append((done, None, error))
            connection.execute("RELEASE piece")
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        for done in (done for _, done in batch):
            if not done.done():
                done.set_exception(error)
        return
    for done, value, failed in results:
        if failed is None:
            done.set_result(value)
        else:
            done.set_exception(failed)
