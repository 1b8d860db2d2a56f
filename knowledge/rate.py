"""A rate limit that all processes of a machine share: slots handed out under a file lock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

_MARGIN = 1.02
"""Slots stand a little further apart than the limit allows: clocks and networks jitter."""


class SharedLimiter:
    """At most `per_second` calls to one service, counted over every process that shares the file.

    Args:
        path: A small file that holds when the next slot is free; its lock stands beside it.
        per_second: Calls a second.
        clock: Returns seconds since the epoch: the one clock that processes have in common.
    """

    def __init__(self, path: Path, per_second: float, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._gap_s = _MARGIN / per_second
        self._clock = clock

    async def wait(self) -> None:
        """Return when the caller may make one call."""
        delay = await asyncio.to_thread(self.reserve)
        if delay > 0:
            await asyncio.sleep(delay)

    def reserve(self) -> float:
        """Take the next free slot and return the seconds until it begins."""
        from filelock import FileLock

        self._path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._path.with_suffix(".lock")):
            now = self._clock()
            slot = max(now, self._next_free(now))
            self._path.write_text(repr(slot + self._gap_s))
        return slot - now

    def _next_free(self, now: float) -> float:
        try:
            found = float(self._path.read_text())
        except (OSError, ValueError):
            return now
        # A clock that was set back must not hold everybody up.
        return found if found < now + 60.0 else now
