"""Who calls. Today everybody is one anonymous owner; keys and tokens will name others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

ANONYMOUS = "anonymous"


@dataclass(frozen=True)
class Caller:
    """Whose objects a request may see and change."""

    owner: str


Identify = Callable[[Request], Awaitable[Caller]]
"""Returns the caller of a request, or raises `blocked`."""


async def anonymous(request: Request) -> Caller:
    """Return the one owner of a server without keys."""
    return Caller(ANONYMOUS)
