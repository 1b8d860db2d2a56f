"""Jobs in the server's database. A running job has a lease; one that ran out is begun again by any worker."""

from __future__ import annotations

import json
from typing import Any

from server.clock import iso_now
from server.jobs.records import Job, JobKind, JobStatus
from server.storage.sql import Connection, SqlDatabase


class JobStore:
    """Keeps jobs; methods that change one are on disk when they return."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def create(
        self, job_id: str, owner: str, kind: JobKind, request: dict[str, Any], command: tuple[str, ...]
    ) -> Job:
        """Queue a job."""
        values = (job_id, owner, kind, json.dumps(request), json.dumps(command), iso_now())
        statement = (
            "INSERT INTO jobs (job_id, owner, kind, request, command, status, created_at) "
            "VALUES (?, ?, ?, ?, ?, 'queued', ?)"
        )
        await self._database.write(lambda to: to.execute(statement, values).rowcount)
        job = await self.get(job_id)
        assert job is not None
        return job

    async def get(self, job_id: str, owner: str | None = None) -> Job | None:
        """Return a job; with an owner only when it is theirs."""
        row = await self._database.read(
            lambda to: to.execute("SELECT * FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
        )
        job = _job(row) if row else None
        return None if job is None or owner not in (None, job.owner) else job

    async def list(self, owner: str, kind: JobKind, *, before: int = 0, limit: int = 50) -> list[Job]:
        """Return an owner's jobs of a kind, the newest first; `before` is a place."""
        statement = (
            "SELECT * FROM jobs WHERE owner = ? AND kind = ? AND (? = 0 OR place < ?) "
            "ORDER BY place DESC LIMIT ?"
        )
        values = (owner, kind, before, before, limit)
        rows = await self._database.read(lambda to: to.execute(statement, values).fetchall())
        return [_job(row) for row in rows]

    async def count_open(self) -> dict[str, int]:
        """Return how many jobs are queued and running."""
        statement = "SELECT status, count(*) FROM jobs WHERE status IN ('queued', 'running') GROUP BY status"
        rows = await self._database.read(lambda to: to.execute(statement).fetchall())
        return {"queued": 0, "running": 0} | {str(row[0]): int(row[1]) for row in rows}

    async def claim(self, worker: str, seconds: float) -> Job | None:
        """Take the oldest job that nobody works on, with a lease of so many seconds."""

        def work(to: Connection) -> Any:
            row = to.execute(
                "SELECT job_id FROM jobs WHERE cancel_requested = 0 AND (status = 'queued' OR "
                "(status = 'running' AND lease_until < ?)) ORDER BY place LIMIT 1",
                (self._database.now(),),
            ).fetchone()
            if row is None:
                return None
            to.execute(
                "UPDATE jobs SET status = 'running', worker = ?, lease_until = ?, attempts = attempts + 1, "
                "started_at = CASE started_at WHEN '' THEN ? ELSE started_at END WHERE job_id = ?",
                (worker, self._database.now() + seconds, iso_now(), row["job_id"]),
            )
            return to.execute("SELECT * FROM jobs WHERE job_id = ?", (row["job_id"],)).fetchone()

        row = await self._database.write(work)
        return _job(row) if row else None

    async def renew(self, job: Job, worker: str, seconds: float) -> Job | None:
        """Renew a lease and return the job as it stands; None when another worker has it."""
        statement = "UPDATE jobs SET lease_until = ? WHERE job_id = ? AND worker = ? AND status = 'running'"
        values = (self._database.now() + seconds, job.job_id, worker)
        held = await self._database.write(lambda to: to.execute(statement, values).rowcount)
        return await self.get(job.job_id) if held else None

    async def finish(self, job: Job, worker: str, status: JobStatus, exit_code: int | None) -> None:
        """End a job, or give it back (`queued`); nothing happens when another worker has it."""
        statement = (
            "UPDATE jobs SET status = ?, exit_code = ?, finished_at = ?, lease_until = 0, worker = '' "
            "WHERE job_id = ? AND worker = ? AND status = 'running'"
        )
        ended = "" if status == "queued" else iso_now()
        values = (status, exit_code, ended, job.job_id, worker)
        await self._database.write(lambda to: to.execute(statement, values).rowcount)

    async def cancel(self, job_id: str) -> None:
        """Ask for a job's end; one that nobody works on ends at once, one that ended stays as it is."""

        def work(to: Connection) -> int:
            to.execute(
                "UPDATE jobs SET cancel_requested = 1 WHERE job_id = ? AND status IN ('queued', 'running')",
                (job_id,),
            )
            return to.execute(
                "UPDATE jobs SET status = 'cancelled', finished_at = ? WHERE job_id = ? "
                "AND cancel_requested = 1 AND (status = 'queued' OR status = 'running' AND lease_until < ?)",
                (iso_now(), job_id, self._database.now()),
            ).rowcount

        await self._database.write(work)


def _job(row: Any) -> Job:
    values = {name: row[name] for name in Job.model_fields if name not in ("request", "command")}
    return Job(
        **values | {"cancel_requested": bool(row["cancel_requested"])},
        request=json.loads(row["request"]),
        command=tuple(json.loads(row["command"])),
    )
