"""Who calls, and what they may do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

from server.security.roles import ROLES, Permission

ANONYMOUS = "anonymous"


@dataclass(frozen=True)
class Caller:
    """Whose objects a request may see and change.

    Attributes:
        owner: Who owns what the request makes.
        permissions: What the request may do.
        via: The key or token that named the owner; empty without either.
    """

    owner: str
    permissions: frozenset[Permission] = ROLES["admin"]
    via: str = ""

    @property
    def actor(self) -> str:
        """How the audit log names the caller."""
        return f"{self.owner} ({self.via})" if self.via else self.owner


Identify = Callable[[Request], Awaitable[Caller]]
"""Returns the caller of a request, or raises 401."""


async def anonymous(request: Request) -> Caller:
    """Return the one owner of a server without keys."""
    return Caller(ANONYMOUS)
