"""Choosing where the calls to a service are counted: a file for one machine, Redis for several hosts."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from pathlib import Path

from core.settings import Settings
from knowledge.limits.rate import FileSlots, SharedLimiter
from knowledge.limits.redis_slots import RedisSlots


def open_limiter(settings: Settings, service: str, limit: int) -> SharedLimiter:
    """Return the limiter of a service that everybody with the same settings shares.

    Args:
        settings: `rate_store` says where calls are counted.
        service: An address; the same one means the same count.
        limit: Calls a second.
    """
    name = re.sub(r"[^A-Za-z0-9]+", "-", service)[:80]
    if settings.rate_store:
        return SharedLimiter(RedisSlots(settings.rate_store, name, limit))
    return SharedLimiter(FileSlots(lambda: _shared_folder(settings) / f"{name}.json", limit))


def _shared_folder(settings: Settings) -> Path:
    """Return a folder of this user and machine: services count callers, whatever data folder they use.

    A folder of that name which somebody else made is not trusted; then the count is kept in the data folder.
    """
    owner = getattr(os, "getuid", lambda: 0)()
    folder = Path(tempfile.gettempdir()) / f"vidence-limits-{owner}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == owner and not found.st_mode & 0o022:
            return folder
    except OSError:
        pass
    return settings.root / "limits"
