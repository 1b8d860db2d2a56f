"""The log of events: append, and read what comes after a number. Bounded; the oldest go first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from server.runs.records import Run
from server.stream.events import Draft, Event


@dataclass(frozen=True)
class Page:
    """Events after a number, and what the log holds of the run."""

    events: tuple[Event, ...]
    first_seq: int
    """The oldest number still in the log."""
    last_seq: int
    closed: bool
    """Whether `run.finished` was written: nothing follows `last_seq`."""


class EventLog(Protocol):
    """Where the events of runs are kept and read."""

    async def append(self, run: Run, drafts: Sequence[Draft]) -> None:
        """Number, keep and announce events; a draft whose key is known is left out.

        Raises:
            LeaseLost: when a newer lease of the run has written.
        """
        ...

    async def read(self, run_id: str, after: int, limit: int = 500) -> Page:
        """Return the events after a number; an unknown run has none."""
        ...

    async def expire(self, before: str) -> int:
        """Drop the events of runs that ended before a time (ISO 8601); return how many runs that were.

        Their numbers are kept, so that a late client is told by a `gap` what it missed.
        """
        ...

    def signal(self, run_id: str) -> asyncio.Event:
        """Return an event that is set when this process appends to the run; take it before reading."""
        ...
