"""The slots of the rate limit in Redis, for several hosts: each step is one script, by Redis's own clock."""

from __future__ import annotations

import uuid
from typing import Any

from core.errors import unavailable
from knowledge.limits.rate import UNHEARD_S, WINDOW_S

_TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local paused = redis.call('PTTL', KEYS[2])
if paused > 0 then return {0, paused} end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[3])
  redis.call('PEXPIRE', KEYS[1], 600000)
  return {1, 0}
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return {0, math.ceil(tonumber(first[2]) - now)}
"""
_HEARD = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
return redis.call('ZADD', KEYS[1], 'XX', now + tonumber(ARGV[1]), ARGV[2])
"""
_PAUSE = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], '1', 'PX', tonumber(ARGV[1]))
end
return 1
"""


class RedisSlots:
    """Slots in a sorted set: a member is a call, its score the time at which it stops counting.

    Args:
        url: `redis://HOST:PORT/DB`, or `rediss://` with TLS. Redis 5 or later, or Valkey.
        name: Names the service that is limited; the same name means the same slots.
        limit: Slots, that is calls a second.

    Raises:
        VidenceError: `unavailable`, from every method, when Redis or its package cannot be reached.
    """

    def __init__(self, url: str, name: str, limit: int) -> None:
        self._url = url
        # The braces keep both keys on one node of a cluster.
        self._slots, self._paused = f"vidence:rate:{{{name}}}:slots", f"vidence:rate:{{{name}}}:paused"
        self._limit = limit
        self._client: Any = None

    def take(self) -> tuple[str, float]:
        """Take a slot in one script."""
        token = uuid.uuid4().hex
        hold_ms = int((WINDOW_S + UNHEARD_S) * 1000)
        taken, wait_ms = self._run(_TAKE, [self._slots, self._paused], [self._limit, hold_ms, token])
        return (token, 0.0) if taken else ("", max(float(wait_ms), 1.0) / 1000)

    def heard(self, token: str) -> None:
        """Free the slot one window from now."""
        self._run(_HEARD, [self._slots], [int(WINDOW_S * 1000), token])

    def pause(self, seconds: float) -> None:
        """Close all slots for a while; a shorter pause does not end a longer one."""
        self._run(_PAUSE, [self._paused], [max(1, int(seconds * 1000))])

    def _run(self, script: str, keys: list[str], args: list[Any]) -> Any:
        try:
            import redis
        except ImportError as error:
            raise unavailable(
                "The package redis is not installed",
                help="pip install 'vidence[stores]', or leave VIDENCE_RATE_STORE empty for one machine.",
                retryable=False,
            ) from error
        try:
            if self._client is None:
                self._client = redis.Redis.from_url(self._url, socket_timeout=5, socket_connect_timeout=5)
            return self._client.eval(script, len(keys), *keys, *args)
        except (redis.RedisError, ValueError, OSError) as error:
            raise unavailable(
                f"The rate limit's Redis cannot be used ({error})",
                help="Check VIDENCE_RATE_STORE; leave it empty to keep the limit on this machine.",
            ) from error
