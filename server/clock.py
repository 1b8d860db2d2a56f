"""The time, read at the call."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def iso_now() -> str:
    """Return the time as ISO 8601 in UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def unix_now() -> float:
    """Return seconds since 1970: what leases are compared with, across processes."""
    return time.time()
