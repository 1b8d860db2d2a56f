"""What the registry keeps: a model's birth certificate, and the log of what happened to it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from core.contracts import Contract

Stage = Literal["candidate", "staging", "production"]
EventKind = Literal["registered", "evaluated", "gated", "runs_gated", "promoted", "rolled_back"]


class MergeReport(Contract):
    """How the merged checkpoint answered beside the adapter on the same questions."""

    version: str = Field(description="Version of the merged checkpoint's files.")
    questions: int
    equal: int = Field(description="Questions with the same greedy answer.")
    largest_logit_difference: float = Field(description="Over every generated position and token.")
    data: str = Field(description="`NAME@VERSION:split` of the questions.")
    merged: tuple[str, ...] = Field((), description="What was put into the base: lora, projector, tower.")
    different: tuple[str, ...] = Field((), description="Ids of the first questions that differ.")

    @property
    def same(self) -> bool:
        """Whether every answer is the same."""
        return self.questions > 0 and self.equal == self.questions


class Lineage(Contract):
    """What a model was made of."""

    run_id: str = ""
    method: str = ""
    base_sha256: str = Field("", description="Hash of the checkpoint that training started from.")
    config_sha256: str = ""
    data: tuple[str, ...] = Field((), description="`NAME@VERSION` of each data set trained on.")
    code_commit: str = ""


class ModelRecord(Contract):
    """A registered model; written once, never changed. `files` maps paths to their SHA-256."""

    name: str
    version: str
    created_at: str
    source: str = Field(description="The run or folder that it was registered from.")
    architecture: str
    bytes: int
    files: dict[str, str]
    lineage: Lineage = Lineage()
    merge: MergeReport | None = None
    metrics: dict[str, Any] = Field(default_factory=dict, description="What training measured.")

    @property
    def ref(self) -> str:
        """`NAME@VERSION`."""
        return f"{self.name}@{self.version}"


class Event(Contract):
    """One line of the log: who did what to which version, when and why. Lines are only ever added."""

    id: int = 0
    at: str
    who: str
    name: str
    version: str
    kind: EventKind
    why: str = ""
    body: dict[str, Any] = Field(default_factory=dict)


class ModelState(Contract):
    """A version with its stage, its latest figures, and its history, oldest first."""

    name: str
    version: str
    stage: Stage
    evaluations: dict[str, Any] = Field(default_factory=dict, description="Latest by data set and split.")
    gate: dict[str, Any] | None = Field(None, description="Latest decision of the gate on questions.")
    runs: dict[str, Any] | None = Field(None, description="Latest decision of the gate on eval run files.")
    history: tuple[Event, ...] = ()
