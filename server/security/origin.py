"""A page elsewhere may not use a server that asks nobody for a key: browsers send some requests unasked.

With keys there is nothing to borrow: no browser adds a key by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from core.errors import VidenceError
from server.http.problem import document, respond

_LOOKS = ("GET", "HEAD", "OPTIONS")
_ELSEWHERE = ("cross-site", "same-site")


class OwnPages:
    """Refuses (403) what changes something and comes from another page, told by the browser (Fetch Metadata).

    Args:
        app: What the requests are for.
        allowed: Origins of other pages that may call the server (`server_cors_origins`).
    """

    def __init__(self, app: ASGIApp, allowed: Sequence[str]) -> None:
        self._app = app
        self._allowed = frozenset(allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http" and scope["method"] not in _LOOKS:
            headers = Headers(scope=scope)
            known = "*" in self._allowed or headers.get("origin") in self._allowed
            if headers.get("sec-fetch-site") in _ELSEWHERE and not known:
                error = VidenceError(
                    "blocked",
                    "The request comes from a page elsewhere",
                    help="Name that page in VIDENCE_SERVER_CORS_ORIGINS.",
                )
                await respond(document(error, Request(scope).url.path))(scope, receive, send)
                return
        await self._app(scope, receive, send)
