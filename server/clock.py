"""The time, read at the call."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def iso_now() -> str:
    """Return the time as ISO 8601 in UTC with milliseconds."""
    return stamp(datetime.now(UTC))


def stamp(moment: datetime) -> str:
    """Return a time as it is kept and compared as text: ISO 8601 in UTC; without a zone it is UTC already."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="milliseconds")


def stamp_of(text: str) -> str:
    """Return `stamp` of a time as people write it in ISO 8601; raises `ValueError` for anything else."""
    try:
        return stamp(datetime.fromisoformat(text))
    except OverflowError as error:
        raise ValueError(text) from error


def unix_now() -> float:
    """Return seconds since 1970: what leases are compared with, across processes."""
    return time.time()
