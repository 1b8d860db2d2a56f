"""The run manager: runs are tasks of the server, each under a lease; no request owns one."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.errors import VidenceError, not_found, unavailable
from core.questions import clean_question
from core.settings import Settings
from server.runs.execute import Outcome, Parts, conclude, drive
from server.runs.records import Lease, LeaseLost, NewRun, Reply, Run, RunSpec
from server.runs.recover import Presence, Unseen
from server.storage.sql import StoreAway
from server.stream.log import CANCELS
from server.stream.wake import Wake, wait_for

log = logging.getLogger(__name__)

EXPIRE_S = 3600.0
"""How often events of old runs are dropped."""
POLL_S = 1.0
"""How often a worker looks for runs that others queued or left."""


@dataclass
class _Active:
    """A run that this worker executes."""

    run: Run
    work: asyncio.Task[Outcome]
    keeper: asyncio.Task[None] | None = None
    cancelled: bool = False
    """By request: it ends as `cancelled`. Otherwise a stopped run goes back to the queue."""


class RunManager:
    """Starts, continues, cancels and resumes runs; `start` before use, `stop` at the end."""

    def __init__(self, settings: Settings, parts: Parts, presence: Presence | Unseen, worker: str) -> None:
        self._settings = settings
        self._parts = parts
        self._presence = presence
        self._lease = Lease(worker, settings.server_lease_s)
        self._active: dict[str, _Active] = {}
        self._starting = 0
        self._aside: set[asyncio.Task[Run]] = set()
        # Cancelled while they were on their way from the ledger to a task.
        self._unwanted: set[str] = set()
        self._kick = asyncio.Event()
        self._ends = Wake()
        self._loops: list[asyncio.Task[None]] = []
        self.draining = False

    async def start(self) -> None:
        """Begin to look for runs and to renew leases."""
        await self._presence.enter()
        self._loops = [asyncio.create_task(loop()) for loop in (self._schedule, self._renew, self._expire)]

    async def submit(self, owner: str, thread_id: str, spec: RunSpec) -> Run:
        """Accept a run: it is on disk, with its `run.started`, when this returns.

        Raises:
            VidenceError: `invalid_input` for an empty question, `unavailable` while draining, `rate_limited`
                when too many wait or were begun, `blocked` when the thread is busy and `multitask` rejects.
        """
        clean_question(spec.question, self._settings.max_question_chars)
        self.check_accepting()
        free = self._free() > 0
        if not free and await self._parts.ledger.open_runs() >= self._settings.server_max_queued:
            raise VidenceError(
                "rate_limited",
                f"{self._settings.server_max_queued} runs wait already",
                help="Ask again later, or raise VIDENCE_SERVER_MAX_QUEUED.",
                retryable=True,
            )
        lease = self._lease if free else None
        thread_id = thread_id or uuid.uuid4().hex[:12]
        new = NewRun(uuid.uuid4().hex, owner, thread_id, spec, lease, self._settings.server_runs_per_day)
        self._starting += free
        try:
            run, displaced = await self._parts.ledger.create(new)
        finally:
            self._starting -= free
        for run_id in displaced:
            self._stop_work(run_id)
        if run.status == "running":
            self._start(run)
        elif displaced:
            self._kick.set()
        return run

    def check_accepting(self) -> None:
        """Raise `unavailable` while the server drains, without its models, or while events cannot be kept."""
        if self.draining:
            raise unavailable("The server is stopping", help="Ask again in a moment.")
        self._parts.log.check()
        failure = self._parts.engine.failure
        if failure is not None:
            raise unavailable(f"The server did not start well: {failure.message}", help=failure.help)

    def client_left(self, run: Run) -> None:
        """Note that the client that started a run is gone: by its policy the run goes on or is cancelled."""
        if run.spec.on_disconnect == "cancel" and not self.draining:
            task = asyncio.create_task(self.cancel(run.owner, run.run_id))
            self._aside.add(task)
            task.add_done_callback(self._aside.discard)

    async def cancel(self, owner: str, run_id: str) -> Run:
        """Stop a run for good; a second time changes nothing. Raises `not_found`.

        What this worker does for it stops before that is written: should the process die in between, nobody
        was told that it is cancelled, and it is continued like any other.
        """
        here = self._active.get(run_id)
        if here is not None and here.run.owner == owner:
            self._stop_work(run_id)
        run = await self._parts.ledger.request_cancel(run_id, owner)
        if run is None:
            raise unknown_run(run_id)
        if not run.ended and not self._stop_work(run_id):
            self._unwanted.add(run_id)
            self._kick.set()
            await self._parts.log.nudge(CANCELS)  # the worker that has it
        return run

    async def resume(self, owner: str, run_id: str, text: str) -> Run:
        """Answer what a run waits for; raises `not_found`, or `blocked` when it waits for nothing."""
        run = await self._parts.ledger.get(run_id, owner)
        if run is None:
            raise unknown_run(run_id)
        resumed = None
        if run.waiting is not None and not run.cancel_requested:
            reply = Reply(interrupt_id=run.waiting.interrupt_id, text=text)
            resumed = await self._parts.ledger.resume(run_id, owner, reply)
        if resumed is None:
            raise VidenceError(
                "blocked",
                f"Run `{run_id}` is {run.status} and waits for no reply",
                help="Only a run with status `input_required` can be resumed.",
                retryable=True,
            )
        self._kick.set()
        return resumed

    async def wait(self, owner: str, run_id: str, seconds: float) -> Run:
        """Return a run once it ended or waits for a reply, or as it is after some seconds."""
        deadline = time.monotonic() + seconds
        while True:
            # Of a run of this worker the end alone counts; of others' each event is worth a look.
            signal = (self._ends if run_id in self._active else self._parts.log).signal(run_id)
            run = await self._parts.ledger.get(run_id, owner)
            if run is None:
                raise unknown_run(run_id)
            left = deadline - time.monotonic()
            if run.ended or run.status == "input_required" or left <= 0:
                return run
            await wait_for(signal, min(left, POLL_S))

    @property
    def active(self) -> int:
        """How many runs this worker executes now."""
        return len(self._active)

    async def drain(self, seconds: float) -> None:
        """Accept nothing more and let what runs go on for a while."""
        self.draining = True
        keepers = [active.keeper for active in self._active.values() if active.keeper is not None]
        if keepers:
            await asyncio.wait(keepers, timeout=seconds)

    async def stop(self) -> None:
        """Stop at once; what has not ended goes back to the queue, for any worker to continue."""
        self.draining = True
        for loop in self._loops:
            loop.cancel()
        for active in self._active.values():
            active.work.cancel()
        keepers = [active.keeper for active in self._active.values() if active.keeper is not None]
        tasks = [*self._loops, *keepers, *self._aside]
        if tasks:
            await asyncio.wait(tasks)
        await self._presence.leave()

    def _free(self) -> int:
        if self.draining or not self._parts.engine.ready.is_set():
            return 0
        return self._settings.server_max_runs - len(self._active) - self._starting

    def _start(self, run: Run) -> None:
        active = _Active(run, asyncio.create_task(drive(run, self._parts), name=f"run-{run.run_id}"))
        self._active[run.run_id] = active
        active.keeper = asyncio.create_task(self._keep(active), name=f"keep-{run.run_id}")
        if run.cancel_requested or run.run_id in self._unwanted:
            self._stop_work(run.run_id)

    async def _keep(self, active: _Active) -> None:
        """Wait for a run's work and keep how it ended; nothing cancels this task."""
        run = active.run
        await asyncio.wait([active.work])
        try:
            if not active.work.cancelled():
                await conclude(run, active.work.result(), self._parts.ledger)
            elif active.cancelled:
                await conclude(run, None, self._parts.ledger)
            else:
                await self._parts.ledger.release([run])
        except LeaseLost:
            log.warning("Run %s was taken over by another worker", run.run_id)
        except StoreAway as error:
            log.warning("Run %s has to be continued: %s", run.run_id, error.message)
            await self._give_back(run)
        except Exception:
            log.exception("The end of run %s could not be kept; its lease will run out", run.run_id)
        finally:
            del self._active[run.run_id]
            self._ends.notify(run.run_id)
            self._kick.set()

    async def _give_back(self, run: Run) -> None:
        """Let any worker continue a run once the database is back; else its lease runs out."""
        try:
            await self._parts.ledger.release([run])
        except StoreAway:
            log.warning("Run %s could not be given back; its lease will run out", run.run_id)

    def _stop_work(self, run_id: str) -> bool:
        """Cancel the work of a run that this worker executes; False when it executes none of that id."""
        active = self._active.get(run_id)
        if active is None:
            return False
        if not active.cancelled:  # a second cancellation would cut its cleaning up short
            active.cancelled = True
            active.work.cancel()
        return True

    async def _schedule(self) -> None:
        await self._parts.engine.ready.wait()
        while True:
            try:
                gone = await self._presence.gone()
                if gone:
                    await self._parts.ledger.expire(gone)
                while (free := self._free()) > 0:
                    runs = await self._parts.ledger.claim(self._lease, free, set(self._active))
                    for run in runs:
                        self._start(run)
                    if not runs:
                        break
                self._unwanted.clear()
            except Exception:
                log.exception("Looking for runs failed")
            await wait_for(self._kick, POLL_S)
            self._kick.clear()

    async def _expire(self) -> None:
        """Drop the events of runs that ended long ago; their results stay."""
        keep = timedelta(days=self._settings.server_event_days)
        while True:
            try:
                before = (datetime.now(UTC) - keep).isoformat(timespec="milliseconds")
                while await self._parts.log.expire(before):  # noqa: ASYNC110 - others write in between
                    await asyncio.sleep(1)
            except Exception:
                log.exception("Dropping old events failed")
            await asyncio.sleep(EXPIRE_S)

    async def _renew(self) -> None:
        """Renew leases; a run whose lease is gone is stopped, because another worker may have it."""
        renewed = time.monotonic()
        while True:
            await wait_for(self._parts.log.signal(CANCELS), self._lease.seconds / 3)
            if not self._active:
                renewed = time.monotonic()
                continue
            begun = set(self._active)
            try:
                held = {item.run_id: item for item in await self._parts.ledger.renew(self._lease, begun)}
                renewed = time.monotonic()
            except Exception:
                log.exception("Renewing leases failed")
                if time.monotonic() - renewed < self._lease.seconds:
                    continue
                held = {}
            for run_id in begun & set(self._active):
                if run_id not in held:
                    self._active[run_id].work.cancel()
                elif held[run_id].cancel_requested and not self._active[run_id].cancelled:
                    self._stop_work(run_id)


def unknown_run(run_id: str) -> VidenceError:
    """Return the error of a run that is not there, or not the caller's: both sound the same."""
    return not_found(f"No run `{run_id}`", help="Check the id; runs of others are not shown.")
