"""The ledger of runs and threads.

Every change that the outside can see is on disk when its method returns. Methods that take a run from its
lease holder compare `run.epoch` within the transaction that changes it, and raise `LeaseLost` when another
worker has it. Events that tell of a change are kept by that transaction too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from server.clock import iso_now
from server.runs.policy import Admission, Open, admit
from server.runs.quota import check_quota
from server.runs.records import OPEN, Failure, Held, Lease, LeaseLost, NewRun, Reply, Run, Status, Waiting
from server.runs.rows import COLUMNS, insert_run, run_of
from server.runs.threads import Threads, ensure_thread
from server.storage.sql import Connection, marks
from server.stream.events import Draft, RunStarted
from server.stream.log import Written

_OPEN = "('queued', 'running', 'input_required')"

_KEEP_RESULT = "INSERT INTO results VALUES (?, ?) ON CONFLICT (run_id) DO UPDATE SET body = excluded.body"


def _free(busy: int) -> str:
    """Return what finds runs that nobody holds, besides so many.

    A queued run whose thread is free, an orphan, or one that only waits to be cancelled.
    """
    return f"""
SELECT {COLUMNS} FROM runs r WHERE r.status IN {_OPEN} AND r.lease_until < ?
    AND r.run_id NOT IN ({marks(busy)}) AND (
    r.status = 'running' OR r.cancel_requested = 1 OR (r.status = 'queued' AND NOT EXISTS (
        SELECT 1 FROM runs o
        WHERE o.thread_key = r.thread_key AND o.place < r.place AND o.status IN {_OPEN})))
ORDER BY r.place LIMIT ?
"""


class RunLedger(Threads):
    """Runs and threads in the server's database.

    Args:
        database: Opened and closed by its owner.
        log: The events of these runs.
    """

    async def create(self, new: NewRun) -> tuple[Run, tuple[str, ...]]:
        """Keep a run with its `run.started`; return it and the runs that are cancelled for it.

        Raises:
            VidenceError: `blocked` when the thread is busy, `rate_limited` when too many wait or had begun.
        """

        def work(to: Connection) -> tuple[Run, Admission, Written]:
            if new.quota:
                check_quota(to, new.owner, new.quota)
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
            run = insert_run(to, new, key, now, lease, self._database.now())
            started = RunStarted(
                question=new.spec.question,
                images=tuple(image.sha256 for image in new.spec.images),
                profile=new.spec.profile,
                queued=lease is None,
            )
            return run, admission, self._log.write(to, run, [Draft("run.started", "started", started)])

        run, admission, written = await self._database.write(work)
        await self._log.announce(written)
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
        """Take runs that nobody holds: queued ones whose turn it is, and orphans.

        Not those in `besides`: the worker executes them, even if it was too busy to renew their leases.
        """
        busy = sorted(besides) or [""]

        def free(to: Connection) -> list[str]:
            values = (self._database.now(), *busy, limit)
            return [str(row["run_id"]) for row in to.execute(_free(len(busy)), values).fetchall()]

        if not await self._database.read(free):
            return []  # without waking the disk

        def work(to: Connection) -> list[Run]:
            found = free(to)
            for run_id in found:
                to.execute(
                    "UPDATE runs SET status = 'running', worker = ?, lease_until = ?, epoch = epoch + 1,"
                    " attempts = attempts + 1,"
                    " started_at = CASE started_at WHEN '' THEN ? ELSE started_at END WHERE run_id = ?",
                    (lease.worker, self._database.now() + lease.seconds, iso_now(), run_id),
                )
            return [self._get(to, run_id) for run_id in found]

        return await self._database.write(work)

    async def renew(self, lease: Lease, run_ids: Collection[str]) -> list[Held]:
        """Renew a worker's leases of these runs and return what it still holds."""
        where = f"WHERE worker = ? AND status = 'running' AND run_id IN ({marks(len(run_ids))})"
        held = (lease.worker, *(sorted(run_ids) or [""]))

        def work(to: Connection) -> list[Held]:
            until = self._database.now() + lease.seconds
            to.execute(f"UPDATE runs SET lease_until = ? {where}", (until, *held))
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
        """End the leases of workers that are known to be gone; return how many runs that frees."""
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

        def work(to: Connection) -> Run | None:
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

    async def open_runs(self) -> int:
        """Return how many runs are queued or running."""
        statement = "SELECT count(*) FROM runs WHERE status IN ('queued', 'running')"
        return int(await self._database.read(lambda to: to.execute(statement).fetchone()[0]))

    async def count_open(self) -> dict[str, int]:
        """Return how many runs are queued, running, and waiting for a reply."""
        statement = f"SELECT status, count(*) FROM runs WHERE status IN {_OPEN} GROUP BY status"
        rows = await self._database.read(lambda to: to.execute(statement).fetchall())
        return dict.fromkeys(sorted(OPEN), 0) | {str(row[0]): int(row[1]) for row in rows}

    def _get(self, to: Connection, run_id: str) -> Run:
        return run_of(to.execute(f"SELECT {COLUMNS} FROM runs r WHERE run_id = ?", (run_id,)).fetchone())

    async def _leave(
        self, run: Run, change: str, values: tuple[str, ...], drafts: Sequence[Draft], result: str = ""
    ) -> None:
        """Give up the lease with a change of status and the events that tell of it."""

        def work(to: Connection) -> Written:
            held = to.execute(
                f"UPDATE runs SET {change}, worker = '', lease_until = 0"
                " WHERE run_id = ? AND epoch = ? AND status = 'running'",
                (*values, run.run_id, run.epoch),
            ).rowcount
            if not held:
                raise LeaseLost(run.run_id)
            if result:
                to.execute(_KEEP_RESULT, (run.run_id, result))
            return self._log.write(to, run, drafts)

        await self._log.announce(await self._database.write(work))
