"""The ledger in SQLite. Runs and their events share the file, so that both change in one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence

from server.clock import iso_now, unix_now
from server.runs.ledger import Held, Lease, NewRun
from server.runs.policy import Admission, Open, admit
from server.runs.records import Failure, LeaseLost, Reply, Run, Status, Waiting
from server.runs.sqlite_rows import COLUMNS, insert_run, run_of
from server.runs.sqlite_threads import SqliteThreads, ensure_thread
from server.storage.database import Database
from server.stream.events import Draft, Event, RunStarted
from server.stream.sqlite_log import SqliteEventLog

_OPEN = "('queued', 'running', 'input_required')"
# What nobody holds: a queued run whose thread is free, an orphan, or one that only waits to be cancelled.
_FREE = f"""
SELECT {COLUMNS} FROM runs r WHERE r.status IN {_OPEN} AND r.lease_until < :now
    AND r.run_id NOT IN (SELECT value FROM json_each(:busy)) AND (
    r.status = 'running' OR r.cancel_requested = 1 OR (r.status = 'queued' AND NOT EXISTS (
        SELECT 1 FROM runs o
        WHERE o.thread_key = r.thread_key AND o.place < r.place AND o.status IN {_OPEN})))
ORDER BY r.place LIMIT :limit
"""


class SqliteLedger(SqliteThreads):
    """Keeps the promises of `RunLedger` in one SQLite file.

    Args:
        database: The server's file; it is opened and closed by its owner.
        log: The event log in the same file.
    """

    def __init__(self, database: Database, log: SqliteEventLog) -> None:
        super().__init__(database)
        self._log = log

    async def create(self, new: NewRun) -> tuple[Run, tuple[str, ...]]:
        """Keep a run with its `run.started`; raises `blocked` or `rate_limited` by the policy."""

        def work(to: sqlite3.Connection) -> tuple[Run, Admission, list[Event]]:
            now = iso_now()
            key = ensure_thread(to, new.owner, new.thread_id, new.spec.question[:80], now)
            rows = to.execute(
                f"SELECT run_id, status FROM runs WHERE thread_key = ? AND status IN {_OPEN} ORDER BY place",
                (key,),
            ).fetchall()
            admission = admit(new.spec.multitask, [Open(*row) for row in rows], new.thread_id)
            to.executemany(
                "UPDATE runs SET cancel_requested = 1 WHERE run_id = ?",
                [(id_,) for id_ in admission.displaces],
            )
            lease = new.lease if admission.start else None
            run = insert_run(to, new, key, now, lease)
            started = RunStarted(
                question=new.spec.question,
                images=tuple(image.sha256 for image in new.spec.images),
                profile=new.spec.profile,
                queued=lease is None,
            )
            return run, admission, self._log.write(to, run, [Draft("run.started", "started", started)])

        run, admission, events = await self._database.write(work)
        self._log.announce(run.run_id, events)
        return run, admission.displaces

    async def get(self, run_id: str, owner: str | None = None) -> Run | None:
        """Return a run; with an owner only when it is theirs."""
        found = await self._database.read(
            lambda to: to.execute(f"SELECT {COLUMNS} FROM runs r WHERE run_id = ?", (run_id,)).fetchone()
        )
        run = None if found is None else run_of(found)
        return None if run is None or owner not in (None, run.owner) else run

    async def result(self, run_id: str) -> str | None:
        """Return the result of a run as JSON."""
        row = await self._database.read(
            lambda to: to.execute("SELECT body FROM results WHERE run_id = ?", (run_id,)).fetchone()
        )
        return None if row is None else str(row[0])

    async def runs(
        self,
        owner: str,
        *,
        thread_id: str = "",
        status: Status | None = None,
        before: int = 0,
        limit: int = 50,
    ) -> list[Run]:
        """Return an owner's runs, the newest first; `before` is a place."""
        wanted = [
            ("owner = ?", owner),
            ("thread_id = ?", thread_id),
            ("status = ?", status),
            ("place < ?", before),
        ]
        used = [(clause, value) for clause, value in wanted if value]
        where = " AND ".join(clause for clause, _ in used)
        statement = f"SELECT {COLUMNS} FROM runs r WHERE {where} ORDER BY place DESC LIMIT ?"
        values = (*(value for _, value in used), limit)
        rows = await self._database.read(lambda to: to.execute(statement, values).fetchall())
        return [run_of(row) for row in rows]

    async def claim(self, lease: Lease, limit: int, besides: Collection[str] = ()) -> list[Run]:
        """Take runs that nobody holds: queued ones whose turn it is, and orphans."""
        busy = json.dumps(sorted(besides))
        found = await self._database.read(
            lambda to: to.execute(_FREE, {"now": unix_now(), "limit": limit, "busy": busy}).fetchone()
        )
        if found is None:
            return []  # without waking the disk

        def work(to: sqlite3.Connection) -> list[Run]:
            now = unix_now()
            rows = to.execute(_FREE, {"now": now, "limit": limit, "busy": busy}).fetchall()
            for row in rows:
                to.execute(
                    "UPDATE runs SET status = 'running', worker = ?, lease_until = ?, epoch = epoch + 1,"
                    " attempts = attempts + 1,"
                    " started_at = CASE started_at WHEN '' THEN ? ELSE started_at END WHERE run_id = ?",
                    (lease.worker, now + lease.seconds, iso_now(), row["run_id"]),
                )
            return [self._get(to, row["run_id"]) for row in rows]

        return await self._database.write(work)

    async def renew(self, lease: Lease, run_ids: Collection[str]) -> list[Held]:
        """Renew a worker's leases of these runs and return what it still holds."""
        held = (lease.worker, json.dumps(sorted(run_ids)))

        def work(to: sqlite3.Connection) -> list[Held]:
            where = "WHERE worker = ? AND status = 'running' AND run_id IN (SELECT value FROM json_each(?))"
            to.execute(f"UPDATE runs SET lease_until = ? {where}", (unix_now() + lease.seconds, *held))
            rows = to.execute(f"SELECT run_id, cancel_requested FROM runs {where}", held).fetchall()
            return [Held(row[0], bool(row[1])) for row in rows]

        return await self._database.write(work)

    async def release(self, runs: Sequence[Run]) -> None:
        """Give runs back, to be continued by any worker."""
        statement = (
            "UPDATE runs SET status = 'queued', worker = '', lease_until = 0"
            " WHERE run_id = ? AND epoch = ? AND status = 'running'"
        )
        values = [(run.run_id, run.epoch) for run in runs]
        await self._database.write(lambda to: to.executemany(statement, values).rowcount)

    async def expire(self, workers: Sequence[str]) -> int:
        """End the leases of workers that are known to be gone."""
        statement = "UPDATE runs SET lease_until = 0 WHERE worker = ? AND status = 'running'"
        values = [(worker,) for worker in workers]
        return await self._database.write(lambda to: max(0, to.executemany(statement, values).rowcount))

    async def mark_progress(self, run: Run, progress: str) -> None:
        """Note how far a run had come; one that came further is tried afresh."""
        statement = "UPDATE runs SET progress = ?, attempts = 1 WHERE run_id = ? AND epoch = ?"
        values = (progress, run.run_id, run.epoch)
        await self._database.write(lambda to: to.execute(statement, values).rowcount)

    async def wait_for_input(self, run: Run, waiting: Waiting, drafts: Sequence[Draft]) -> None:
        """Let a run wait for a reply and append the events that say so."""
        await self._leave(run, "status = 'input_required', waiting = ?", (waiting.model_dump_json(),), drafts)

    async def finish(
        self,
        run: Run,
        status: Status,
        *,
        result: str = "",
        error: Failure | None = None,
        drafts: Sequence[Draft],
    ) -> None:
        """End a run: status, result and last events, all or none."""
        failure = error.model_dump_json() if error else ""
        change = "status = ?, error = ?, finished_at = ?, waiting = ''"
        await self._leave(run, change, (status, failure, iso_now()), drafts, result)

    async def resume(self, run_id: str, owner: str, reply: Reply) -> Run | None:
        """Queue a waiting run with its reply; None when it does not wait for this one."""

        def work(to: sqlite3.Connection) -> Run | None:
            row = to.execute(f"SELECT {COLUMNS} FROM runs r WHERE run_id = ?", (run_id,)).fetchone()
            run = None if row is None else run_of(row)
            if run is None or run.owner != owner or run.status != "input_required" or run.waiting is None:
                return None
            if run.waiting.interrupt_id != reply.interrupt_id:
                return None
            to.execute(
                "UPDATE runs SET status = 'queued', waiting = '', reply = ?, lease_until = 0"
                " WHERE run_id = ?",
                (reply.model_dump_json(), run_id),
            )
            return self._get(to, run_id)

        return await self._database.write(work)

    async def request_cancel(self, run_id: str, owner: str) -> Run | None:
        """Mark an open run as to be cancelled; return it as it was, or None when there is none."""
        run = await self.get(run_id, owner)
        if run is not None and not run.ended:
            statement = f"UPDATE runs SET cancel_requested = 1 WHERE run_id = ? AND status IN {_OPEN}"
            await self._database.write(lambda to: to.execute(statement, (run_id,)).rowcount)
        return run

    async def runs_since(self, owner: str, since: str) -> int:
        """Return how many runs an owner began after a time (ISO 8601)."""
        statement = "SELECT count(*) FROM runs WHERE owner = ? AND created_at >= ?"
        row = await self._database.read(lambda to: to.execute(statement, (owner, since)).fetchone())
        return int(row[0])

    async def open_runs(self) -> int:
        """Return how many runs are queued or running."""
        statement = "SELECT count(*) FROM runs WHERE status IN ('queued', 'running')"
        return int(await self._database.read(lambda to: to.execute(statement).fetchone()[0]))

    def _get(self, to: sqlite3.Connection, run_id: str) -> Run:
        return run_of(to.execute(f"SELECT {COLUMNS} FROM runs r WHERE run_id = ?", (run_id,)).fetchone())

    async def _leave(
        self, run: Run, change: str, values: tuple[str, ...], drafts: Sequence[Draft], result: str = ""
    ) -> None:
        """Give up the lease with a change of status and the events that tell of it."""

        def work(to: sqlite3.Connection) -> list[Event]:
            held = to.execute(
                f"UPDATE runs SET {change}, worker = '', lease_until = 0"
                " WHERE run_id = ? AND epoch = ? AND status = 'running'",
                (*values, run.run_id, run.epoch),
            ).rowcount
            if not held:
                raise LeaseLost(run.run_id)
            if result:
                to.execute("INSERT OR REPLACE INTO results VALUES (?, ?)", (run.run_id, result))
            return self._log.write(to, run, drafts)

        self._log.announce(run.run_id, await self._database.write(work))
