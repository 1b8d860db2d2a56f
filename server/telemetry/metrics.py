"""The metrics of one server process, in a registry of its own.

Every label has a bounded set of values: routes are templates, and what comes from outside (names of tools
and models) is cut off at `MOST_NAMES` names a label, beyond which it counts as `other`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

MOST_NAMES = 100
"""Values of a label that comes from outside."""
OTHER = "other"
CONTENT_TYPE = CONTENT_TYPE_LATEST
CacheKind = Literal["exact", "semantic"]
CacheWatch = Callable[[CacheKind, bool], None]
"""What a cache calls at every look-up: which cache it is, and whether it had the answer.

The application gives its caches `Metrics.cache_looked_up`.
"""

_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_LONG = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 300)
_LAG = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_TENTHS = tuple(number / 10 for number in range(1, 11))


class Names:
    """Keeps the values of a label bounded."""

    def __init__(self, most: int = MOST_NAMES) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, name: str) -> str:
        """Return a name, or `other` when there were too many before it."""
        if name not in self._known:
            if len(self._known) >= self._most:
                return OTHER
            self._known.add(name)
        return name


class Metrics:
    """All metrics of one process, as attributes; the names are in docs/server.md."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # twice as many series, and nobody reads them
        self.registry = registry = CollectorRegistry()
        self.tools = Names()
        self.models = Names()

        def counter(name: str, help: str, *labels: str) -> Counter:
            return Counter(f"vidence_{name}", help, labels, registry=registry)

        def gauge(name: str, help: str, *labels: str) -> Gauge:
            return Gauge(f"vidence_{name}", help, labels, registry=registry)

        def histogram(name: str, help: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"vidence_{name}", help, labels, registry=registry, buckets=buckets)

        self.requests = counter("http_requests_total", "Requests answered.", "method", "route", "status")
        self.request_seconds = histogram(
            "http_request_seconds",
            "Until a request was answered; for streams until the answer began.",
            _FAST,
            "method",
            "route",
        )
        self.streams_open = gauge("streams_open", "Event streams that clients hold open.")
        self.event_lag = histogram(
            "event_lag_seconds", "From an event's stamp to its sending, to readers who wait.", _LAG
        )

        self.runs_started = counter("runs_started_total", "Runs accepted.", "profile")
        self.runs_ended = counter("runs_ended_total", "Runs that ended.", "status", "profile")
        self.run_errors = counter("run_errors_total", "Runs that failed.", "kind")
        self.run_seconds = histogram(
            "run_seconds", "From a run's lease to its end.", _LONG, "status", "profile"
        )
        self.run_wait = histogram("run_wait_seconds", "From a run's acceptance to its first lease.", _LONG)
        self.runs_active = gauge("runs_active", "Runs that this process works on.")
        self.runs_open = gauge("runs_open", "Runs of all workers on the store that have not ended.", "status")
        self.jobs_open = gauge("jobs_open", "Jobs of all workers on the store.", "status")
        self.writes_waiting = gauge("database_writes_waiting", "Writes that wait for the embedded database.")

        self.steps = counter("steps_total", "Nodes of the graph that ended.", "node", "ok")
        self.step_seconds = histogram("step_seconds", "Wall time of a node.", _FAST, "node")
        self.tool_calls = counter("tool_calls_total", "Calls of tools.", "tool", "ok")
        self.tool_errors = counter("tool_errors_total", "Calls of tools that failed.", "tool", "kind")
        self.tool_seconds = histogram("tool_seconds", "Wall time of a tool call.", _FAST, "tool")
        self.model_calls = counter("model_calls_total", "Calls of served models.", "model", "ok")
        self.model_errors = counter("model_errors_total", "Calls of models that failed.", "model", "kind")
        self.model_seconds = histogram("model_seconds", "Wall time of a model call.", _FAST, "model")
        self.tokens = counter("tokens_total", "Tokens that served models counted.", "model", "direction")
        self.cost = counter("cost_total", "What they cost by the price table.", "model", "currency")

        self.confidence = histogram("answer_confidence", "Confidence of answers.", _TENTHS, "profile")
        self.abstentions = counter("abstentions_total", "Runs that abstained.", "reason")
        self.ratings = counter("ratings_total", "Ratings received, edits too.", "rating")
        self.cache = counter("cache_lookups_total", "Look-ups in the answer cache.", "cache", "outcome")
        self.worker = gauge("worker_info", "The process: 1.", "worker", "version")
        ProcessCollector(registry=registry)

    def cache_looked_up(self, cache: CacheKind, hit: bool) -> None:
        """Count a look-up in the answer cache: a `CacheWatch`."""
        self.cache.labels(cache, "hit" if hit else "miss").inc()

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)
