"""Failures as RFC 9457 problem documents, each with a stable `code`."""

from __future__ import annotations

import logging
import math
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.errors import VidenceError
from server.http.asking import ClientGone
from server.runs.engine import failure_of
from server.telemetry.scope import SCOPE

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
_AGAIN = (429, 503, 504)
"""Statuses of what may go well when it is sent again as it is."""
ERRORS_SHOWN = 20
"""Parts of a request that are told to be wrong: a body can have as many as it has bytes."""
CLIENT_GONE = 499
"""What a log shows of a request whose client left; nobody receives it."""
_STATUS = {
    "invalid_input": 422,
    "not_found": 404,
    "unavailable": 503,
    "timeout": 504,
    "rate_limited": 429,
    "blocked": 403,
    "internal": 500,
}
_TITLES = {
    "invalid_input": "The request has to be changed",
    "not_found": "There is no such thing",
    "unavailable": "Something that this needs cannot be reached",
    "timeout": "It took too long",
    "rate_limited": "Too many requests",
    "blocked": "This is not allowed",
    "conflict": "It is not in a state for this",
    "too_large": "The request is too large",
    "unauthenticated": "The server does not know who calls",
    "method_not_allowed": "The address does not know this method",
    "internal": "The server failed",
}
_BY_STATUS = {
    400: "invalid_input",
    401: "unauthenticated",
    403: "blocked",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    408: "timeout",
    413: "too_large",
    429: "rate_limited",
    503: "unavailable",
    504: "timeout",
}


class FieldError(BaseModel):
    """A part of the request that is wrong."""

    where: str
    message: str


class Problem(BaseModel):
    """A problem document. Act on `code`; `detail` and `help` are for people."""

    type: str = Field(examples=["urn:vidence:problem:not_found"])
    title: str
    status: int
    detail: str
    code: str = Field(examples=["not_found"])
    help: str = ""
    retryable: bool = False
    instance: str = ""
    errors: list[FieldError] = Field(default_factory=list)


def code_of(error: VidenceError) -> str:
    """Return the stable code of a failure: its kind, or `conflict` for what will be allowed later."""
    return "conflict" if error.kind == "blocked" and error.retryable else error.kind


def document(error: VidenceError, instance: str = "") -> Problem:
    """Return the problem document of a typed failure."""
    code = code_of(error)
    status = 409 if code == "conflict" else _STATUS[error.kind]
    return _problem(code, status, error.message, instance, help=error.help, retryable=error.retryable)


def _problem(code: str, status: int, detail: str, instance: str, **more: Any) -> Problem:
    title = _TITLES.get(code, code.replace("_", " ").capitalize())
    return Problem(
        type=f"urn:vidence:problem:{code}",
        title=title,
        status=status,
        detail=detail,
        code=code,
        instance=instance,
        **more,
    )


def retry_after(error: BaseException) -> dict[str, str]:
    """Return the header that says when another try may succeed, where the failure knows."""
    wait_s = getattr(error, "wait_s", None)
    return {} if wait_s is None else {"Retry-After": str(max(1, math.ceil(wait_s)))}


def respond(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """Send a problem document; what is worth another try says when."""
    sent = dict(headers or {})
    if problem.status in (429, 503):
        sent.setdefault("Retry-After", str(RETRY_AFTER_S))
    body = problem.model_dump(exclude_defaults=True)
    return JSONResponse(body, status_code=problem.status, headers=sent, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let every failure of a route be answered by a problem document."""

    async def typed(request: Request, error: Exception) -> Response:
        assert isinstance(error, VidenceError)
        return respond(document(error, request.url.path), retry_after(error))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        wrong = [
            FieldError(where=".".join(str(part) for part in item["loc"]), message=item["msg"])
            for item in error.errors()[:ERRORS_SHOWN]
        ]
        first = wrong[0]
        detail = f"{first.where}: {first.message}"
        help = "See the request's schema in /openapi.json."
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if first.where == "body" and not kind.endswith("json"):
            help = (
                f"It came as `{kind[:100] or 'nothing'}`: send JSON, with `content-type: application/json`."
            )
        return respond(_problem("invalid_input", 422, detail, request.url.path, help=help, errors=wrong))

    async def plain(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 400:
            # A body that cannot be parsed is told like one that says the wrong things.
            return respond(_problem("invalid_input", 422, str(error.detail), request.url.path))
        code = _BY_STATUS.get(error.status_code, "internal" if error.status_code >= 500 else "invalid_input")
        again = error.status_code in _AGAIN
        problem = _problem(code, error.status_code, str(error.detail), request.url.path, retryable=again)
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_methods(app, request))
        return respond(problem, headers)

    async def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=CLIENT_GONE)

    async def unexpected(request: Request, error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        # Sent outside of all middleware, so that it has to name the request itself.
        return respond(
            document(failure_of(error), request.url.path), {"X-Request-ID": SCOPE.get().request_id}
        )

    app.add_exception_handler(VidenceError, typed)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(ClientGone, gone)
    app.add_exception_handler(HTTPException, plain)
    app.add_exception_handler(Exception, unexpected)


def _methods(app: FastAPI, request: Request) -> list[str]:
    """Return the methods of an address; several routes may share it, each with its own."""
    found = {
        method
        for route in iter_route_contexts(app.routes)
        if isinstance(route.original_route, Route) and route.path_regex.match(request.url.path)
        for method in route.methods or ()
    }
    return sorted(found)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may answer with these problem statuses.

    Every route that asks who calls may refuse them, may be called too often, and needs the database; one
    whose body may be too large may also wait for it too long.
    """
    slow = {408} if 413 in statuses else set()
    return {
        status: {
            "model": Problem,
            "description": _TITLES.get(_BY_STATUS.get(status, "invalid_input"), "Problem"),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({*statuses, *slow, 401, 403, 429, 503})
    }
