"""The log of events in the server's database, beside its runs: both change in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from server.clock import iso_now
from server.runs.records import LeaseLost, Run
from server.storage.sql import Connection, SqlDatabase
from server.stream.events import LAST, Draft, Event, encode
from server.stream.log import Page, Written
from server.stream.tails import Tails
from server.stream.wake import Wake

EXPIRED_AT_ONCE = 200
"""Runs whose events go in one transaction: other writes wait for it."""
WHOLE = 10_000


class SqlEventLog:
    """Events by run, at most `bound` each.

    Args:
        database: Where they are kept; it is opened and closed by its owner.
        bound: Events a run; the oldest are dropped.
    """

    def __init__(self, database: SqlDatabase, bound: int) -> None:
        self._database = database
        self._bound = bound
        self._wake = Wake()
        self._tails = Tails(bound)

    async def open(self) -> None:
        """Do nothing: the database is open."""

    async def close(self) -> None:
        """Do nothing: the database's owner closes it."""

    def check(self) -> None:
        """Do nothing: a database that is away refuses the run itself."""

    async def append(self, run: Run, drafts: Sequence[Draft]) -> None:
        """Number, keep and announce events; raises `LeaseLost` when a newer lease has written."""
        if drafts:
            await self.announce(await self._database.write(lambda to: self.write(to, run, drafts)))

    def write(self, to: Connection, run: Run, drafts: Sequence[Draft]) -> Written:
        """Write events within a transaction; the caller announces them once it is committed."""
        row = to.execute(
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
            statement = "INSERT INTO events VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            if to.execute(statement, values).rowcount:
                written.append(Event.of(seq, draft.type, body))
                last = seq
        if last - first >= self._bound:
            first = last - self._bound + 1
            to.execute("DELETE FROM events WHERE run_id = ? AND seq < ?", (run.run_id, first))
        closed = any(event.type == LAST for event in written)
        to.execute(
            "INSERT INTO streams VALUES (?, ?, ?, ?, ?) ON CONFLICT (run_id) DO UPDATE SET"
            " epoch = excluded.epoch, first_seq = excluded.first_seq, last_seq = excluded.last_seq,"
            " closed = CASE excluded.closed WHEN 1 THEN 1 ELSE streams.closed END",
            (run.run_id, run.epoch, first, last, int(closed)),
        )
        return Written(run, tuple(written))

    async def announce(self, written: Written) -> None:
        """Let readers see what was committed."""
        if written.events:
            self._tails.add(written.run.run_id, written.events)
            self._wake.notify(written.run.run_id)

    async def take_up(self, run: Run) -> tuple[Event, ...]:
        """Return all events of a run; older leases are shut out by the first that is written."""
        return (await self.read(run.run_id, 0, WHOLE)).events

    async def read(self, run_id: str, after: int, limit: int = 500) -> Page:
        """Return the events after a number, from memory where it has them all."""
        page = self._tails.page(run_id, after, limit)
        if page is not None:
            return page
        return await self._database.read(lambda to: _read(to, run_id, after, limit))

    async def forget(self, run_ids: Sequence[str]) -> None:
        """Drop what memory has of deleted runs; their rows went with them."""
        for run_id in run_ids:
            self._tails.drop(run_id)

    async def expire(self, before: str) -> int:
        """Drop the events of runs that ended before a time; return how many runs that were."""

        def work(to: Connection) -> list[str]:
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
        await self.forget(gone)
        return len(gone)

    def signal(self, topic: str) -> asyncio.Event:
        """Return an event that is set when this process has news of the run or topic."""
        return self._wake.signal(topic)

    async def nudge(self, topic: str) -> None:
        """Set the signals of a topic in this process; others look by themselves."""
        self._wake.notify(topic)


def _read(to: Connection, run_id: str, after: int, limit: int) -> Page:
    # One statement: it sees both tables as they are at one moment.
    rows = to.execute(
        "SELECT s.first_seq, s.last_seq, s.closed, e.seq, e.type, e.body FROM streams s"
        " LEFT JOIN events e ON e.run_id = s.run_id AND e.seq > ?"
        " WHERE s.run_id = ? ORDER BY e.seq LIMIT ?",
        (after, run_id, limit),
    ).fetchall()
    if not rows:
        return Page((), 1, 0, closed=False)
    first, last, closed = tuple(rows[0])[:3]
    events = tuple(Event.of(*tuple(row)[3:]) for row in rows if row["seq"] is not None)
    return Page(events, first, last, bool(closed))
