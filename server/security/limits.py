"""Rates and quotas for each owner: requests a minute by a moving window, runs a day by what the ledger holds.

The windows are in memory, or in Redis where several workers share them (`limits`, the library, has both).
"""

from __future__ import annotations

import math
import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from starlette.exceptions import HTTPException

from core.settings import Settings


class RateLimit:
    """Counts requests of owners.

    Args:
        settings: With `server_requests_per_minute`; 0 for no limit.
        storage: Where windows are kept.
    """

    def __init__(self, settings: Settings, storage: Storage | None = None) -> None:
        rate = settings.server_requests_per_minute
        self._item = RateLimitItemPerMinute(rate) if rate else None
        self._windows = MovingWindowRateLimiter(storage or MemoryStorage())

    async def hit(self, owner: str) -> None:
        """Count a request; raises 429, with the seconds to wait, when it is one too many."""
        if self._item is None or await self._windows.hit(self._item, owner):
            return
        stats = await self._windows.get_window_stats(self._item, owner)
        wait = max(1, math.ceil(stats.reset_time - time.time()))
        raise HTTPException(
            429,
            f"More than {self._item.amount} requests in a minute. Wait {wait} s.",
            headers={"Retry-After": str(wait)},
        )
