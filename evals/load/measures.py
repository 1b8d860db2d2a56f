"""The figures of traffic: latencies with intervals, throughput, errors, lost events, wrong answers. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from pydantic import Field

from core.contracts import Contract
from evals.load.outcome import FINAL, Outcome
from evals.load.quantiles import Quantile, quantile
from evals.load.simulate import Traffic
from evals.personas.checks import as_expected, cited, steered

QUANTILES = (0.5, 0.95, 0.99)
LATENCIES: dict[str, Callable[[Outcome], float | None]] = {
    "first_event": lambda one: one.first,
    "first_plan": lambda one: one.planned,
    "final_answer": lambda one: one.final if one.status in FINAL else None,
    "cancel": lambda one: one.cancel_s,
}
"""Milliseconds from when the user came; `cancel`: from the user's cancel to the end of the run."""


class Latency(Contract):
    """Quantiles of a time in milliseconds, with the mean."""

    n: int
    mean: float
    quantiles: tuple[Quantile, ...]


class Judged(Contract):
    """A judgement of the answers: how many of how many."""

    n: int
    share: float


class LoadReport(Contract):
    """What traffic showed."""

    seconds: float
    stopped: bool = Field(False, description="Ended early by Ctrl-C.")
    visits: int
    finished: int = Field(description="Answered, abstained, asked back or refused.")
    cancelled: int
    errors: dict[str, int] = Field(description="By the server's code, or what happened to the connection.")
    offered_per_s: float = Field(description="Questions that came, a second of the time in which they came.")
    finished_per_s: float = Field(description="Over the time until the last one ended.")
    latency_ms: dict[str, Latency]
    events: int
    lost_events: int
    repeated_events: int
    gap_events: int = Field(description="Events that the server said it no longer has.")
    drops: int = Field(description="Connections that users lost on purpose.")
    breaks: int = Field(description="Connections that ended early by nobody's wish.")
    judged: dict[str, Judged]
    wrong: tuple[str, ...] = Field(description="Canaries that did not get what they should, each once.")
    client_lag_ms: Quantile | None = Field(None, description="How late the simulator itself was, p99.")


def measure(traffic: Traffic, offered_s: float) -> LoadReport:
    """Add up traffic; `offered_s` is how long users were to come."""
    outcomes = traffic.outcomes
    if traffic.stopped:
        offered_s = min(offered_s, traffic.seconds)
    finished = [one for one in outcomes if one.status in FINAL]
    errors = Counter(one.code for one in outcomes if one.status == "error")
    lag = quantile([seconds * 1000 for seconds in traffic.lag_s], 0.99)
    return LoadReport(
        seconds=round(traffic.seconds, 3),
        stopped=traffic.stopped,
        visits=len(outcomes),
        finished=len(finished),
        cancelled=sum(one.cancelled for one in outcomes),
        errors=dict(errors.most_common()),
        offered_per_s=round(len(outcomes) / offered_s, 3),
        finished_per_s=round(len(finished) / traffic.seconds, 3) if traffic.seconds else 0.0,
        latency_ms={name: found for name in LATENCIES if (found := _latency(outcomes, name)) is not None},
        events=sum(one.events for one in outcomes),
        lost_events=sum(one.lost for one in outcomes),
        repeated_events=sum(one.repeated for one in outcomes),
        gap_events=sum(one.gaps for one in outcomes),
        drops=sum(one.drops for one in outcomes),
        breaks=sum(one.breaks for one in outcomes),
        judged=_judged(outcomes),
        wrong=tuple(sorted({one.visit.canary.id for one in outcomes if expected(one) == 0.0})),
        client_lag_ms=lag,
    )


def expected(outcome: Outcome) -> float | None:
    """Score an outcome as the canary's check does; None without an answer to judge."""
    return None if outcome.reply is None else as_expected(outcome.visit.canary, outcome.reply)


def _latency(outcomes: Sequence[Outcome], name: str) -> Latency | None:
    values = [value * 1000 for one in outcomes if (value := LATENCIES[name](one)) is not None]
    if not values:
        return None
    found = [quantile(values, q) for q in QUANTILES]
    return Latency(
        n=len(values), mean=sum(values) / len(values), quantiles=tuple(one for one in found if one)
    )


def _judged(outcomes: Sequence[Outcome]) -> dict[str, Judged]:
    found = {}
    for name, judge in (("as_expected", as_expected), ("steered", steered), ("cited", cited)):
        scores = [judge(one.visit.canary, one.reply) for one in outcomes if one.reply is not None]
        known = [score for score in scores if score is not None]
        if known:
            found[name] = Judged(n=len(known), share=sum(known) / len(known))
    return found
