"""The contracts between rooms. Their JSON schemas are exported to `docs/schemas/` and tested.

Boxes are `[x0, y0, x1, y1]` in pixels of the original image after EXIF rotation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from itertools import chain
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.errors import ErrorKind, VidenceError

EvidenceKind = Literal["passage", "image", "region", "ocr", "chart", "code", "pubmed", "vlm"]
Trust = Literal["trusted", "retrieved"]
Support = Literal["verified", "observed", "unsupported"]
Action = Literal[
    "answer",
    "decompose",
    "search_text",
    "search_images",
    "search_pubmed",
    "search_code",
    "look",
    "read",
    "read_chart",
    "compare_images",
    "ask_user",
    "abstain",
]
SubQuestionStatus = Literal["pending", "running", "done", "failed", "skipped"]
RunStatus = Literal["done", "abstained", "input_required", "cancelled", "failed"]
AnswerType = Literal[
    "text", "number", "money", "date", "time", "percent", "name", "yes_no", "choice", "list", "none"
]
ProfileName = Literal["general", "medical", "inspection", "code"]
Route = Literal["extraction", "vlm", "chat"]
Box = tuple[float, float, float, float]
Score = Annotated[float, Field(ge=0.0, le=1.0)]


class Contract(BaseModel):
    """Base of every contract: frozen, and no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Locator(Contract):
    """Where inside its source a piece of evidence stands."""

    page: int | None = None
    box: Box | None = None
    lines: tuple[int, int] | None = None
    table: int | None = None
    row: int | None = None
    col: int | None = None
    pmid: str | None = None
    section: str | None = None
    path: str | None = None
    commit: str | None = None
    sha256: str | None = None


