"""How busy the server is: runs under way, runs that wait, and how late the event loop comes.

Bursts change nothing: a level is taken when it held for some looks in a row, and given up in the same way.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)

EVERY_S = 0.5
LOOKS = 5
BUSY_SHARE = 0.75
"""Share of the runs at a time from which re-ranking is left out."""
LATE_S, VERY_LATE_S = 0.5, 2.0
"""How late the event loop comes before re-ranking, and then extra candidates, are left out."""


@dataclass(frozen=True)
class Load:
    """One look at the server."""

    active: int
    waiting: int
    most: int
    """Runs at a time."""
    late_s: float = 0.0

    @property
    def level(self) -> int:
        """0, 1 or 2 as `core.pressure` has it: 2 when as many runs wait as may run at a time."""
        if self.waiting >= self.most or self.late_s >= VERY_LATE_S:
            return 2
        return int(self.waiting > 0 or self.active >= BUSY_SHARE * self.most or self.late_s >= LATE_S)


class PressureGauge:
    """Looks at the load from time to time; `level` is what held over the last looks.

    Args:
        active: Runs under way here.
        open_runs: Runs under way or waiting, here or elsewhere.
        most: Runs at a time.
    """

    def __init__(self, active: Callable[[], int], open_runs: Callable[[], Awaitable[int]], most: int) -> None:
        self._active = active
        self._open_runs = open_runs
        self._most = most
        self._seen: deque[int] = deque(maxlen=LOOKS)
        self._level = 0

    def level(self) -> int:
        """Return the level of pressure: what runs leave out now."""
        return self._level

    def note(self, load: Load) -> None:
        """Take in one look; the level moves when all of the last looks are above it, or all below."""
        self._seen.append(load.level)
        if len(self._seen) < LOOKS:
            return
        found = max(self._seen) if max(self._seen) < self._level else max(self._level, min(self._seen))
        if found != self._level:
            log.warning("Pressure %s, was %s: %s", found, self._level, load)
            self._level = found

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(EVERY_S)
            late_s = time.monotonic() - began - EVERY_S
            active = self._active()
            try:
                # Nothing waits while there is room, so an idle server asks its database nothing.
                waiting = max(0, await self._open_runs() - active) if active >= self._most else 0
            except Exception:
                log.exception("The runs that wait could not be counted")
                continue
            self.note(Load(active, waiting, self._most, late_s))
