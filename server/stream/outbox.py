"""Events of one run on their way to the log: the graph never waits for the disk, and the order is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from server.runs.records import Run
from server.stream.events import Draft
from server.stream.log import EventLog


class Outbox:
    """Collects drafts; `send_all` appends whatever has gathered, batch by batch.

    What gathers is bounded by what one run can report (its budget of steps and calls).
    """

    def __init__(self, run: Run, log: EventLog) -> None:
        self._run = run
        self._log = log
        self._drafts: list[Draft] = []
        self._stirred = asyncio.Event()
        self._closed = False
        self._failure: Exception | None = None
        self.count = 0

    def put(self, drafts: Iterable[Draft]) -> None:
        """Add drafts; raises what kept the earlier ones from the log."""
        if self._failure is not None:
            raise self._failure
        gathered = list(drafts)
        self._drafts += gathered
        self.count += len(gathered)
        self._stirred.set()

    def close(self) -> None:
        """Say that no more will come."""
        self._closed = True
        self._stirred.set()

    async def send_all(self) -> None:
        """Append drafts until the outbox is closed and empty."""
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            batch, self._drafts = self._drafts, []
            try:
                await self._log.append(self._run, batch)
            except Exception as error:
                self._failure = error  # the next `put` ends the run's work
                raise
            if self._closed and not self._drafts:
                return
