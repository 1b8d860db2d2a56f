"""Threads: a conversation belongs to an owner, and two owners may use one name for theirs."""

from __future__ import annotations

import uuid

from core.errors import VidenceError
from server.clock import iso_now
from server.runs.quota import keep_count
from server.runs.records import Thread
from server.storage.sql import Connection, SqlDatabase
from server.stream.log import EventLog

_COUNTED = (
    "SELECT thread_id, title, created_at, (SELECT count(*) FROM runs WHERE thread_key = key) AS runs"
    " FROM threads"
)


class Threads:
    """The threads of the ledger."""

    def __init__(self, database: SqlDatabase, log: EventLog) -> None:
        self._database = database
        self._log = log

    def check(self) -> None:
        """Raise `unavailable` while the database is away: who asks now need not wait for that."""
        self._database.check()

    async def create_thread(self, owner: str, thread_id: str, title: str) -> Thread:
        """Return the owner's thread, made when new."""
        await self._database.write(lambda to: ensure_thread(to, owner, thread_id, title, iso_now()))
        found = await self.thread(owner, thread_id)
        assert found is not None
        return found

    async def thread(self, owner: str, thread_id: str) -> Thread | None:
        """Return a thread of the owner."""
        statement = f"{_COUNTED} WHERE owner = ? AND thread_id = ?"
        row = await self._database.read(lambda to: to.execute(statement, (owner, thread_id)).fetchone())
        return None if row is None else Thread(**row)

    async def threads(self, owner: str, *, offset: int = 0, limit: int = 50) -> list[Thread]:
        """Return the owner's threads, the newest first."""
        statement = f"{_COUNTED} WHERE owner = ? ORDER BY created_at DESC, thread_id DESC LIMIT ? OFFSET ?"
        rows = await self._database.read(lambda to: to.execute(statement, (owner, limit, offset)).fetchall())
        return [Thread(**row) for row in rows]

    async def delete_thread(self, owner: str, thread_id: str) -> tuple[str, list[str]] | None:
        """Forget a thread with its runs, their evidence and events.

        Returns:
            Its key and the ids of its runs, or None when there is no such thread.

        Raises:
            VidenceError: `blocked` while one of its runs is open.
        """

        def work(to: Connection) -> tuple[str, list[str]] | None:
            row = to.execute(
                "SELECT key FROM threads WHERE owner = ? AND thread_id = ?", (owner, thread_id)
            ).fetchone()
            if row is None:
                return None
            key = str(row[0])
            statement = "SELECT run_id, status, created_at FROM runs WHERE thread_key = ?"
            runs = to.execute(statement, (key,)).fetchall()
            if any(run["status"] in ("queued", "running", "input_required") for run in runs):
                raise VidenceError(
                    "blocked",
                    f"Thread `{thread_id}` has a run that has not ended",
                    help="Cancel it first.",
                    retryable=True,
                )
            keep_count(to, owner, [str(run["created_at"]) for run in runs])
            ids = [str(run["run_id"]) for run in runs]
            for table in ("owed", "events", "streams", "journal", "evidence", "results", "runs"):
                to.executemany(f"DELETE FROM {table} WHERE run_id = ?", [(id_,) for id_ in ids])
            to.execute("DELETE FROM threads WHERE key = ?", (key,))
            return key, ids

        gone = await self._database.write(work)
        if gone is not None:
            await self._log.forget(gone[1])
        return gone


def ensure_thread(to: Connection, owner: str, thread_id: str, title: str, now: str) -> str:
    """Return the key of the owner's thread, made when new: the checkpoints know it by this alone."""
    to.execute(
        "INSERT INTO threads VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (owner, thread_id, f"s-{uuid.uuid4().hex}", title, now),
    )
    row = to.execute(
        "SELECT key FROM threads WHERE owner = ? AND thread_id = ?", (owner, thread_id)
    ).fetchone()
    return str(row[0])
