"""The graph with its services and checkpoints, opened once and shared by all runs of the process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.contracts import Evidence, RunResult
from core.errors import VidenceError, unavailable
from core.pressure import Pressure, at_ease
from core.run_store import RunStore, SqliteRunStore
from core.settings import Settings
from core.system_errors import system_error
from server.runs.records import Run
from server.storage.stores import saver_of

if TYPE_CHECKING:
    from graph.services import Services

log = logging.getLogger(__name__)

OpenServices = Callable[[Settings], "Services"]


def open_default(settings: Settings) -> Services:
    """Open the services that the settings describe; imports what is heavy, so call it in a thread."""
    from graph.services import open_services

    return open_services(settings)


class Engine:
    """Opens in the background, so that the server answers while models load.

    Args:
        settings: The server's settings.
        open_services: Builds the services; tests give their own.
        store: Evidence and journal that all workers share; by default the services'.
        callbacks: What LangGraph tells of every node, such as LangSmith's tracer.
        pressure: How busy the server is, for what runs leave out under load.
    """

    def __init__(
        self,
        settings: Settings,
        open_services: OpenServices = open_default,
        store: RunStore | None = None,
        callbacks: Sequence[Any] = (),
        pressure: Pressure = at_ease,
    ) -> None:
        self._pressure = pressure
        self._settings = settings
        self._store = store
        self._open_services = open_services
        self._callbacks = callbacks
        self._stack = AsyncExitStack()
        self._graph: Any = None
        self._saver: Any = None
        self._services: Services | None = None
        self.ready = asyncio.Event()
        self.failure: VidenceError | None = None

    @property
    def services(self) -> Services:
        """The shared services; raises `unavailable` until they are open."""
        if self._services is None:
            raise self.failure or unavailable("The models are still loading", help="Try again in a moment.")
        return self._services

    async def open(self) -> None:
        """Import, open and warm up; `ready` is set at the end, or `failure` says why not."""
        try:
            build = await asyncio.to_thread(_import_graph)
            services = await asyncio.to_thread(self._open_services, self._settings)
            self._stack.push_async_callback(asyncio.to_thread, services.close)
            services = replace(services, pressure=self._pressure)
            if self._store is not None:
                services = replace(services, store=self._store)
            self._services = services
            open_saver = await asyncio.to_thread(saver_of, self._settings)
            self._saver = await self._stack.enter_async_context(open_saver())
            self._graph = await asyncio.to_thread(
                build, self._settings, checkpointer=self._saver, services=services
            )
            await asyncio.to_thread(_warm, services)
        except Exception as error:
            log.exception("The engine did not open")
            self.failure = failure_of(error)
            return
        self.ready.set()
        await asyncio.to_thread(_warm_further, services)

    async def close(self) -> None:
        """End worker processes and close files."""
        self.ready.clear()
        await self._stack.aclose()

    async def take(self, run: Run) -> None:
        """Let no older lease write checkpoints of the run's thread; raises `LeaseLost` when this is older."""
        await self._saver.take(run)

    async def snapshot(self, thread_key: str) -> Any:
        """Return the newest checkpoint of a thread."""
        return await self._graph.aget_state(self._config(thread_key))

    async def reports(self, payload: Any, thread_key: str) -> AsyncIterator[tuple[str, Any]]:
        """Run the graph to its end or to an interrupt; yields what the modes `tasks` and `custom` report."""
        from graph.spoken import SPEAK

        modes, config = ["tasks", "custom"], self._config(thread_key)
        config["configurable"][SPEAK] = self._settings.server_speak
        async for mode, report in self._graph.astream(payload, config, stream_mode=modes, durability="sync"):
            yield mode, report

    async def result(self, run_id: str, values: Any) -> RunResult:
        """Return the finished result of a run; raises the error that it ended with."""
        outcome = values.get("outcome") or {}
        if outcome.get("status") == "failed":
            raise VidenceError(**outcome["error"])
        store = self.services.store
        if isinstance(store, SqliteRunStore):
            body = await asyncio.to_thread(store.result, run_id)
            if body is not None:
                return RunResult.model_validate_json(body)
        from graph.nodes.respond import build_result

        # The record never reached the disk; the last checkpoint holds all of it.
        return await build_result(values, self.services)

    async def evidence(self, run_id: str, ids: tuple[str, ...]) -> list[Evidence]:
        """Return evidence of a run by id."""
        return await self.services.store.get_evidence(run_id, ids)

    async def forget(self, thread_key: str, run_ids: Sequence[str]) -> None:
        """Delete a thread's checkpoints, and what its runs found and answered."""
        await self._saver.adelete_thread(thread_key)
        for run_id in run_ids:
            await asyncio.to_thread(self.services.store.forget, run_id)

    def _config(self, thread_key: str) -> dict[str, Any]:
        return {
            "configurable": {"thread_id": thread_key},
            "recursion_limit": self._settings.max_steps * 4,
            "callbacks": list(self._callbacks),
        }


def _import_graph() -> Any:
    from langsmith import configure

    from graph.app import build_graph

    configure(enabled=False)  # our setting decides (`callbacks`), not LangChain's variables
    return build_graph


def _warm(services: Services) -> None:
    """Load what the first question would wait for."""
    if services.settings.router != "embedding" or services.suggest is None:
        return
    try:
        services.models.embedder().embed(["warm"])
    except VidenceError as error:
        log.warning("The text model is not loaded: %s", error.message)


def _warm_further(services: Services) -> None:
    """Make what the first plan needs once for a data folder: vectors of the tools."""
    if services.suggest is not None:
        services.suggest("warm", services.registry.names())


def failure_of(error: BaseException) -> VidenceError:
    """Return the typed error of any exception; what is unexpected tells its type and no more."""
    from langgraph.errors import NodeTimeoutError

    if isinstance(error, VidenceError):
        return error
    if isinstance(error, NodeTimeoutError):
        return VidenceError(
            "timeout",
            f"The step `{error.node}` took longer than {error.timeout:.0f} s",
            help="Ask again, or raise VIDENCE_TOOL_TIMEOUT_S.",
            retryable=True,
        )
    known = system_error(error) if isinstance(error, Exception) else None
    return known or VidenceError(
        "internal", f"An unexpected {type(error).__name__} ended it", help="The server's log has the details."
    )
