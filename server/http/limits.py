"""The size of a request's body, checked before and while it is read, so that memory stays flat."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.http.problem import Problem, respond


class BodyLimit:
    """Refuses bodies over `limit` bytes with 413.

    Starlette's own middleware does the same and answers in plain text; ours answers with a problem document.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, counting what is read of its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self._limit:
            await respond(self._problem(Request(scope).url.path))(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                raise HTTPException(413, f"The body is over the limit of {self._limit:,} bytes")
            return message

        await self._app(scope, counted, send)

    def _problem(self, path: str) -> Problem:
        return Problem(
            type="urn:vidence:problem:too_large",
            title="The request is too large",
            status=413,
            detail=f"The body is over the limit of {self._limit:,} bytes",
            code="too_large",
            help="Scale images down, or raise VIDENCE_SERVER_MAX_BODY_BYTES.",
            instance=path,
        )
