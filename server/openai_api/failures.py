"""Failures in the protocol's shape, so that its clients raise their own typed exceptions."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from core.errors import VidenceError, invalid_input, not_found
from server.http.asking import ClientGone
from server.http.problem import RETRY_AFTER_S, code_of, document, retry_after
from server.openai_api.bodies import ErrorBody, ErrorReply
from server.runs.engine import failure_of

log = logging.getLogger(__name__)

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    409: "conflict_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}
_SERVER = "server_error"
_CODES = {401: "unauthenticated", 408: "timeout", 413: "too_large", 429: "rate_limited", 503: "unavailable"}
"""Of failures that are known by their status alone; the words are those of problem documents."""


class OpenAiRoute(APIRoute):
    """A route whose failures are answered in OpenAI's shape."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """Wrap the route's handler."""
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handle(request)
            except ClientGone:
                raise
            except Exception as error:  # noqa: BLE001 - every failure of the route, in one shape
                return respond(error)

        return answered


def unsupported(param: str, why: str, help: str) -> ParameterRefused:
    """Return the failure of a parameter that would change the answer's form, and cannot."""
    error = invalid_input(f"`{param}` is not supported: {why}", help=help)
    return ParameterRefused(param, "unsupported_parameter", error)


def unknown_model(name: str, known: Iterable[str]) -> ParameterRefused:
    """Return the failure of a model that is not there."""
    error = not_found(f"The model `{name}` does not exist", help=f"Known: {', '.join(known)}.")
    return ParameterRefused("model", "model_not_found", error)


class ParameterRefused(Exception):  # noqa: N818 - it is what happened
    """A failure that is one parameter's, with the protocol's own code."""

    def __init__(self, param: str, code: str, error: VidenceError) -> None:
        super().__init__(error.message)
        self.param = param
        self.code = code
        self.error = error


def respond(error: Exception) -> Response:
    """Answer a failure."""
    status, body = described(error)
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else retry_after(error)
    if status in (429, 503):
        headers.setdefault("Retry-After", str(RETRY_AFTER_S))
    return JSONResponse(ErrorReply(error=body).model_dump(), status_code=status, headers=headers)


def described(error: BaseException) -> tuple[int, ErrorBody]:
    """Return the status and the body of a failure; what is unexpected is logged and tells no more."""
    if isinstance(error, ParameterRefused):
        return _told(error.error, param=error.param, code=error.code)
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        param = ".".join(str(part) for part in first["loc"][1:])
        text = f"{param}: {first['msg']}" if param else str(first["msg"])
        return 400, ErrorBody(message=text, type=_TYPES[400], param=param or None, code="invalid_input")
    if isinstance(error, HTTPException):
        kind = _TYPES.get(error.status_code, _SERVER)
        code = _CODES.get(error.status_code)
        return error.status_code, ErrorBody(message=str(error.detail), type=kind, code=code)
    if not isinstance(error, VidenceError):
        log.error("A chat completion failed", exc_info=error)
    return _told(failure_of(error))


def _told(error: VidenceError, *, param: str | None = None, code: str = "") -> tuple[int, ErrorBody]:
    status = document(error).status
    if status == 422:
        status = 400  # the protocol has no 422: its clients tell a bad request by 400
    text = f"{error.message}. {error.help}" if error.help else error.message
    body = ErrorBody(message=text, type=_TYPES.get(status, _SERVER), param=param, code=code or code_of(error))
    return status, body


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may answer with these statuses."""
    always = {401, 403, 429} | ({408} if 413 in statuses else set())
    return {status: {"model": ErrorReply, "description": "Failed"} for status in sorted({*statuses} | always)}
