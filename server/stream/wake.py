"""Waking those who wait for something of a run, within this process."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary


class Wake:
    """One signal a run, for as long as someone holds it.

    Take `signal` before looking, so that nothing is missed in between.
    """

    def __init__(self) -> None:
        self._signals: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()

    def signal(self, run_id: str) -> asyncio.Event:
        """Return the event that the next `notify` sets."""
        return self._signals.setdefault(run_id, asyncio.Event())

    def notify(self, run_id: str) -> None:
        """Wake everyone who waits for the run."""
        waiting = self._signals.pop(run_id, None)
        if waiting is not None:
            waiting.set()

    def notify_all(self) -> None:
        """Wake everyone: something may have been missed."""
        for run_id in list(self._signals):
            self.notify(run_id)


async def wait_for(signal: asyncio.Event, seconds: float) -> None:
    """Wait for a signal, or for the time to pass.

    Not `asyncio.wait_for`: up to Python 3.11 it may swallow a cancellation that comes with the signal.
    """
    try:
        async with asyncio.timeout(seconds):
            await signal.wait()
    except TimeoutError:
        return
