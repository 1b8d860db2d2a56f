"""A rate limit that all processes of a machine share, or all hosts: a sliding window that cannot be overrun.

Spacing calls by the caller's clock is not enough: two that left a third of a second apart may arrive
together. So a slot is held from before a call leaves until one second after its reply was heard. The server
received the call somewhere in between, therefore no second of its clock ever holds more calls than there are
slots, whatever the network and the scheduler do. (Of `n + 1` calls that arrive within one second, the last to
leave left less than a second after each of the others was heard. So all slots were held: it could not leave.)
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Protocol

from core.errors import VidenceError

WINDOW_S = 1.01
"""One second, and a hundredth for clocks that do not tick alike."""
UNHEARD_S = 5.0
"""A call that nothing was heard of is taken to have arrived after this many seconds."""
LONGEST_PAUSE_S = 300.0
_POLL_S = 0.05


class Slots(Protocol):
    """Where the slots are counted. Every method may block; they are called in a thread."""

    def take(self) -> tuple[str, float]:
        """Take a slot and return its token, or an empty token and the seconds until one may be free."""
        ...

    def heard(self, token: str) -> None:
        """Say that the call's reply has come: its slot is free one window later."""
        ...

    def pause(self, seconds: float) -> None:
        """Hand out no slot for some seconds: the server asked everybody to wait."""
        ...


class SharedLimiter:
    """At most so many calls in any second, counted over everything that shares the slots.

    Args:
        slots: A file on one machine, or Redis for several.
        patience_s: A pause longer than this is an error at once rather than a long silence.
    """

    def __init__(self, slots: Slots, *, patience_s: float = 20.0) -> None:
        self._slots = slots
        self._patience_s = patience_s

    async def take(self) -> str:
        """Return the token of a slot when the caller may make one call.

        Raises:
            VidenceError: `rate_limited` when the server asked for a longer wait than patience allows;
                `unavailable` when the slots cannot be reached.
        """
        while True:
            token, wait_s = await asyncio.to_thread(self._slots.take)
            if token:
                return token
            if wait_s > max(self._patience_s, WINDOW_S + UNHEARD_S):
                raise VidenceError(
                    "rate_limited",
                    f"The server asked for a pause; it ends in {wait_s:.0f} s",
                    help=f"Try again in {wait_s:.0f} s.",
                    retryable=True,
                )
            # Slots come free earlier than announced when replies are heard, so look again soon.
            await asyncio.sleep(min(wait_s, _POLL_S) * (0.5 + random.random()))  # noqa: S311 - jitter

    async def heard(self, token: str) -> None:
        """Say that the reply to a call has begun to come, or that it never left."""
        await asyncio.to_thread(self._slots.heard, token)

    async def pause(self, seconds: float) -> None:
        """Make everybody wait, as the server asked."""
        if seconds > 0:
            await asyncio.to_thread(self._slots.pause, min(seconds, LONGEST_PAUSE_S))


class FileSlots:
    """Slots in a small file under a lock, for the processes of one machine.

    Args:
        path: The file, or a function that finds its place at the first call; its lock stands beside it.
        limit: Slots, that is calls a second.
        clock: Seconds on the clock that all processes of a machine have in common. The default runs on
            when the wall clock is set back, and starts anew with the machine.
    """

    def __init__(
        self, path: Path | Callable[[], Path], limit: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._place = path
        self._limit = limit
        self._clock = clock

    def take(self) -> tuple[str, float]:
        """Take a slot under the lock."""
        with self._lock():
            now = self._clock()
            until, paused = self._read(now)
            if paused > now:
                return "", paused - now
            if len(until) >= self._limit:
                return "", min(until.values()) - now
            token = uuid.uuid4().hex[:12]
            self._write({**until, token: now + WINDOW_S + UNHEARD_S}, paused)
            return token, 0.0

    def heard(self, token: str) -> None:
        """Free the slot one window from now."""
        with self._lock():
            now = self._clock()
            until, paused = self._read(now)
            if token in until:
                self._write({**until, token: now + WINDOW_S}, paused)

    def pause(self, seconds: float) -> None:
        """Close all slots for a while; a shorter pause does not end a longer one."""
        with self._lock():
            now = self._clock()
            until, paused = self._read(now)
            self._write(until, max(paused, now + seconds))

    @cached_property
    def path(self) -> Path:
        """The file."""
        return self._place() if callable(self._place) else self._place

    def _lock(self) -> AbstractContextManager[object]:
        from filelock import FileLock

        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return FileLock(self.path.with_suffix(".lock"))

    def _read(self, now: float) -> tuple[dict[str, float], float]:
        """Return the end of every slot that is taken, and of the pause."""
        try:
            found = json.loads(self.path.read_text())
            until = {str(token): float(end) for token, end in found["until"].items()}
            paused = float(found["paused"])
        except FileNotFoundError:
            return {}, 0.0
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            # What it said is lost: the safe reading is that every slot was taken just now.
            return {f"lost{number}": now + WINDOW_S for number in range(self._limit)}, 0.0
        # An end that lies too far ahead was written before the machine restarted.
        live = {t: end for t, end in until.items() if now < end <= now + WINDOW_S + UNHEARD_S}
        return live, paused if paused <= now + LONGEST_PAUSE_S else 0.0

    def _write(self, until: dict[str, float], paused: float) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps({"until": until, "paused": paused}))
        fresh.replace(self.path)
