"""Running the application: uvicorn, with a SIGTERM that lets runs finish before it ends the process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from core.errors import VidenceError, unavailable
from core.settings import Settings
from server.app import create_app
from server.security.heads import protocol
from server.storage.stores import check_stores

if TYPE_CHECKING:
    from fastapi import FastAPI

log = logging.getLogger(__name__)

STREAMS_CLOSE_S = 5
"""Seconds that connections get to close once the runs are done or given back."""


class DrainingServer(uvicorn.Server):
    """On the first signal new runs are refused (503) and running ones may end; the second stops at once."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, drain_s: float) -> None:
        super().__init__(config)
        self._app = app
        self._drain_s = drain_s
        self._draining: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def _serve(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        self._loop = asyncio.get_running_loop()
        await super()._serve(sockets)  # type: ignore[arg-type]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain, or stop when that was begun before."""
        if self._draining is not None or self._loop is None or not self.started:
            self.should_exit = True
            return
        # A signal handler runs between two byte codes of the main thread: the loop does the work.
        self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        log.info("Stopping: new runs are refused, running ones have %s s", self._drain_s)
        await self._app.state.context.manager.drain(self._drain_s)
        self.should_exit = True


def serve(settings: Settings, host: str, port: int, *, on_start: Callable[[str], None] | None = None) -> None:
    """Serve until a signal; blocks.

    Args:
        settings: The server's settings.
        host: Where to listen.
        port: Where to listen; 0 for any free port.
        on_start: Called with the address once it is listening.

    Raises:
        VidenceError: `unavailable` when PostgreSQL or Redis is set and cannot be used, or when the address
            cannot be listened on.
    """
    check_stores(settings)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,  # its lines are written by the handler that is set up, like ours
        access_log=False,  # ours has the route, the run and the request's id
        http=protocol(),
        server_header=False,
        timeout_graceful_shutdown=STREAMS_CLOSE_S,
    )
    server = _Announcing(config, app, settings.server_drain_s)
    server.on_start = on_start
    server.run()


class _Announcing(DrainingServer):
    """Says where it listens, with the port that was found."""

    on_start: Callable[[str], None] | None = None

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        try:
            await super().startup(sockets)  # type: ignore[arg-type]
        except SystemExit as stopped:
            if isinstance(stopped.__context__, OSError):  # uvicorn logs it, and exits
                raise self._taken(stopped.__context__) from stopped
            raise
        if self.started and self.on_start is not None:
            address = self.servers[0].sockets[0].getsockname()
            self.on_start(f"http://{address[0]}:{address[1]}")

    def _taken(self, error: OSError) -> VidenceError:
        return unavailable(
            f"The server cannot listen there: {error.strerror or error}",
            help="Name another by --host and --port (0 takes any free port), or end what has it.",
            retryable=False,
        )
