"""The quota of runs: what an owner began within a day, also on threads that were deleted since."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from core.errors import VidenceError
from server.storage.sql import Connection

_DAY = timedelta(days=1)
_NTH = """
SELECT begun FROM (
    SELECT begun FROM (
        SELECT created_at AS begun FROM runs WHERE owner = ? ORDER BY place DESC LIMIT ?) AS kept
    UNION ALL SELECT begun_at AS begun FROM spent WHERE owner = ?) AS every_one
ORDER BY begun DESC LIMIT 1 OFFSET ?
"""


def check_quota(to: Connection, owner: str, quota: int) -> None:
    """Raise `rate_limited` when an owner began `quota` runs within a day.

    Within the transaction that keeps the new run: of many that come at once each counts those before it.
    """
    row = to.execute(_NTH, (owner, quota, owner, quota - 1)).fetchone()
    if row is None:
        return
    # So many runs ago: while that was less than a day ago, one more is too many.
    free = datetime.fromisoformat(row["begun"]) + _DAY
    wait_s = (free - datetime.now(UTC)).total_seconds()
    if wait_s > 0:
        raise VidenceError(
            "rate_limited",
            f"{quota:,} runs in 24 hours are the quota",
            help=f"Wait until {free:%H:%M} UTC, or ask an admin to raise VIDENCE_SERVER_RUNS_PER_DAY.",
            retryable=True,
            wait_s=wait_s,
        )


def keep_count(to: Connection, owner: str, begun: Iterable[str]) -> None:
    """Count runs that are about to be deleted until they are a day old; nothing else of them is kept."""
    since = (datetime.now(UTC) - _DAY).isoformat(timespec="milliseconds")
    to.execute("DELETE FROM spent WHERE begun_at < ?", (since,))
    to.executemany("INSERT INTO spent VALUES (?, ?)", [(owner, at) for at in begun if at >= since])