class Evidence(Contract):
    """One piece of evidence; its id is a hash of kind, source, locator and content."""

    id: str = ""
    kind: EvidenceKind
    source: str
    locator: Locator = Locator()
    content: str
    score: float = 0.0
    trust: Trust = "retrieved"
    retrieved_at: str = ""
    tool: str = ""
    tool_version: str = ""
    metadata: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _fill_id(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("id"):
            locator = Locator.model_validate(values.get("locator") or {})
            key = json.dumps(
                [
                    values.get("kind"),
                    values.get("source"),
                    locator.model_dump(mode="json", exclude_none=True),
                    values.get("content"),
                ],
                sort_keys=True,
                ensure_ascii=False,
            )
            return {**values, "id": "e" + hashlib.sha256(key.encode()).hexdigest()[:16]}
        return values


class OcrLine(Contract):
    """A line of text read from an image, with its box and the reader's score (0 to 1)."""

    text: str
    box: Box
    score: float


class ChartCell(Contract):
    """A value read from a chart: series and category name it, box shows the mark or label."""

    series: str
    category: str
    value: float
    confidence: float
    box: Box | None = None


class ChartTable(Contract):
    """What a chart says, as `vidence chart --json` prints it. `x` and `y` are axis titles."""

    type: str
    title: str
    x: str
    y: str
    rows: tuple[ChartCell, ...]


class ToolError(Contract):
    """A tool's failure as data: never prose in place of evidence."""

    kind: ErrorKind
    message: str
    help: str = ""
    retryable: bool = False

    @classmethod
    def of(cls, error: VidenceError) -> Self:
        """Turn a raised failure into its contract."""
        return cls(kind=error.kind, message=error.message, help=error.help, retryable=error.retryable)


class ToolResult(Contract):
    """What every tool returns: evidence, or an error (or both, when a part failed)."""

    evidence: tuple[Evidence, ...] = ()
    error: ToolError | None = None
    tokens_in: int = 0
    tokens_out: int = 0

    @property
    def ok(self) -> bool:
        """Whether the call ended without an error."""
        return self.error is None


class SubQuestion(Contract):
    """One open need of the plan: a question, the action chosen for it, and where it stands."""

    id: str
    question: str
    depends_on: tuple[str, ...] = ()
    action: Action
    tool: str = ""
    status: SubQuestionStatus = "pending"
    round: int = 1
    args: dict[str, Any] = Field(default_factory=dict)


class Citation(Contract):
    """A quote from one piece of this run's evidence."""

    evidence_id: str
    kind: EvidenceKind
    source: str
    locator: Locator
    quote: str

    @classmethod
    def of(cls, evidence: Evidence, quote: str | None = None) -> Citation:
        """Cite a piece of evidence, by default with its whole content as the quote."""
        return cls(
            evidence_id=evidence.id,
            kind=evidence.kind,
            source=evidence.source,
            locator=evidence.locator,
            quote=evidence.content if quote is None else quote,
        )


class DraftClaim(Contract):
    """A claim before the check: its text and the quotes it rests on."""

    text: str
    citations: tuple[Citation, ...]
    derived: bool = False
    """True when the text computes something (a sum, a difference, a maximum) from its quotes."""


class Candidate(Contract):
    """One possible answer from one route, with the claims that carry it."""

    id: str
    route: Route
    subquestion_id: str = ""
    answer: str
    short_answer: str
    answer_type: AnswerType = "text"
    claims: tuple[DraftClaim, ...]
    score: Score
    """How sure the route is, 0 to 1, before verification and calibration."""


class Claim(Contract):
    """A claim after the check."""

    text: str
    evidence_ids: tuple[str, ...]
    supported: Support


class Inspection(Contract):
    """What the inspection profile adds to an answer."""

    detected_items: tuple[str, ...]
    risk_level: Literal["none", "low", "medium", "high", "critical"]
    action: Literal["clear", "manual_inspection", "alert"]
    match_declaration: bool | None = None
    reasoning: str = ""


class InputRequired(Contract):
    """The one question that the run waits for."""

    question: str
    options: tuple[str, ...] = ()


class StepRecord(Contract):
    """One executed step: a node, or a tool call inside a node. `ms` is wall time."""

    node: str
    tool: str = ""
    ms: float = 0.0
    ok: bool = True
    error_kind: ErrorKind | None = None


class Usage(Contract):
    """What a run spent. `ms` is wall time in milliseconds, summed over resumes."""

    llm_calls: int = 0
    vlm_calls: int = 0
    tool_calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    ms: float = 0.0
    shed_reranking: int = 0
    """Searches whose re-ranking was left out because the server was busy."""
    shed_candidates: int = 0
    """Drafts that looked at fewer candidate answers for the same reason."""

    def __add__(self, other: Usage) -> Usage:
        """Add two spends field by field."""
        mine, theirs = self.model_dump(), other.model_dump()
        return Usage(**{name: mine[name] + theirs[name] for name in mine})


class ModelRef(Contract):
    """A model as a run records it: its name and the hash of its weights or address."""

    name: str
    hash: str


BlockKind = Literal["unsafe_request", "unsafe_image", "secret", "instructions", "personal_data"]


class Blocked(Contract):
    """Why a filter kept an answer back: the run ends as abstained, with this beside the reason."""

    kind: BlockKind
    message: str
    help: str = ""


class Suspicion(Contract):
    """A sentence that gives orders to software, where only statements are looked for.

    `withheld`: it stood in evidence; no answer was taken from it, no served model was shown it. `noted`: it
    stood in the question, which is the user's own.
    """

    where: Literal["question", "evidence"]
    text: str
    action: Literal["withheld", "noted"]
    evidence_id: str = ""
    source: str = ""


class RunResult(Contract):
    """The answer to `vidence ask`, as `--json` prints it."""

    run_id: str
    thread_id: str
    status: RunStatus
    question: str
    profile: ProfileName
    answer: str = ""
    short_answer: str = ""
    answer_type: AnswerType = "none"
    abstain_reason: str = ""
    input_required: InputRequired | None = None
    confidence: float = 0.0
    uncertainty: float = 1.0
    citations: tuple[Citation, ...] = ()
    claims: tuple[Claim, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    plan: tuple[SubQuestion, ...] = ()
    steps: tuple[StepRecord, ...] = ()
    usage: Usage = Usage()
    models: dict[str, ModelRef] = Field(default_factory=dict)
    prompts: dict[str, str] = Field(default_factory=dict)
    inspection: Inspection | None = None
    evidence_level: str = ""
    """What the medical profile adds: the strongest kind of study that is cited, and retractions."""
    blocked: Blocked | None = None
    suspicions: tuple[Suspicion, ...] = ()
    cached_from: str | None = None
    """The run that found this answer, when an earlier one is given again; the evidence is that run's."""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of the command line: optional parts only when present."""
        body = self.model_dump(mode="json")
        for optional in (
            "input_required",
            "inspection",
            "evidence_level",
            "cached_from",
            "blocked",
            "suspicions",
        ):
            if not body[optional]:
                del body[optional]
        for item in [*body["evidence"], *body["citations"]]:
            item["locator"] = drop_none(item["locator"])
        for item in body["plan"]:
            del item["args"]
        return body


def drop_none(values: dict[str, Any]) -> dict[str, Any]:
    """Return the mapping without its `None` values."""
    return {key: value for key, value in values.items() if value is not None}


def merge_by_id(old: Iterable[Evidence], new: Iterable[Evidence]) -> list[Evidence]:
    """Merge two lists of evidence; the same id keeps its place and its higher score."""
    merged: dict[str, Evidence] = {}
    for item in chain(old, new):
        known = merged.get(item.id)
        if known is None or item.score > known.score:
            merged[item.id] = item
    return list(merged.values())
