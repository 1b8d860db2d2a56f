"""Stages as a fold over the log: pure, so that the log is the only truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from core.errors import VidenceError, invalid_input
from finetune.release.records import Event, EventKind, ModelState, Stage


def fold(events: Iterable[Event]) -> dict[str, ModelState]:
    """Return the state of each version of one model, oldest first.

    A version that another one replaces in production goes back to `candidate`, and so does one that was
    rolled back; the version that a rollback returns to is in production again.
    """
    log = list(events)
    stages: dict[str, Stage] = {}
    evaluations: dict[str, dict[str, Any]] = {}
    gates: dict[str, dict[str, Any] | None] = {}
    runs: dict[str, dict[str, Any] | None] = {}
    for event in log:
        stages.setdefault(event.version, "candidate")
        evaluations.setdefault(event.version, {})
        gates.setdefault(event.version, None)
        runs.setdefault(event.version, None)
        if event.kind == "promoted":
            _move(stages, event.version, event.body["to"])
        elif event.kind == "rolled_back":
            _move(stages, event.body["to"], "production")
        elif event.kind == "evaluated":
            evaluations[event.version][event.body["data"]] = event.body
        elif event.kind == "gated":
            gates[event.version] = event.body
        elif event.kind == "runs_gated":
            runs[event.version] = event.body
    return {
        version: ModelState(
            name=log[0].name,
            version=version,
            stage=stage,
            evaluations=evaluations[version],
            gate=gates[version],
            runs=runs[version],
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


def check_promotion(
    events: Sequence[Event], version: str, to: Stage, *, runs_required: bool = False
) -> dict[str, Any]:
    """Refuse a promotion that the gate has not passed for exactly this version.

    The latest decision counts, and only one made after the version was last rolled back. For production the
    gate must have compared it with what is in production now. The same holds of the decision on eval run
    files: it must be there where `runs_required`, or where the rules of the gate's decision ask for it, and
    one that refused the version refuses it whatever the rules say.

    Returns:
        What the promotion rests on: the ids of the decisions in the log.

    Raises:
        VidenceError: `blocked`, saying which gate to run; `invalid_input` when it is there already.
    """
    state = fold(events)[version]
    name = f"{state.name}@{version}"
    if state.stage == to:
        raise invalid_input(f"{name} is in {to} already", help="See vidence finetune show.")
    since = max((event.id for event in state.history if event.kind == "rolled_back"), default=0)
    stack = production_stack(events)
    current = stack[-1] if stack else None
    base = f"{state.name}@{current}" if current else "text-only"
    rolled = " since it was rolled back" if since else ""
    run = f"Run: vidence finetune gate {base} {name}"
    gate = _latest(state, "gated", since)
    if gate is None:
        raise VidenceError("blocked", f"The gate has not decided about {name}{rolled}", help=run)
    with_runs = f"Give --base-run and --new-run to: vidence finetune promote {name} --to {to}"
    runs = _latest(state, "runs_gated", since)
    asked = gate.body.get("rules", {}).get("promotion", {}).get("runs") == "required"
    if runs is None and (runs_required or asked):
        raise VidenceError(
            "blocked", f"The gate file asks for eval runs of {name}, and none passed{rolled}", help=with_runs
        )
    for event, what, help_ in ((gate, "", run), (runs, " by its eval runs", with_runs)):
        if event is None:
            continue
        if not event.body["passed"]:
            reasons = "; ".join(event.body.get("reasons", [])[:3])
            raise VidenceError(
                "blocked", f"The gate refused {name}{what}: {reasons}", help="Train a better one."
            )
        compared = event.body.get("base_version")
        if to == "production" and current not in (None, version, compared):
            other = compared or ("its text-only baseline" if event is gate else "another model")
            raise VidenceError(
                "blocked",
                f"The gate compared {name}{what} with {other}, not with {current}, which is in production",
                help=help_,
            )
    return {"gate": gate.id, "runs": None if runs is None else runs.id}


def _latest(state: ModelState, kind: EventKind, since: int) -> Event | None:
    """Return the latest event of a kind after a place in the log."""
    found = [event for event in state.history if event.kind == kind and event.id > since]
    return found[-1] if found else None
