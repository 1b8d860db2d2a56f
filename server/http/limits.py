"""Bodies of requests: who sends one, how large it is, and how slowly it comes, before it is kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.memory import give_back
from server.http import problem
from server.http.problem import Problem
from server.openai_api import failures

Admit = Callable[[Scope], Awaitable[None]]
_OPENAI = "/chat/completions"
_HELP = "Scale images down, or raise VIDENCE_SERVER_MAX_BODY_BYTES."
LARGE = 4_000_000
"""Bytes of a body after which free memory is given back."""
LEAST_RATE = 10_000
"""Bytes a second that a body has to come with on the whole, once its time of grace is over."""


class BodyLimit:
    """Refuses bodies over `limit` bytes with 413, and those that come too slowly with 408.

    Starlette's own middleware does the first and answers in plain text; ours answers with a problem document.

    Args:
        app: What the request is for.
        limit: Bytes.
        patience_s: Seconds that a body may take before its rate counts.
        admit: Called before the first byte of a body is read; raises 401 for a caller who is not known.
    """

    def __init__(self, app: ASGIApp, limit: int, patience_s: float, admit: Admit) -> None:
        self._app = app
        self._limit = limit
        self._patience_s = patience_s
        self._admit = admit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, counting what is read of its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self._limit:
            await self._refusal(Request(scope).url.path)(scope, receive, send)
            return
        began = time.monotonic()
        seen, more = 0, True

        async def counted() -> Message:
            nonlocal seen, more
            if not more:  # all of it is here: what comes now is that the client left
                return await receive()
            if not seen and (declared not in ("", "0") or "transfer-encoding" in Headers(scope=scope)):
                await self._admit(scope)
            patience = self._patience_s + seen / LEAST_RATE - (time.monotonic() - began)
            try:
                async with asyncio.timeout(max(0.0, patience)):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(
                    408, "The body came too slowly", headers={"Connection": "close"}
                ) from None
            more = message["type"] == "http.request" and message.get("more_body", False)
            seen += len(message.get("body", b""))
            if seen > self._limit:
                raise self._too_large()
            return message

        await self._app(scope, counted, send)
        if seen > LARGE:
            await asyncio.to_thread(give_back)

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"The body is over the limit of {self._limit:,} bytes. {_HELP}")

    def _refusal(self, path: str) -> Response:
        """Answer in the shape of the address: OpenAI's clients read their own."""
        if path.endswith(_OPENAI):
            return failures.respond(self._too_large())
        return problem.respond(
            Problem(
                type="urn:vidence:problem:too_large",
                title="The request is too large",
                status=413,
                detail=str(self._too_large().detail),
                code="too_large",
                instance=path,
            )
        )
