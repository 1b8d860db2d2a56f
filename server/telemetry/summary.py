"""The metrics of a process as one JSON object, for people and small tools."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, Field

from server.telemetry.metrics import Metrics

Labels = Mapping[str, str]


class Timed(BaseModel):
    """How often something was done, how often it failed, and how long it took (estimated from buckets)."""

    count: int = 0
    errors: int = 0
    p50_s: float | None = None
    p95_s: float | None = None


class RouteTimes(Timed):
    """Requests of one route; `errors` are answers of 500 and above."""

    method: str
    route: str
    refused: int = Field(0, description="Answers from 400 to 499.")


class ToolTimes(Timed):
    """Calls of one tool."""

    error_kinds: dict[str, int] = Field(default_factory=dict)


class ModelUse(Timed):
    """Calls of one served model; `cost` in the price table's currency, None without a price."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost: float | None = None


class Runs(BaseModel):
    """Runs of this process; `open` are those of all workers that have not ended, by status."""

    started: int
    ended: dict[str, int]
    active: int
    open: dict[str, int]
    p50_s: float | None = None
    p95_s: float | None = None


class Quality(BaseModel):
    """How sure the answers were, why there were none, and what people thought of them."""

    mean_confidence: float | None
    abstentions: dict[str, int]
    ratings: dict[str, int]


class Process(BaseModel):
    """The process itself; None where the system does not say."""

    memory_bytes: float | None
    cpu_s: float | None


class Summary(BaseModel):
    """What one server process did since it began."""

    worker: str
    requests: list[RouteTimes]
    streams_open: int
    event_lag: Timed
    runs: Runs
    steps: dict[str, Timed]
    tools: dict[str, ToolTimes]
    models: dict[str, ModelUse]
    quality: Quality
    cache: dict[str, dict[str, int]]
    jobs: dict[str, int]
    database_writes_waiting: int
    process: Process


class _Samples:
    """What a registry holds, by the samples' names."""

    def __init__(self, metrics: Metrics) -> None:
        self._held: dict[str, list[tuple[Labels, float]]] = {}
        for family in metrics.registry.collect():
            for sample in family.samples:
                self._held.setdefault(sample.name, []).append((sample.labels, sample.value))

    def of(self, name: str, **wanted: str) -> list[tuple[Labels, float]]:
        """Return the samples of a name whose labels are these."""
        return [
            (labels, value)
            for labels, value in self._held.get(name, ())
            if all(labels.get(label) == text for label, text in wanted.items())
        ]

    def total(self, name: str, **wanted: str) -> float:
        """Return their sum."""
        return sum(value for _, value in self.of(name, **wanted))

    def by(self, name: str, label: str, **wanted: str) -> dict[str, int]:
        """Return sums by a label's values."""
        found: dict[str, int] = {}
        for labels, value in self.of(name, **wanted):
            found[labels[label]] = found.get(labels[label], 0) + int(value)
        return found

    def one(self, name: str) -> float | None:
        """Return the only sample, or None."""
        return next((value for _, value in self.of(name)), None)

    def timed(self, name: str, errors: float = 0, **wanted: str) -> dict[str, Any]:
        """Return count and quantiles of a histogram."""
        buckets = [(float(labels["le"]), value) for labels, value in self.of(f"{name}_bucket", **wanted)]
        return {
            "count": int(self.total(f"{name}_count", **wanted)),
            "errors": int(errors),
            "p50_s": quantile(0.5, buckets),
            "p95_s": quantile(0.95, buckets),
        }


def quantile(share: float, buckets: Iterable[tuple[float, float]]) -> float | None:
    """Return a quantile of a histogram, by line within the bucket, as Prometheus' `histogram_quantile` does.

    Args:
        share: Which one, 0 to 1.
        buckets: Upper bounds and how many observations are at most that; of several series, in any order.
    """
    summed: dict[float, float] = {}
    for bound, count in buckets:
        summed[bound] = summed.get(bound, 0) + count
    total = summed.get(math.inf, 0)
    if not total:
        return None
    below, seen = 0.0, 0.0
    for bound, count in sorted(summed.items()):
        if count >= share * total:
            if math.isinf(bound):
                return below
            return round(below + (bound - below) * (share * total - seen) / (count - seen), 6)
        below, seen = bound, count
    return None


