"""Listening to what flows anyway: runs enter and leave the ledger, their events enter the log.

Wrapped around the ledger and the event log, so that nothing else has to report. A step told twice (its run
was taken up again) counts once in a process.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, cast

from server.runs.records import Failure, Run, Status, Waiting
from server.stream.events import AnswerFinal, Draft, StepFinished

if TYPE_CHECKING:
    from server.runs.ledger import RunLedger
    from server.runs.records import Lease, NewRun
    from server.stream.log import EventLog


@dataclass
class Live:
    """A run that this process works on, since `began` (monotonic) and `began_ns` (since 1970)."""

    run: Run
    began: float = field(default_factory=time.monotonic)
    began_ns: int = field(default_factory=time.time_ns)
    told: set[str] = field(default_factory=set)

    @property
    def seconds(self) -> float:
        """How long the process has worked on it."""
        return time.monotonic() - self.began


class RunListener(Protocol):
    """Who is told of runs."""

    def accepted(self, run: Run) -> None:
        """A run was kept."""
        ...

    def begun(self, live: Live) -> None:
        """This process works on a run."""
        ...

    def step(self, live: Live, step: StepFinished) -> None:
        """A node ended."""
        ...

    def ended(self, live: Live, status: Status, final: AnswerFinal | None, error: Failure | None) -> None:
        """A run ended for good."""
        ...

    def traceparent(self) -> str:
        """Return what ties a new run to the request that began it; empty without traces."""
        ...


class Watch:
    """Tells listeners; holds the runs at work."""

    def __init__(self, listeners: Sequence[RunListener]) -> None:
        self._listeners = listeners
        self.live: dict[str, Live] = {}

    def ledger(self, ledger: RunLedger) -> RunLedger:
        """Return a ledger that does what the given one does, and tells."""
        return cast("RunLedger", _Ledger(ledger, self))

    def log(self, log: EventLog) -> EventLog:
        """Return an event log that does what the given one does, and tells."""
        return cast("EventLog", _Log(log, self))

    def named(self, new: NewRun) -> NewRun:
        """Return a new run tied to its request's trace."""
        parent = next(filter(None, (listener.traceparent() for listener in self._listeners)), "")
        return replace(new, spec=new.spec.model_copy(update={"traceparent": parent})) if parent else new

    def accepted(self, run: Run) -> None:
        """A run was kept; it may be at work at once."""
        for listener in self._listeners:
            listener.accepted(run)
        if run.status == "running":
            self.begun(run)

    def begun(self, run: Run) -> None:
        """A run is at work here."""
        live = self.live[run.run_id] = Live(run)
        for listener in self._listeners:
            listener.begun(live)

    def told(self, run: Run, drafts: Sequence[Draft]) -> None:
        """Events of a run were kept."""
        live = self.live.get(run.run_id)
        if live is None:
            return
        for draft in drafts:
            if isinstance(draft.data, StepFinished) and draft.key not in live.told:
                live.told.add(draft.key)
                for listener in self._listeners:
                    listener.step(live, draft.data)

    def ended(self, run: Run, status: Status, drafts: Sequence[Draft], error: Failure | None) -> None:
        """A run ended."""
        live = self.live.get(run.run_id) or Live(run)
        final = next((draft.data for draft in drafts if isinstance(draft.data, AnswerFinal)), None)
        for listener in self._listeners:
            listener.ended(live, status, final, error)

    def left(self, run: Run) -> None:
        """The process no longer works on a run."""
        self.live.pop(run.run_id, None)


class _Log:
    def __init__(self, log: EventLog, watch: Watch) -> None:
        self._log = log
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def append(self, run: Run, drafts: Sequence[Draft]) -> None:
        await self._log.append(run, drafts)
        self._watch.told(run, drafts)


class _Ledger:
    def __init__(self, ledger: RunLedger, watch: Watch) -> None:
        self._ledger = ledger
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def create(self, new: NewRun) -> tuple[Run, tuple[str, ...]]:
        run, displaced = await self._ledger.create(self._watch.named(new))
        self._watch.accepted(run)
        return run, displaced

    async def claim(self, lease: Lease, limit: int, besides: Collection[str] = ()) -> list[Run]:
        runs = await self._ledger.claim(lease, limit, besides)
        for run in runs:
            self._watch.begun(run)
        return runs

    async def release(self, runs: Sequence[Run]) -> None:
        try:
            await self._ledger.release(runs)
        finally:
            for run in runs:
                self._watch.left(run)

    async def wait_for_input(self, run: Run, waiting: Waiting, drafts: Sequence[Draft]) -> None:
        try:
            await self._ledger.wait_for_input(run, waiting, drafts)
        finally:
            self._watch.left(run)

    async def finish(
        self,
        run: Run,
        status: Status,
        *,
        result: str = "",
        error: Failure | None = None,
        drafts: Sequence[Draft],
    ) -> None:
        try:
            await self._ledger.finish(run, status, result=result, error=error, drafts=drafts)
            self._watch.ended(run, status, drafts, error)
        finally:
            self._watch.left(run)


def seconds_since(stamp: str) -> float:
    """Return the seconds since an ISO 8601 time, never below 0."""
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds())
