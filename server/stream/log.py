"""The log of events: append, and read what comes after a number. Bounded; the oldest go first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from server.runs.records import Run
from server.storage.sql import Connection
from server.stream.events import Draft, Event

CANCELS = "cancels"
"""The topic of `nudge` and `signal` for runs that are to be cancelled."""


@dataclass(frozen=True)
class Page:
    """Events after a number, and what the log holds of the run."""

    events: tuple[Event, ...]
    first_seq: int
    """The oldest number still in the log."""
    last_seq: int
    closed: bool
    """Whether `run.finished` was written: nothing follows `last_seq`."""


@dataclass(frozen=True)
class Line:
    """An event but for its number, which stands between `head` and `tail` of its JSON."""

    type: str
    key: str
    head: str
    tail: str


@dataclass(frozen=True)
class Written:
    """What a transaction wrote, to be announced once committed: events, or lines that the log is owed."""

    run: Run
    events: tuple[Event, ...] = ()
    place: int = 0
    lines: tuple[Line, ...] = ()


class EventLog(Protocol):
    """Where the events of runs are kept and read."""

    async def open(self) -> None:
        """Begin; raises `unavailable` when the log cannot be reached."""
        ...

    async def close(self) -> None:
        """Let go of connections and tasks."""
        ...

    def check(self) -> None:
        """Raise `unavailable` while events cannot reach the log: then no new run is accepted."""
        ...

    def write(self, to: Connection, run: Run, drafts: Sequence[Draft]) -> Written:
        """Keep events within the ledger's transaction, so that a change and its events are one."""
        ...

    async def announce(self, written: Written) -> None:
        """Let readers see what was committed; never fails for a log that is away."""
        ...

    async def append(self, run: Run, drafts: Sequence[Draft]) -> None:
        """Number, keep and announce events; a draft whose key is known is left out.

        Raises:
            LeaseLost: when a newer lease of the run has written.
        """
        ...

    async def take_up(self, run: Run) -> tuple[Event, ...]:
        """Return all events of a run that was left, having shut out older leases; waits for a log away."""
        ...

    async def read(self, run_id: str, after: int, limit: int = 500) -> Page:
        """Return the events after a number; an unknown run has none. Raises `unavailable`."""
        ...

    async def forget(self, run_ids: Sequence[str]) -> None:
        """Drop all that is kept of runs that were deleted."""
        ...

    async def expire(self, before: str) -> int:
        """Drop the events of runs that ended before a time (ISO 8601); return how many runs that were.

        Their numbers are kept, so that a late client is told by a `gap` what it missed.
        """
        ...

    def signal(self, topic: str) -> asyncio.Event:
        """Return an event that is set when a run (or topic) has news; take it before reading."""
        ...

    async def nudge(self, topic: str) -> None:
        """Set the signals of a topic, on all workers where the log can reach them."""
        ...
