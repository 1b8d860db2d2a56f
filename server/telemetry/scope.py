"""What the code at hand works for: a request, a run. Log lines and spans say so.

A request's task and a run's task set these once and never reset them: each has a context of its own, and
what is logged after its end (by the server that called it) is still about it.
"""

from __future__ import annotations

import hashlib
from contextvars import ContextVar
from dataclasses import dataclass, replace

from server.runs.records import Run


@dataclass(frozen=True)
class Scope:
    """Ids for log lines; `said` is text of the caller's that no line may repeat."""

    request_id: str = ""
    run_id: str = ""
    trace_id: str = ""
    owner: str = ""
    said: tuple[str, ...] = ()


SCOPE: ContextVar[Scope] = ContextVar("scope", default=Scope())  # noqa: B039 - it is frozen
RUN: ContextVar[Run | None] = ContextVar("run", default=None)


def enter_run(run: Run) -> None:
    """Say that the current task works for a run."""
    now = SCOPE.get()
    reply = run.reply.text if run.reply else ""
    said = tuple(text for text in (run.spec.question, reply, *run.spec.declared) if text)
    SCOPE.set(Scope(now.request_id, run.run_id, run.spec.traceparent[3:35], short_hash(run.owner), said))
    RUN.set(run)


def enter_owner(owner: str) -> None:
    """Say whose request the current task works for."""
    SCOPE.set(replace(SCOPE.get(), owner=short_hash(owner)))


def short_hash(text: str) -> str:
    """Return how logs name an owner: the same for the same one, and not the name itself."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
