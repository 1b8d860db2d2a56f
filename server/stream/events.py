"""The events of a run: one envelope, one typed body for each type. The JSON schema is published.

`seq` counts from 1 within a run and is also the event's SSE id.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, create_model

from core.contracts import (
    Action,
    AnswerType,
    Blocked,
    Citation,
    Claim,
    Contract,
    EvidenceKind,
    InputRequired,
    Inspection,
    Locator,
    ModelRef,
    ProfileName,
    RunStatus,
    SubQuestionStatus,
    Suspicion,
    Usage,
)
from core.errors import ErrorKind

VERSION: Literal[1] = 1


class RunStarted(Contract):
    """The run is accepted and safe on disk; `queued` says that others come first."""

    question: str
    images: tuple[str, ...] = Field((), description="Hashes of the images.")
    profile: ProfileName | None = None
    queued: bool = False


class PlanItem(Contract):
    """One sub-question of the plan."""

    id: str
    question: str
    depends_on: tuple[str, ...] = ()
    action: Action
    tool: str = ""
    status: SubQuestionStatus
    round: int = 1


class PlanUpdated(Contract):
    """The whole plan as it stands now."""

    plan: tuple[PlanItem, ...]


class StepStarted(Contract):
    """A node of the graph began; for `act` with the tool and the sub-question it works on."""

    step: str = Field(description="Pairs this event with its `step.finished`.")
    node: str
    tool: str = ""
    subquestion: str = ""


class StepFinished(Contract):
    """A node ended. `ms` is wall time; `ok` is false when its tool failed or a crash cut it off."""

    step: str
    node: str
    tool: str = ""
    subquestion: str = ""
    ms: float = 0.0
    ok: bool = True
    error_kind: ErrorKind | None = None


class EvidenceSeen(Contract):
    """A piece of evidence, its text cut short; the run's result holds all of it."""

    id: str
    kind: EvidenceKind
    source: str
    locator: Locator
    content: str
    score: float


class EvidenceAdded(Contract):
    """What a tool call brought that bears on the question, best first."""

    subquestion: str
    tool: str = ""
    evidence: tuple[EvidenceSeen, ...]


class AnswerDelta(Contract):
    """A piece of the answer. The checked pieces, joined, are the answer of `answer.final`.

    Pieces that are not checked are a served model's words as it writes them; the check may keep none of them.
    To show all pieces as they come: `shown = shown[:at] + text`.
    """

    text: str
    checked: bool = True
    at: int = Field(0, ge=0, description="Where it begins, in code points; 0 begins anew.")


class AnswerFinal(Contract):
    """The answer, or the reason for none. The run's result adds evidence, plan and steps."""

    status: RunStatus
    answer: str = ""
    short_answer: str = ""
    answer_type: AnswerType = "none"
    abstain_reason: str = ""
    profile: ProfileName
    confidence: float = 0.0
    uncertainty: float = 1.0
    citations: tuple[Citation, ...] = ()
    claims: tuple[Claim, ...] = ()
    inspection: Inspection | None = None
    evidence_level: str = ""
    blocked: Blocked | None = Field(None, description="Why a filter kept the answer back.")
    suspicions: tuple[Suspicion, ...] = ()
    cached_from: str | None = Field(None, description="The run whose answer this is, when given again.")
    models: dict[str, ModelRef] = Field(default_factory=dict)
    prompts: dict[str, str] = Field(default_factory=dict)
    usage: Usage = Usage()


class InputRequiredData(InputRequired):
    """The run waits for a reply to this question: `POST /v1/runs/{id}/resume`."""


class RunErrorData(Contract):
    """Why the run failed."""

    kind: ErrorKind
    message: str
    help: str = ""
    retryable: bool = False


class Gap(Contract):
    """Events that the log no longer holds; the run's own resource has what they led to."""

    missed_from: int
    missed_to: int


class RunFinished(Contract):
    """The last event of every run."""

    status: Literal["done", "abstained", "cancelled", "failed"]
    usage: Usage = Usage()


DATA: dict[str, type[Contract]] = {
    "run.started": RunStarted,
    "plan.updated": PlanUpdated,
    "step.started": StepStarted,
    "step.finished": StepFinished,
    "evidence.added": EvidenceAdded,
    "answer.delta": AnswerDelta,
    "answer.final": AnswerFinal,
    "input.required": InputRequiredData,
    "run.error": RunErrorData,
    "gap": Gap,
    "run.finished": RunFinished,
}
LAST = "run.finished"


class Envelope(Contract):
    """What every event carries."""

    v: Literal[1] = VERSION
    run_id: str
    thread_id: str
    seq: int = Field(ge=1)
    time: str
    type: str
    data: Any


def _typed(name: str, data: type[Contract]) -> type[Envelope]:
    title = f"{data.__name__.removesuffix('Data')}Event"
    fields: dict[str, Any] = {"type": (Literal[name], ...), "data": (data, ...)}
    return create_model(title, __base__=Envelope, __doc__=data.__doc__, **fields)


EVENTS: dict[str, type[Envelope]] = {name: _typed(name, data) for name, data in DATA.items()}


@dataclass(frozen=True)
class Draft:
    """An event before it has a number. Two drafts of a run with one `key` are one event, whatever crashed."""

    type: str
    key: str
    data: Contract


@dataclass(frozen=True)
class Event:
    """An event of the log; `frame` is how it is sent, made once for all its readers."""

    seq: int
    type: str
    body: str
    frame: bytes = field(repr=False)

    @classmethod
    def of(cls, seq: int, type_: str, body: str) -> Event:
        """Make an event from its JSON body."""
        return cls(seq, type_, body, f"id: {seq}\r\nevent: {type_}\r\ndata: {body}\r\n\r\n".encode())


def encode(draft: Draft, run_id: str, thread_id: str, seq: int, time: str) -> str:
    """Return an event's JSON, on one line."""
    body = {
        "v": VERSION,
        "run_id": run_id,
        "thread_id": thread_id,
        "seq": seq,
        "time": time,
        "type": draft.type,
        "data": draft.data.model_dump(mode="json", exclude_none=True),
    }
    return one_line(body)


_BREAKS = str.maketrans({mark: f"\\u{ord(mark):04x}" for mark in "\x85\u2028\u2029"})


def one_line(body: dict[str, Any]) -> str:
    """Return JSON without a line break of any kind: many readers of streams cut lines at Unicode's too."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).translate(_BREAKS)


def schema() -> dict[str, Any]:
    """Return the JSON schema of an event: one of the types, told apart by `type`."""
    union: Any = Annotated[reduce(or_, EVENTS.values()), Field(discriminator="type")]
    adapter: TypeAdapter[Any] = TypeAdapter(union)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Event",
        **adapter.json_schema(),
    }
