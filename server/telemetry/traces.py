"""OpenTelemetry traces: request, run, node, tool and model call, sent to a collector over OTLP/HTTP.

The ids of a run's spans are made of the run's and its steps' own ids, and the request's trace is kept with
the run. So a span needs no object that lives as long as what it tells of: a run that another worker takes up
after a crash, or that waits a day for a reply, still gives one trace.

Names follow OpenTelemetry's conventions for HTTP and for generative AI where they have one. No text of a
question, answer, tool argument or prompt is ever put into a span.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from core.calls import Call, Failed
from core.errors import unavailable
from core.settings import Settings
from server.runs.records import Failure, Run, Status
from server.stream.events import AnswerFinal, StepFinished
from server.stream.translate import short
from server.telemetry.listen import Live
from server.telemetry.scope import RUN

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

CLOSE_S = 3.0
"""How long the end of the process waits for a collector."""
EXPORT_S = 5.0
MILLION = 1_000_000
_PARENT: ContextVar[str] = ContextVar("traceparent", default="")
"""The span of the request that the code at hand works for."""


def check(settings: Settings) -> None:
    """Raise `unavailable` when traces are asked for and the packages are missing."""
    if settings.otel_endpoint and find_spec("opentelemetry.exporter.otlp.proto.http") is None:
        raise unavailable(
            "The packages for traces are not installed",
            help="Install the extra: pip install 'vidence[otel]', or leave VIDENCE_OTEL_ENDPOINT (and "
            "OTEL_EXPORTER_OTLP_ENDPOINT) empty.",
            retryable=False,
        )


def open_traces(settings: Settings, worker: str) -> Traces:
    """Return traces that are sent in the background. Imports; call it in a thread."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    ours = Resource({"service.name": "vidence", "service.instance.id": worker})
    provider = TracerProvider(
        resource=ours.merge(OTELResourceDetector().detect()),
        id_generator=_ids(),
        shutdown_on_exit=False,
    )
    address = f"{settings.otel_endpoint.rstrip('/')}/v1/traces"
    exporter = OTLPSpanExporter(endpoint=address, timeout=EXPORT_S)
    # A queue of bounded length; what does not fit is dropped, and nobody waits.
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Traces(provider)


_WANTED: ContextVar[int] = ContextVar("wanted_span_id", default=0)


def _ids() -> Any:
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Ids(RandomIdGenerator):
        """Random, unless the span that is being made has an id already."""

        def generate_span_id(self) -> int:
            return _WANTED.get() or super().generate_span_id()

    return Ids()


