"""What is done now and then as long as the server runs: dropping images and kept answers that are too old."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping

from core.feedback_store import Feedback
from server.runs.engine import Engine

log = logging.getLogger(__name__)

EVERY_S = 3600.0
Sweep = Callable[[], Awaitable[int]]


async def keep_house(ready: asyncio.Event, sweeps: Mapping[str, Sweep], every_s: float = EVERY_S) -> None:
    """Sweep once the agent is open, then every hour; a sweep that fails is tried again the next time.

    Args:
        ready: Set when the agent's stores are open.
        sweeps: What drops something and says how much, by what it drops.
        every_s: Seconds in between.
    """
    await ready.wait()
    while True:
        for name, sweep in sweeps.items():
            try:
                if dropped := await sweep():
                    log.info("Dropped %d old %s", dropped, name)
            except Exception:
                log.exception("Dropping old %s failed", name)
        await asyncio.sleep(every_s)


def images_needed(
    engine: Engine, rated: Callable[[], Collection[Feedback]]
) -> Callable[[Collection[str]], set[str]]:
    """Return what tells which images collections hold or ratings are about."""

    def needed(hashes: Collection[str]) -> set[str]:
        held = engine.services.collections.held_images()
        learned = {sha256 for item in rated() for sha256 in item.run.images}
        return set(hashes) & (held | learned)

    return needed
