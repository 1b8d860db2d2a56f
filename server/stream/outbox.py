"""Events of one run on their way to the log: the graph never waits for the disk, and the order is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from server.runs.records import Run
from server.stream.events import Draft
from server.stream.log import EventLog
from server.stream.translate import joined, unchecked
from server.stream.wake import wait_for

PAUSE_S = 0.005
"""What comes within this time is one write: the end of a step and the beginning of the next."""
GATHER_S = 0.1
"""Words of a model that come within this time are one event: each is kept, and the log is bounded."""


class Outbox:
    """Collects drafts; `send_all` appends whatever has gathered, batch by batch.

    What gathers is bounded by what one run can report (its budget of steps, calls and seconds).
    """

    def __init__(self, run: Run, log: EventLog) -> None:
        self._run = run
        self._log = log
        self._drafts: list[Draft] = []
        self._stirred = asyncio.Event()
        self._urgent = asyncio.Event()
        self._closing = asyncio.Event()
        self._failure: Exception | None = None
        self.count = 0

    def put(self, drafts: Iterable[Draft]) -> None:
        """Add drafts; raises what kept the earlier ones from the log."""
        if self._failure is not None:
            raise self._failure
        for draft in drafts:
            self.count += 1
            whole = joined(self._drafts[-1], draft) if self._drafts else None
            if whole is None:
                self._drafts.append(draft)
            else:
                self._drafts[-1] = whole
            if not unchecked(draft):
                self._urgent.set()
        self._stirred.set()

    def close(self) -> None:
        """Say that no more will come."""
        self._closing.set()
        self._stirred.set()
        self._urgent.set()

    async def send_all(self) -> None:
        """Append drafts until the outbox is closed and empty."""
        while True:
            await self._stirred.wait()
            await wait_for(self._closing, PAUSE_S)
            self._stirred.clear()
            if not self._closing.is_set():
                self._urgent.clear()
            batch, self._drafts = self._drafts, []
            try:
                await self._log.append(self._run, batch)
            except Exception as error:
                self._failure = error  # the next `put` ends the run's work
                raise
            if self._closing.is_set() and not self._drafts:
                return
            if batch and all(map(unchecked, batch)):
                await wait_for(self._urgent, GATHER_S)
