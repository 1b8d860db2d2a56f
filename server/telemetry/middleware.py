"""Around every request: its id, its span, its line in the log, and its place in the metrics."""

from __future__ import annotations

import logging
import re
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.calls import LISTENER
from server.telemetry.logs import FIELDS
from server.telemetry.redact import Redactor
from server.telemetry.scope import SCOPE
from server.telemetry.scope import Scope as About
from server.telemetry.telemetry import Telemetry

log = logging.getLogger("vidence.request")

REQUEST_ID = "x-request-id"
UNMATCHED = "unmatched"
"""The route of a request that no route took: an unknown address, or one refused before it."""
PROBES = frozenset({"/health", "/ready", "/metrics"})
"""Asked every few seconds by machines: counted, but neither logged nor traced."""
METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})
CLIENT_GONE = 499
_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_STAMP = re.compile(rb'"time":"([^"]{10,40})"')
_SECRETS = Redactor()


def request_id_of(headers: Headers) -> str:
    """Return the caller's id of a request when it is a plain word with nothing personal, else a new one."""
    given = headers.get(REQUEST_ID, "")
    return given if _SANE_ID.fullmatch(given) and _SECRETS.clean(given) else uuid.uuid4().hex


def template(scope: Scope) -> str:
    """Return the template of the route that took a request, with its prefix (`/v1/runs/{run_id}`).

    A route knows its own part of the template. What stands before it in the address is the prefix that it was
    included with, which has no parameters.
    """
    route = scope.get("route")
    path: str = scope["path"]
    if route is None:
        # A plain route of Starlette's leaves only its endpoint; its address is its template.
        return path if "endpoint" in scope and not scope.get("path_params") else UNMATCHED
    own: str = getattr(route, "path_format", None) or route.path
    whole, part = path.strip("/").split("/"), own.strip("/").split("/")
    prefix = whole[: len(whole) - len(part)] if own.strip("/") else []
    return "/" + "/".join([*prefix, *part]) if own.strip("/") else own


class Telemetered:
    """Measures requests.

    Args:
        app: What answers them.
        telemetry: Who is told.
    """

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _Request(self._telemetry, scope, send)
        LISTENER.set(self._telemetry)
        try:
            await self._app(scope, receive, request.send)
        except Exception:
            request.failed()  # who answers it stands outside of us (`problem.install`)
            raise
        finally:
            request.end()


class _Request:
    def __init__(self, telemetry: Telemetry, scope: Scope, send: Send) -> None:
        self._metrics = telemetry.metrics
        self._scope = scope
        self._send = send
        self._began = time.perf_counter()
        self._opened = datetime.now(UTC).isoformat(timespec="milliseconds").encode()
        self._answered = 0.0
        self._status = 0
        self._stream = False
        headers = Headers(scope=scope)
        self._id = request_id_of(headers)
        SCOPE.set(About(request_id=self._id))
        traces = None if scope["path"] in PROBES else telemetry.traces
        self._span = traces.request(headers) if traces else None
        if self._span is not None:
            SCOPE.set(replace(SCOPE.get(), trace_id=self._span.trace_id))

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on."""
        if message["type"] == "http.response.start":
            self._answered = time.perf_counter()
            self._status = message["status"]
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID] = self._id
            self._stream = headers.get("content-type", "").startswith("text/event-stream")
            if self._stream:
                self._metrics.streams_open.inc()
        elif self._stream:
            self._note_lag(message.get("body", b""))
        await self._send(message)

    def failed(self) -> None:
        """Note that nothing of ours answered the request: it gets a 500, unless an answer had begun."""
        self._status = self._status or 500

    def _note_lag(self, frame: bytes) -> None:
        stamp = _STAMP.search(frame, 0, 400)
        # What is older than the stream is replayed: its age says nothing of the server.
        if stamp is not None and stamp[1] >= self._opened:
            lag = datetime.now(UTC) - datetime.fromisoformat(stamp[1].decode())
            self._metrics.event_lag.observe(max(0.0, lag.total_seconds()))

    def end(self) -> None:
        """Count the request and write its line."""
        now = time.perf_counter()
        if self._stream:
            self._metrics.streams_open.dec()
        route = template(self._scope)
        given = self._scope["method"]
        method = given if given in METHODS else "other"
        status = self._status or CLIENT_GONE
        # A stream lasts as long as its run: what a client waits for is its beginning.
        seconds = (self._answered if self._stream else now) - self._began
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.request_seconds.labels(method, route).observe(seconds)
        if self._span is not None:
            self._span.end(method, route, status)
        if route in PROBES:
            return
        fields = {
            "method": method,
            "route": route,
            "status": status,
            "ms": round((now - self._began) * 1e3, 1),
        }
        log.info("request", extra={FIELDS: fields})
