"""The log of events in SQLite, with the newest events of busy runs also in memory for their readers."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import OrderedDict, deque
from collections.abc import Sequence

from server.clock import iso_now
from server.runs.records import LeaseLost, Run
from server.storage.database import Database
from server.stream.events import LAST, Draft, Event, encode
from server.stream.log import Page
from server.stream.wake import Wake

TAIL = 128
"""Events of a run kept in memory."""
EXPIRED_AT_ONCE = 200
"""Runs whose events go in one transaction: other writes wait for it."""
TAILS = 512
"""Runs whose tail is kept; the least recently written goes first."""


class SqliteEventLog:
    """Events by run, at most `bound` each.

    Args:
        database: Where they are kept; it is opened and closed by its owner.
        bound: Events a run; the oldest are dropped.
    """

    def __init__(self, database: Database, bound: int) -> None:
        self._database = database
        self._bound = bound
        self._wake = Wake()
        self._tails: OrderedDict[str, deque[Event]] = OrderedDict()

    async def append(self, run: Run, drafts: Sequence[Draft]) -> None:
        """Number, keep and announce events; raises `LeaseLost` when a newer lease has written."""
        if drafts:
            self.announce(run.run_id, await self._database.write(lambda to: self.write(to, run, drafts)))

    def write(self, connection: sqlite3.Connection, run: Run, drafts: Sequence[Draft]) -> list[Event]:
        """Write events within a transaction; the caller announces them once it is committed."""
        row = connection.execute(
            "SELECT epoch, first_seq, last_seq FROM streams WHERE run_id = ?", (run.run_id,)
        ).fetchone()
        epoch, first, last = tuple(row) if row else (run.epoch, 1, 0)
        if epoch > run.epoch:
            raise LeaseLost(run.run_id)
        now = iso_now()
        written: list[Event] = []
        for draft in drafts:
            seq = last + 1
            body = encode(draft, run.run_id, run.thread_id, seq, now)
            values = (run.run_id, seq, draft.type, draft.key, body)
            if connection.execute("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?)", values).rowcount:
                written.append(Event.of(seq, draft.type, body))
                last = seq
        if last - first >= self._bound:
            first = last - self._bound + 1
            connection.execute("DELETE FROM events WHERE run_id = ? AND seq < ?", (run.run_id, first))
        closed = any(event.type == LAST for event in written)
        connection.execute(
            "INSERT INTO streams VALUES (?, ?, ?, ?, ?) ON CONFLICT (run_id) DO UPDATE SET"
            " epoch = excluded.epoch, first_seq = excluded.first_seq, last_seq = excluded.last_seq,"
            " closed = closed OR excluded.closed",
            (run.run_id, run.epoch, first, last, closed),
        )
        return written

    def announce(self, run_id: str, events: Sequence[Event]) -> None:
        """Let readers see what was committed."""
        if not events:
            return
        tail = self._tails.setdefault(run_id, deque(maxlen=min(TAIL, self._bound)))
        if tail and tail[-1].seq + 1 != events[0].seq:
            tail.clear()  # another worker wrote in between
        tail.extend(events)
        self._tails.move_to_end(run_id)
        if events[-1].type == "input.required":
            # The lease is given up: whoever answers may be continued by another worker.
            del self._tails[run_id]
        while len(self._tails) > TAILS:
            self._tails.popitem(last=False)
        self._wake.notify(run_id)

    async def read(self, run_id: str, after: int, limit: int = 500) -> Page:
        """Return the events after a number, from memory where it has them all."""
        tail = self._tails.get(run_id)
        if tail and tail[0].seq <= after + 1 <= tail[-1].seq:
            return self._page(tail, after, limit)
        return await self._database.read(lambda connection: _read(connection, run_id, after, limit))

    def _page(self, tail: deque[Event], after: int, limit: int) -> Page:
        events = tuple(event for event in tail if event.seq > after)[:limit]
        last = tail[-1]
        return Page(events, tail[0].seq, last.seq, last.type == LAST)

    async def expire(self, before: str) -> int:
        """Drop the events of runs that ended before a time; return how many runs that were."""

        def work(to: sqlite3.Connection) -> list[str]:
            rows = to.execute(
                "SELECT s.run_id FROM streams s JOIN runs r ON r.run_id = s.run_id"
                " WHERE s.closed = 1 AND s.first_seq <= s.last_seq AND r.finished_at < ?"
                " AND r.finished_at != '' LIMIT ?",
                (before, EXPIRED_AT_ONCE),
            ).fetchall()
            ids = [(row[0],) for row in rows]
            to.executemany("DELETE FROM events WHERE run_id = ?", ids)
            to.executemany("UPDATE streams SET first_seq = last_seq + 1 WHERE run_id = ?", ids)
            return [id_ for (id_,) in ids]

        gone = await self._database.write(work)
        for run_id in gone:
            self._tails.pop(run_id, None)
        return len(gone)

    def signal(self, run_id: str) -> asyncio.Event:
        """Return an event that is set when this process appends to the run."""
        return self._wake.signal(run_id)


def _read(connection: sqlite3.Connection, run_id: str, after: int, limit: int) -> Page:
    connection.execute("BEGIN")  # one view of both tables
    try:
        row = connection.execute(
            "SELECT first_seq, last_seq, closed FROM streams WHERE run_id = ?", (run_id,)
        ).fetchone()
        if row is None:
            return Page((), 1, 0, closed=False)
        rows = connection.execute(
            "SELECT seq, type, body FROM events WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT ?",
            (run_id, after, limit),
        ).fetchall()
    finally:
        connection.execute("COMMIT")
    return Page(
        tuple(Event.of(*item) for item in rows), row["first_seq"], row["last_seq"], bool(row["closed"])
    )
