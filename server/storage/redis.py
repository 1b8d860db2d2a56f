"""Redis for the server: one client, whose failures are all of one kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.errors import VidenceError, unavailable

if TYPE_CHECKING:
    import redis.asyncio

PATIENCE_S = 1.0
"""How long a command may take: after it, what is kept elsewhere goes on without Redis."""


def open_redis(url: str) -> redis.asyncio.Redis:
    """Return a client; nothing is sent yet. Raises `unavailable` for a missing package or an odd address."""
    try:
        import redis.asyncio
    except ImportError as error:
        raise missing("redis", "VIDENCE_SERVER_REDIS_URL") from error
    try:
        # Once more: a connection of the pool may be one that a restart broke.
        found: Any = redis.asyncio.Redis.from_url(url, decode_responses=True, **options(again=1))
    except ValueError as error:
        raise redis_away(error) from error
    client: redis.asyncio.Redis = found
    return client


def options(again: int) -> dict[str, Any]:
    """Return how a client behaves: it gives up soon, and tries a command so often again."""
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    return {
        "socket_timeout": PATIENCE_S,
        "socket_connect_timeout": PATIENCE_S,
        "retry": Retry(NoBackoff(), again),
        "driver_info": None,  # it would read the package's version from the disk for every connection
    }


def failures() -> tuple[type[Exception], ...]:
    """Return what a client raises while its server is away, loading, full or read only."""
    import redis

    # uvloop raises RuntimeError for a connection that was closed while the client was opening it.
    return (redis.RedisError, OSError, TimeoutError, RuntimeError)


def redis_away(error: Exception) -> VidenceError:
    """Return the error of a server that cannot be used; it names no address, which may hold a password."""
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    return unavailable(
        f"Redis cannot be used: {reason}",
        help="Start it, or change VIDENCE_SERVER_REDIS_URL; empty keeps events in the database.",
    )


def missing(package: str, setting: str) -> VidenceError:
    """Return the error of a setting whose package is not installed."""
    return unavailable(
        f"{setting} is set, and the package {package} is not installed",
        help=f"pip install 'vidence[serve,stores]', or leave {setting} empty for one worker.",
        retryable=False,
    )
