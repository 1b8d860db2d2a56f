"""What a job is: a command of `vidence`, who asked for it, and how it stands."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from core.contracts import Contract

JobKind = Literal["eval", "dataset", "train"]
JobStatus = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED: frozenset[str] = frozenset({"done", "failed", "cancelled"})


class Job(Contract):
    """A job as it is kept and shown. `gate`: exit code 1, what was asked for did not pass."""

    job_id: str
    owner: str
    kind: JobKind
    request: dict[str, Any]
    command: tuple[str, ...] = Field(description="The arguments of `vidence`; anybody may repeat it.")
    status: JobStatus
    created_at: str
    started_at: str = ""
    finished_at: str = ""
    exit_code: int | None = None
    attempts: int = 0
    cancel_requested: bool = False
    place: int = 0
