"""What a run is to the server: who asked what, how it stands, and who holds its lease."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from core.contracts import Contract, InputRequired, ProfileName, ToolError

Status = Literal["queued", "running", "input_required", "done", "abstained", "cancelled", "failed"]
OnDisconnect = Literal["continue", "cancel"]
Multitask = Literal["reject", "enqueue", "interrupt"]

OPEN: frozenset[str] = frozenset({"queued", "running", "input_required"})
"""The statuses of a run that has not ended."""


class StoredImageRef(Contract):
    """An image of a run: by hash, as the image store holds it. There is no path: a caller names none."""

    sha256: str
    source: str
    width: int
    height: int


class RunSpec(Contract):
    """What was asked, as it is kept: enough to run it on any worker, after any crash."""

    question: str
    images: tuple[StoredImageRef, ...] = ()
    profile: ProfileName | None = None
    collections: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()
    on_disconnect: OnDisconnect = "continue"
    multitask: Multitask = "reject"
    traceparent: str = ""
    """The span of the request that began it, so that a run is one trace on whatever workers."""
    cache: bool = True
    """Whether an earlier answer may be given again, and this one later."""

    def graph_input(self, run_id: str, thread_id: str) -> dict[str, Any]:
        """Return what the graph is given."""
        return {
            "question": self.question,
            "images": [image.model_dump() for image in self.images],
            "profile": self.profile or "",
            "collections": list(self.collections),
            "declared": list(self.declared),
            "thread_id": thread_id,
            "run_id": run_id,
        }


class Waiting(Contract):
    """What a run waits for: the graph's interrupt and its question."""

    interrupt_id: str
    asked: InputRequired


class Reply(Contract):
    """The answer to one interrupt; it is given to no other."""

    interrupt_id: str
    text: str


class Failure(ToolError):  # noqa: N818 - a contract, no exception
    """Why a run failed."""


@dataclass(frozen=True)
class Run:
    """A row of the ledger. `epoch` counts its leases: a worker with an older one may write nothing."""

    run_id: str
    owner: str
    thread_id: str
    thread_key: str
    """The thread's id in the checkpoints: made by us, so that no caller can name another's."""
    status: Status
    spec: RunSpec
    created_at: str
    started_at: str = ""
    finished_at: str = ""
    epoch: int = 0
    attempts: int = 0
    progress: str = ""
    cancel_requested: bool = False
    waiting: Waiting | None = None
    reply: Reply | None = None
    error: Failure | None = None
    place: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more can happen to it."""
        return self.status not in OPEN


@dataclass(frozen=True)
class Lease:
    """Who holds a run, and until when if it is not renewed."""

    worker: str
    seconds: float


@dataclass(frozen=True)
class Held:
    """A run whose lease was renewed."""

    run_id: str
    cancel_requested: bool


@dataclass(frozen=True)
class NewRun:
    """A run to be made. Without a `lease` it is queued."""

    run_id: str
    owner: str
    thread_id: str
    spec: RunSpec
    lease: Lease | None
    quota: int = 0
    """Runs in 24 hours that the owner may have with this one; 0 for any number."""


class Thread(Contract):
    """A conversation of one owner."""

    thread_id: str
    title: str = ""
    created_at: str
    runs: int = Field(0, description="How many runs it has.")


class LeaseLost(Exception):  # noqa: N818 - it is what happened, not a fault
    """Another worker took the run over: this one must stop and write nothing."""
