"""One active run a thread: what happens to a second one, by the request's `multitask`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import VidenceError
from server.runs.records import Multitask, Status

MAX_QUEUED_ON_A_THREAD = 16


@dataclass(frozen=True)
class Open:
    """A run of the thread that has not ended."""

    run_id: str
    status: Status


@dataclass(frozen=True)
class Admission:
    """Whether the new run may start at once, and which runs are cancelled for it."""

    start: bool
    displaces: tuple[str, ...] = ()


def admit(policy: Multitask, others: Sequence[Open], thread_id: str) -> Admission:
    """Decide about a new run beside the open ones of its thread, oldest first.

    `reject` refuses. `enqueue` waits for its turn. `interrupt` cancels all of them, the waiting ones too: the
    new question replaces what was on the thread.

    Raises:
        VidenceError: `blocked` (retryable) when the policy refuses; `rate_limited` when too many wait.
    """
    if not others:
        return Admission(start=True)
    if policy == "interrupt":
        return Admission(start=False, displaces=tuple(run.run_id for run in others))
    if policy == "enqueue":
        if len(others) > MAX_QUEUED_ON_A_THREAD:
            raise VidenceError(
                "rate_limited",
                f"{len(others)} runs wait on thread `{thread_id}`",
                help="Wait for some of them, or ask on another thread.",
                retryable=True,
            )
        return Admission(start=False)
    active = others[0]
    doing = "waits for a reply" if active.status == "input_required" else f"is {active.status}"
    raise VidenceError(
        "blocked",
        f"Run `{active.run_id}` {doing} on thread `{thread_id}`",
        help="Wait for it, cancel or resume it, or ask with multitask `enqueue` or `interrupt`.",
        retryable=True,
    )