def summarize(metrics: Metrics) -> Summary:
    """Return what the metrics say now."""
    held = _Samples(metrics)
    worker = held.of("vidence_worker_info")
    answers = held.total("vidence_answer_confidence_count")
    sure = held.total("vidence_answer_confidence_sum")
    return Summary(
        worker=worker[0][0]["worker"] if worker else "",
        requests=_routes(held),
        streams_open=int(held.total("vidence_streams_open")),
        event_lag=Timed(**held.timed("vidence_event_lag_seconds")),
        runs=_runs(held),
        steps={
            node: Timed(**held.timed("vidence_step_seconds", _errors(held, "steps", node=node), node=node))
            for node in held.by("vidence_steps_total", "node")
        },
        tools={tool: _tool(held, tool) for tool in held.by("vidence_tool_calls_total", "tool")},
        models={model: _model(held, model) for model in held.by("vidence_model_calls_total", "model")},
        quality=Quality(
            mean_confidence=round(sure / answers, 4) if answers else None,
            abstentions=held.by("vidence_abstentions_total", "reason"),
            ratings=held.by("vidence_ratings_total", "rating"),
        ),
        cache={
            cache: held.by("vidence_cache_lookups_total", "outcome", cache=cache)
            for cache in held.by("vidence_cache_lookups_total", "cache")
        },
        jobs=held.by("vidence_jobs_open", "status"),
        database_writes_waiting=int(held.total("vidence_database_writes_waiting")),
        process=Process(
            memory_bytes=held.one("process_resident_memory_bytes"),
            cpu_s=held.one("process_cpu_seconds_total"),
        ),
    )


def _errors(held: _Samples, name: str, **wanted: str) -> float:
    return held.total(f"vidence_{name}_total", ok="false", **wanted)


def _routes(held: _Samples) -> list[RouteTimes]:
    asked: dict[tuple[str, str], dict[int, int]] = {}
    for labels, value in held.of("vidence_http_requests_total"):
        statuses = asked.setdefault((labels["route"], labels["method"]), {})
        statuses[int(labels["status"])] = int(value)
    return [
        RouteTimes(
            method=method,
            route=route,
            refused=sum(count for status, count in statuses.items() if 400 <= status < 500),
            **held.timed(
                "vidence_http_request_seconds",
                sum(count for status, count in statuses.items() if status >= 500),
                route=route,
                method=method,
            ),
        )
        for (route, method), statuses in sorted(asked.items())
    ]


def _runs(held: _Samples) -> Runs:
    timed = held.timed("vidence_run_seconds")
    return Runs(
        started=int(held.total("vidence_runs_started_total")),
        ended=held.by("vidence_runs_ended_total", "status"),
        active=int(held.total("vidence_runs_active")),
        open=held.by("vidence_runs_open", "status"),
        p50_s=timed["p50_s"],
        p95_s=timed["p95_s"],
    )


def _tool(held: _Samples, tool: str) -> ToolTimes:
    return ToolTimes(
        **held.timed("vidence_tool_seconds", _errors(held, "tool_calls", tool=tool), tool=tool),
        error_kinds=held.by("vidence_tool_errors_total", "kind", tool=tool),
    )


def _model(held: _Samples, model: str) -> ModelUse:
    tokens = held.by("vidence_tokens_total", "direction", model=model)
    priced = held.of("vidence_cost_total", model=model)
    return ModelUse(
        **held.timed("vidence_model_seconds", _errors(held, "model_calls", model=model), model=model),
        tokens_in=tokens.get("in", 0),
        tokens_out=tokens.get("out", 0),
        cost=round(sum(value for _, value in priced), 6) if priced else None,
    )
