"""One writer thread: what waits together is committed together, in SQLite as in PostgreSQL.

A commit that reaches the disk costs milliseconds, so many runs would queue for it one by one. Here the writer
takes all that waits, runs each piece in its own savepoint, and commits once; then every caller hears.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from server.storage.sql import Connection, Work

T = TypeVar("T")
Piece = tuple[Work[Any], "Future[Any]"]
Outcome = tuple[Any, Exception | None]

BATCH = 256
"""Pieces of work that share a commit, at most."""
READERS = 4


class GroupedDatabase(ABC):
    """The threads of a database; what it is, a subclass says.

    `_prepare` makes the tables; `_commit` runs a batch in one transaction; `_read` runs one piece.
    """

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._readers: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        """Make or migrate the tables and start the writer."""
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
        self._close()

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction that is on disk when this returns; an exception undoes it alone."""
        done: Future[T] = Future()
        self._waiting.put((work, done))
        return await asyncio.wrap_future(done)

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a connection for reading, in a thread; it sees all that was committed."""
        assert self._readers is not None, "open() comes first"
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def aside(self, work: Work[T]) -> T:
        """Do what `write` does for one long statement whose order with others does not matter."""
        return await self.write(work)

    def write_here(self, work: Work[T], within_s: float | None = None) -> T:
        """Do what `write` does from a thread, which waits for it; raises `TimeoutError` after so long."""
        done: Future[T] = Future()
        self._waiting.put((work, done))
        return done.result(within_s)

    def read_here(self, work: Work[T], within_s: float | None = None) -> T:
        """Do what `read` does from a thread, which waits for it; raises `TimeoutError` after so long."""
        assert self._readers is not None, "open() comes first"
        return self._readers.submit(self._read, work).result(within_s)

    @abstractmethod
    def check(self) -> None:
        """Raise `StoreAway` when the database is known to be away."""

    @abstractmethod
    def now(self) -> float:
        """Return seconds since 1970 by the clock that all workers of this database share."""

    @property
    def waiting(self) -> int:
        """How many pieces of work wait for the writer."""
        return self._waiting.qsize()

    @abstractmethod
    def _prepare(self) -> None: ...

    @abstractmethod
    def _commit(self, work: Sequence[Work[Any]]) -> list[Outcome]: ...

    @abstractmethod
    def _read(self, work: Work[T]) -> T: ...

    @abstractmethod
    def _close(self) -> None: ...

    def _write_forever(self) -> None:
        while True:
            batch = self._take()
            begun = [item for item in batch if item and item[1].set_running_or_notify_cancel()]
            if begun:
                self._settle(begun)
            if None in batch:
                return

    def _settle(self, batch: Sequence[Piece]) -> None:
        try:
            outcomes = self._commit([work for work, _ in batch])
        except Exception as error:  # noqa: BLE001 - it belongs to every caller
            outcomes = [(None, error)] * len(batch)
        for (_, done), (value, failed) in zip(batch, outcomes, strict=True):
            if failed is None:
                done.set_result(value)
            else:
                done.set_exception(failed)

    def _take(self) -> list[Piece | None]:
        batch = [self._waiting.get()]
        while len(batch) < BATCH and batch[-1] is not None:
            try:
                batch.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        return batch


def run_pieces(connection: Connection, work: Sequence[Work[Any]]) -> list[Outcome]:
    """Run every piece of a transaction in a savepoint of its own."""
    outcomes: list[Outcome] = []
    for piece in work:
        connection.execute("SAVEPOINT piece")
        try:
            outcomes.append((piece(connection), None))
        except Exception as error:  # noqa: BLE001 - it belongs to the caller
            connection.execute("ROLLBACK TO piece")
            outcomes.append((None, error))
        connection.execute("RELEASE piece")
    return outcomes
