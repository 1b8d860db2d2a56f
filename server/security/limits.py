"""Rates and quotas for each owner: requests a minute by a moving window, runs a day by what the ledger holds.

The windows are in memory, or in Redis where several workers share them (`limits`, the library, has both).
"""

from __future__ import annotations

import math
import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError
from starlette.exceptions import HTTPException

from core.settings import Settings

ALONE_S = 5.0


class RateLimit:
    """Counts requests of owners.

    Args:
        settings: With `server_requests_per_minute`; 0 for no limit.
        storage: Where windows are kept.
    """

    def __init__(self, settings: Settings, storage: Storage | None = None) -> None:
        rate = settings.server_requests_per_minute
        self._item = RateLimitItemPerMinute(rate) if rate else None
        self._own = MovingWindowRateLimiter(MemoryStorage())
        self._shared = MovingWindowRateLimiter(storage) if storage is not None else None
        self._alone_until = 0.0

    async def hit(self, owner: str) -> None:
        """Count a request; raises 429, with the seconds to wait, when it is one too many."""
        if self._item is None:
            return
        shared = self._shared if time.monotonic() > self._alone_until else None
        try:
            wait = await self._wait(shared or self._own, owner)
        except StorageError:
            # Redis is away: each worker counts for itself for a while.
            self._alone_until = time.monotonic() + ALONE_S
            wait = await self._wait(self._own, owner)
        if wait:
            raise HTTPException(
                429,
                f"More than {self._item.amount} requests in a minute. Wait {wait} s.",
                headers={"Retry-After": str(wait)},
            )

    async def _wait(self, windows: MovingWindowRateLimiter, owner: str) -> int:
        """Count a request; return 0, or the seconds to wait when it is one too many."""
        assert self._item is not None
        if await windows.hit(self._item, owner):
            return 0
        stats = await windows.get_window_stats(self._item, owner)
        return max(1, math.ceil(stats.reset_time - time.time()))
