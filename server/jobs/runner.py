"""Works on jobs, one after another: each is a process of its own, which can be stopped and cannot harm."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from core.settings import Settings
from server.jobs.records import Job, JobStatus
from server.jobs.store import JobStore

log = logging.getLogger(__name__)

LOOK_S = 1.0
LEASE_S = 15.0
GRACE_S = 10.0
"""What a process gets between the request to stop and its end."""


class JobRunner:
    """Takes jobs from the store; `start` before use, `stop` at the end.

    Args:
        settings: The server's; jobs work in the same data folder.
        store: Where jobs are.
        worker: This server's id.
    """

    def __init__(self, settings: Settings, store: JobStore, worker: str) -> None:
        self._settings = settings
        self._store = store
        self._worker = worker
        self._loop: asyncio.Task[None] | None = None
        self._kick = asyncio.Event()

    def start(self) -> None:
        """Begin to look for jobs."""
        self._loop = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Stop; a job under way goes back to the queue and goes on at the next start."""
        if self._loop is not None:
            self._loop.cancel()
            with suppress(asyncio.CancelledError):
                await self._loop

    def kick(self) -> None:
        """Look for jobs now."""
        self._kick.set()

    def log_path(self, job_id: str) -> Path:
        """Return where a job's output is kept."""
        return self._settings.root / "jobs" / f"{job_id}.log"

    async def _work(self) -> None:
        while True:
            try:
                job = await self._store.claim(self._worker, LEASE_S)
                if job is not None:
                    await self._run(job)
                    continue
            except Exception:
                log.exception("Working on a job failed")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._kick.wait(), LOOK_S)
            self._kick.clear()

    async def _run(self, job: Job) -> None:
        process: asyncio.subprocess.Process | None = None
        code: int | None = None
        try:
            process = await self._begin(job)
            code = await self._watched(job, process)
        finally:
            if code is None:
                # The server stops, or the process could not be watched: the job goes on at the next start.
                if process is not None:
                    await asyncio.shield(_ended(process))
                await asyncio.shield(self._store.finish(job, self._worker, "queued", None))

    async def _begin(self, job: Job) -> asyncio.subprocess.Process:
        path = self.log_path(job.job_id)
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        home = str(await asyncio.to_thread(self._settings.root.absolute))
        with await asyncio.to_thread(path.open, "ab") as output:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "server.jobs.child",
                home,
                *self._arguments(job),
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _arguments(self, job: Job) -> tuple[str, ...]:
        """Return a job's command; a training run that was begun before goes on from its checkpoint."""
        run = self._settings.root / "finetune" / "runs" / job.job_id
        again = job.kind == "train" and job.attempts > 1 and run.is_dir()
        return (*job.command, "--resume") if again else job.command

    async def _watched(self, job: Job, process: asyncio.subprocess.Process) -> int:
        """Wait for a process, renewing the lease; returns its exit code once the job's end is kept."""
        waiting = asyncio.ensure_future(process.wait())
        cancelled = False
        while True:
            done, _ = await asyncio.wait([waiting], timeout=LEASE_S / 5)
            if done:
                break
            now = await self._store.renew(job, self._worker, LEASE_S)
            if now is None or now.cancel_requested:
                cancelled = True
                await _ended(process)
        code = waiting.result()
        status: JobStatus = "cancelled" if cancelled else "done" if code == 0 else "failed"
        await self._store.finish(job, self._worker, status, code)
        return code


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Ask a process and its children to stop, and end them when they do not."""
    for sign in (signal.SIGINT, signal.SIGKILL):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), GRACE_S)
