"""The ledger of runs: what every implementation promises.

Every change that the outside can see is on disk when its method returns. Methods that take a run from its
lease holder compare `run.epoch` and raise `LeaseLost` when another worker has it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from server.runs.records import Failure, Reply, Run, RunSpec, Status, Thread, Waiting
from server.stream.events import Draft


@dataclass(frozen=True)
class Lease:
    """Who holds a run, and until when if it is not renewed."""

    worker: str
    seconds: float


@dataclass(frozen=True)
class Held:
    """A run whose lease was renewed."""

    run_id: str
    cancel_requested: bool


@dataclass(frozen=True)
class NewRun:
    """A run to be made. Without a `lease` it is queued."""

    run_id: str
    owner: str
    thread_id: str
    spec: RunSpec
    lease: Lease | None


class RunLedger(Protocol):
    """Runs and threads."""

    async def create(self, new: NewRun) -> tuple[Run, tuple[str, ...]]:
        """Keep a run with its `run.started`; return it and the runs that are cancelled for it.

        Raises:
            VidenceError: `blocked` when the thread is busy, `rate_limited` when too many wait.
        """
        ...

    async def get(self, run_id: str, owner: str | None = None) -> Run | None:
        """Return a run; with an owner only when it is theirs."""
        ...

    async def result(self, run_id: str) -> str | None:
        """Return the result of a run as JSON."""
        ...

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
        ...

    async def claim(self, lease: Lease, limit: int, besides: Collection[str] = ()) -> list[Run]:
        """Take runs that nobody holds: queued ones whose turn it is, and orphans.

        Not those in `besides`: the worker executes them, even if it was too busy to renew their leases.
        """
        ...

    async def renew(self, lease: Lease, run_ids: Collection[str]) -> list[Held]:
        """Renew a worker's leases of these runs and return what it still holds."""
        ...

    async def release(self, runs: Sequence[Run]) -> None:
        """Give runs back, to be continued by any worker."""
        ...

    async def expire(self, workers: Sequence[str]) -> int:
        """End the leases of workers that are known to be gone; return how many runs that frees."""
        ...

    async def mark_progress(self, run: Run, progress: str) -> None:
        """Note how far a run had come when it was taken over."""
        ...

    async def wait_for_input(self, run: Run, waiting: Waiting, drafts: Sequence[Draft]) -> None:
        """Let a run wait for a reply and append the events that say so."""
        ...

    async def resume(self, run_id: str, owner: str, reply: Reply) -> Run | None:
        """Queue a waiting run with its reply; None when it does not wait for this one."""
        ...

    async def request_cancel(self, run_id: str, owner: str) -> Run | None:
        """Mark an open run as to be cancelled; return it as it was, or None when there is none."""
        ...

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
        ...

    async def runs_since(self, owner: str, since: str) -> int:
        """Return how many runs an owner began after a time (ISO 8601)."""
        ...

    async def open_runs(self) -> int:
        """Return how many runs are queued or running."""
        ...

    async def create_thread(self, owner: str, thread_id: str, title: str) -> Thread:
        """Return the owner's thread, made when new."""
        ...

    async def thread(self, owner: str, thread_id: str) -> Thread | None:
        """Return a thread of the owner."""
        ...

    async def threads(self, owner: str, *, offset: int = 0, limit: int = 50) -> list[Thread]:
        """Return the owner's threads, the newest first."""
        ...

    async def delete_thread(self, owner: str, thread_id: str) -> str | None:
        """Forget a thread with its runs and events; return its key, or None when there is none.

        Raises:
            VidenceError: `blocked` while one of its runs is open.
        """
        ...