class Traces:
    """Makes spans: of requests for the middleware, of runs as a `RunListener`, of models as a `Listener`."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("vidence")
        self._wire = TraceContextTextMapPropagator()

    def close(self) -> None:
        """Send what waits, for a few seconds at most. Blocks."""
        # In a thread that the end of the process does not wait for: a dead collector is tried several times.
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_S)

    def request(self, headers: Mapping[str, str]) -> RequestSpan:
        """Begin the span of a request, within the trace that its client names."""
        from opentelemetry.trace import SpanKind

        given = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
        span = self._tracer.start_span("request", self._wire.extract(given), kind=SpanKind.SERVER)
        _PARENT.set(self._sent(span)["traceparent"])
        return RequestSpan(span)

    def traceparent(self) -> str:
        """Return the span of the request at hand, as it is kept with a run."""
        return _PARENT.get()

    def accepted(self, run: Run) -> None:
        """Nothing yet: a run's span is made at its end."""

    def begun(self, live: Live) -> None:
        """Nothing yet: a run's span is made at its end."""

    def step(self, live: Live, step: StepFinished) -> None:
        """Make the span of a node, and of the tool that it called."""
        end = time.time_ns()
        began = end - int(step.ms * MILLION)
        attributes = {"vidence.run.id": live.run.run_id, "vidence.node": step.node}
        within = self._within(live.run, _id_of_run(live.run.run_id))
        self._span(step.node, within, int(step.step, 16), began, end, attributes, step.error_kind)
        if step.tool:
            named = {
                **attributes,
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": step.tool,
                "vidence.subquestion": step.subquestion,
            }
            within = self._within(live.run, int(step.step, 16))
            name = f"execute_tool {step.tool}"
            self._span(name, within, _id_of_tool(step.step), began, end, named, step.error_kind)

    def ended(self, live: Live, status: Status, final: AnswerFinal | None, error: Failure | None) -> None:
        """Make the span of a run, from its acceptance to its end."""
        run = live.run
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "vidence",
            "gen_ai.conversation.id": run.thread_id,
            "vidence.run.id": run.run_id,
            "vidence.run.status": status,
            "vidence.run.attempts": run.attempts,
        }
        if final is not None:
            attributes |= {
                "vidence.profile": final.profile,
                "vidence.confidence": final.confidence,
                "gen_ai.usage.input_tokens": final.usage.tokens_in,
                "gen_ai.usage.output_tokens": final.usage.tokens_out,
            }
        began = int(datetime.fromisoformat(run.created_at).timestamp() * 1e9)
        kind = error.kind if error else None
        parent = self._wire.extract({"traceparent": run.spec.traceparent})
        ended = time.time_ns()
        self._span("invoke_agent vidence", parent, _id_of_run(run.run_id), began, ended, attributes, kind)

    def begin(self, model: str, address: str, operation: str) -> Call:
        """Begin the span of a call to a model: of a tool's or a node's where one calls."""
        from opentelemetry.trace import SpanKind

        run, task = RUN.get(), _task()
        if run is None:
            context = self._wire.extract({"traceparent": _PARENT.get()})
        else:
            context = self._within(run, task or _id_of_run(run.run_id))
        server = urlsplit(address)
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": "openai",  # whose protocol it is
            "gen_ai.request.model": model,
            "server.address": server.hostname or "",
            **({"server.port": server.port} if server.port else {}),
        }
        span = self._tracer.start_span(f"{operation} {model}", context, SpanKind.CLIENT, attributes)
        return _ModelSpan(span, self._sent(span))

    def _span(
        self,
        name: str,
        parent: Context,
        id_: int,
        began: int,
        ended: int,
        attributes: Mapping[str, Any],
        error: str | None,
    ) -> None:
        token = _WANTED.set(id_)
        try:
            span = self._tracer.start_span(name, parent, attributes=attributes, start_time=min(began, ended))
        finally:
            _WANTED.reset(token)
        _failed(span, error)
        span.end(ended)

    def _within(self, run: Run, parent: int) -> Context:
        """Return the context whose span is one of a run's, by its id."""
        from opentelemetry.trace import (
            NonRecordingSpan,
            SpanContext,
            TraceFlags,
            get_current_span,
            set_span_in_context,
        )

        asked = get_current_span(self._wire.extract({"traceparent": run.spec.traceparent})).get_span_context()
        if asked.is_valid:
            trace, flags = asked.trace_id, asked.trace_flags
        else:
            trace, flags = int(run.run_id, 16), TraceFlags(TraceFlags.SAMPLED)
        return set_span_in_context(NonRecordingSpan(SpanContext(trace, parent, False, flags)))

    def _sent(self, span: Span) -> dict[str, str]:
        from opentelemetry.trace import set_span_in_context

        carrier: dict[str, str] = {"traceparent": ""}
        self._wire.inject(carrier, set_span_in_context(span))
        return {name: value for name, value in carrier.items() if value}


class RequestSpan:
    """The span of one request."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self.trace_id = f"{span.get_span_context().trace_id:032x}"

    def end(self, method: str, route: str, status: int) -> None:
        """End it, named by the route's template."""
        self._span.update_name(f"{method} {route}")
        self._span.set_attribute("http.request.method", method)
        self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        _failed(self._span, str(status) if status >= 500 else None)
        self._span.end()


class _ModelSpan:
    def __init__(self, span: Span, headers: Mapping[str, str]) -> None:
        self._span = span
        self.headers = headers

    def spent(self, tokens_in: int, tokens_out: int) -> None:
        self._span.set_attribute("gen_ai.usage.input_tokens", tokens_in)
        self._span.set_attribute("gen_ai.usage.output_tokens", tokens_out)

    def end(self, error: Failed | None) -> None:
        _failed(self._span, error)
        self._span.end()


def _failed(span: Span, error: str | None) -> None:
    from opentelemetry.trace import Status as SpanStatus
    from opentelemetry.trace import StatusCode

    if error is not None:
        span.set_attribute("error.type", error)
        span.set_status(SpanStatus(StatusCode.ERROR))


def _id_of_run(run_id: str) -> int:
    return int(hashlib.sha256(run_id.encode()).hexdigest()[:16], 16)


def _id_of_tool(step: str) -> int:
    return int(hashlib.sha256(f"tool {step}".encode()).hexdigest()[:16], 16)


def _task() -> int:
    """Return the span's id of the node at work, or of the tool that it calls; 0 outside the graph."""
    from langchain_core.runnables.config import var_child_runnable_config

    config = var_child_runnable_config.get() or {}
    space = str(config.get("configurable", {}).get("checkpoint_ns", ""))
    node, _, task = space.rpartition("|")[2].partition(":")
    if not task:
        return 0
    return _id_of_tool(short(task)) if node == "act" else int(short(task), 16)
