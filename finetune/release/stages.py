"""Stages as a fold over the log: pure, so that the log is the only truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from core.errors import VidenceError, invalid_input
from finetune.release.records import Event, ModelState, Stage


def fold(events: Iterable[Event]) -> dict[str, ModelState]:
    """Return the state of each version of one model, oldest first.

    A version that another one replaces in production goes back to `candidate`, and so does one that was
    rolled back; the version that a rollback returns to is in production again.
    """
    log = list(events)
    stages: dict[str, Stage] = {}
    evaluations: dict[str, dict[str, Any]] = {}
    gates: dict[str, dict[str, Any] | None] = {}
    for event in log:
        stages.setdefault(event.version, "candidate")
        evaluations.setdefault(event.version, {})
        gates.setdefault(event.version, None)
        if event.kind == "promoted":
            _move(stages, event.version, event.body["to"])
        elif event.kind == "rolled_back":
            _move(stages, event.body["to"], "production")
        elif event.kind == "evaluated":
            evaluations[event.version][event.body["data"]] = event.body
        elif event.kind == "gated":
            gates[event.version] = event.body
    return {
        version: ModelState(
            name=log[0].name,
            version=version,
            stage=stage,
            evaluations=evaluations[version],
            gate=gates[version],
            history=tuple(event for event in log if event.version == version),
        )
        for version, stage in stages.items()
    }


def _move(stages: dict[str, Stage], version: str, to: Stage) -> None:
    if to == "production":
        for other, stage in stages.items():
            if stage == "production":
                stages[other] = "candidate"
    stages[version] = to


def production_stack(events: Iterable[Event]) -> list[str]:
    """Return the versions that production went through, the current one last; a rollback takes one away."""
    stack: list[str] = []
    for event in events:
        if event.kind == "promoted":
            to = event.body["to"]
            if to == "production":
                stack = [*(one for one in stack if one != event.version), event.version]
            else:
                stack = [one for one in stack if one != event.version]
        elif event.kind == "rolled_back":
            stack.pop()
    return stack


def check_promotion(events: Sequence[Event], version: str, to: Stage) -> None:
    """Refuse a promotion that the gate has not passed for exactly this version.

    The latest decision counts, and only one made after the version was last rolled back. For production the
    gate must have compared it with what is in production now.

    Raises:
        VidenceError: `blocked`, saying which gate to run; `invalid_input` when it is there already.
    """
    state = fold(events)[version]
    name = f"{state.name}@{version}"
    if state.stage == to:
        raise invalid_input(f"{name} is in {to} already", help="See vidence finetune show.")
    since = max((event.id for event in state.history if event.kind == "rolled_back"), default=0)
    gates = [event for event in state.history if event.kind == "gated" and event.id > since]
    stack = production_stack(events)
    current = stack[-1] if stack else None
    base = f"{state.name}@{current}" if current else "text-only"
    run = f"Run: vidence finetune gate {base} {name}"
    if not gates:
        rolled = " since it was rolled back" if since else ""
        raise VidenceError("blocked", f"The gate has not decided about {name}{rolled}", help=run)
    if not gates[-1].body["passed"]:
        reasons = "; ".join(gates[-1].body.get("reasons", [])[:3])
        raise VidenceError("blocked", f"The gate refused {name}: {reasons}", help="Train a better one.")
    compared = gates[-1].body.get("base_version")
    if to == "production" and current not in (None, version, compared):
        raise VidenceError(
            "blocked",
            f"The gate compared {name} with {compared or 'its text-only baseline'}, not with {current}, "
            "which is in production",
            help=run,
        )
