"""Runs, steps, tools, models and answers into metrics."""

from __future__ import annotations

import time
from collections.abc import Mapping

from core.calls import Call, Failed
from core.prices import PriceTable
from server.runs.records import Failure, Run, Status
from server.stream.events import AnswerFinal, StepFinished
from server.telemetry.listen import Live, seconds_since
from server.telemetry.metrics import Metrics

_REASONS = (
    ("The budget of", "budget"),
    ("The evidence found bears on the question too weakly", "weak"),
    ("No evidence was found", "no_evidence"),
    ("Nothing in the evidence found answers", "not_in_evidence"),
)


def reason_kind(reason: str) -> str:
    """Return the kind of an abstention; what the planner says in its own words is `planned`."""
    return next((kind for start, kind in _REASONS if reason.startswith(start)), "planned")


class RunCounter:
    """Counts what runs do: a `RunListener`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def accepted(self, run: Run) -> None:
        """Count a run."""
        self._metrics.runs_started.labels(run.spec.profile or "auto").inc()

    def begun(self, live: Live) -> None:
        """Count how long a run waited for its first lease."""
        if live.run.attempts <= 1 and live.run.reply is None:
            self._metrics.run_wait.observe(seconds_since(live.run.created_at))

    def step(self, live: Live, step: StepFinished) -> None:
        """Count a node, and the tool that it called."""
        metrics, seconds, ok = self._metrics, step.ms / 1000, "true" if step.ok else "false"
        metrics.steps.labels(step.node, ok).inc()
        metrics.step_seconds.labels(step.node).observe(seconds)
        if step.tool:
            tool = metrics.tools(step.tool)
            metrics.tool_calls.labels(tool, ok).inc()
            metrics.tool_seconds.labels(tool).observe(seconds)
            if not step.ok:
                metrics.tool_errors.labels(tool, step.error_kind or "cut_off").inc()

    def ended(self, live: Live, status: Status, final: AnswerFinal | None, error: Failure | None) -> None:
        """Count a run's end, and what its answer was worth."""
        metrics = self._metrics
        profile = final.profile if final else live.run.spec.profile or "auto"
        metrics.runs_ended.labels(status, profile).inc()
        metrics.run_seconds.labels(status, profile).observe(live.seconds)
        if error is not None:
            metrics.run_errors.labels(error.kind).inc()
        if final is not None and status == "done":
            metrics.confidence.labels(profile).observe(final.confidence)
        if final is not None and status == "abstained":
            reason = final.blocked.kind if final.blocked else reason_kind(final.abstain_reason)
            metrics.abstentions.labels(reason).inc()

    def traceparent(self) -> str:
        """Return nothing: this counts."""
        return ""


class ModelCounter:
    """Counts calls of served models, their tokens and what they cost: a `core.calls.Listener`."""

    def __init__(self, metrics: Metrics, prices: PriceTable) -> None:
        self._metrics = metrics
        self._prices = prices

    def begin(self, model: str, address: str, operation: str) -> Call:
        """Begin to count a call."""
        return _Counted(self._metrics, self._prices, model)


class _Counted:
    headers: Mapping[str, str] = {}

    def __init__(self, metrics: Metrics, prices: PriceTable, model: str) -> None:
        self._metrics = metrics
        self._price = prices.price(model)
        self._currency = prices.currency
        self._label = metrics.models(model)
        self._began = time.perf_counter()

    def spent(self, tokens_in: int, tokens_out: int) -> None:
        """Count tokens and their price."""
        self._metrics.tokens.labels(self._label, "in").inc(tokens_in)
        self._metrics.tokens.labels(self._label, "out").inc(tokens_out)
        if self._price is not None:
            cost = self._price.of(tokens_in, tokens_out)
            self._metrics.cost.labels(self._label, self._currency).inc(cost)

    def end(self, error: Failed | None) -> None:
        """Count the call."""
        self._metrics.model_calls.labels(self._label, "true" if error is None else "false").inc()
        self._metrics.model_seconds.labels(self._label).observe(time.perf_counter() - self._began)
        if error is not None:
            self._metrics.model_errors.labels(self._label, error).inc()
