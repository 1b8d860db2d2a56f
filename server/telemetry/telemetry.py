"""All that a server process tells about itself, opened once by the application."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from core.calls import Call, Failed
from core.prices import price_table
from core.settings import Settings
from server.telemetry import langsmith, traces
from server.telemetry.counting import ModelCounter, RunCounter
from server.telemetry.listen import RunListener, Watch
from server.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from server.telemetry.traces import Traces


class Telemetry:
    """Metrics always, traces and LangSmith by setting; a `core.calls.Listener`.

    Args:
        settings: The server's settings. A table of prices is read at once.

    Raises:
        VidenceError: `unavailable` or `invalid_input` when a setting asks for what is not there.
    """

    def __init__(self, settings: Settings) -> None:
        traces.check(settings)
        langsmith.check(settings)
        self._settings = settings
        self.metrics = Metrics()
        self.traces: Traces | None = None
        self.callbacks: Sequence[Any] = ()
        """What LangGraph is to call: LangSmith's tracer, by setting."""
        self._models = ModelCounter(self.metrics, price_table(settings))
        self._close_langsmith: Any = None

    async def open(self, worker: str) -> Watch:
        """Connect what the settings ask for; return what ledger and log are wrapped in."""
        self.metrics.worker.labels(worker, await asyncio.to_thread(_version)).set(1)
        listeners: list[RunListener] = [RunCounter(self.metrics)]
        if self._settings.otel_endpoint:
            self.traces = await asyncio.to_thread(traces.open_traces, self._settings, worker)
            listeners.append(self.traces)
        if self._settings.langsmith_tracing:
            tracer = await asyncio.to_thread(langsmith.open_tracer, self._settings)
            self.callbacks = (tracer.callback,)
            self._close_langsmith = tracer.close
        return Watch(listeners)

    async def close(self) -> None:
        """Send what waits, for a few seconds at most."""
        if self.traces is not None:
            await asyncio.to_thread(self.traces.close)
        if self._close_langsmith is not None:
            await asyncio.to_thread(self._close_langsmith)

    def begin(self, model: str, address: str, operation: str) -> Call:
        """Note that a call to a served model begins."""
        counted = self._models.begin(model, address, operation)
        if self.traces is None:
            return counted
        return _Both(counted, self.traces.begin(model, address, operation))


class _Both:
    def __init__(self, counted: Call, traced: Call) -> None:
        self._calls = (counted, traced)
        self.headers: Mapping[str, str] = traced.headers

    def spent(self, tokens_in: int, tokens_out: int) -> None:
        for call in self._calls:
            call.spent(tokens_in, tokens_out)

    def end(self, error: Failed | None) -> None:
        for call in self._calls:
            call.end(error)


def _version() -> str:
    try:
        return version("vidence")
    except PackageNotFoundError:
        return "source"
