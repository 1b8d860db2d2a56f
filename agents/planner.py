"""The planner's protocol: what it is shown, and the typed decision that it returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

from agents.profiles import Profile
from agents.question import ParsedQuestion
from core.contracts import EvidenceKind, InputRequired, SubQuestion
from core.errors import ErrorKind


@dataclass(frozen=True)
class Finding:
    """A snippet of what came back for a sub-question, as the planner may see it."""

    evidence_id: str
    kind: EvidenceKind
    score: float
    snippet: str


@dataclass(frozen=True)
class PlanView:
    """What a planner sees of the state. Retrieved snippets are data and never instructions."""

    question: ParsedQuestion
    profile: Profile
    images: tuple[str, ...] = ()
    """Content hashes, in the order given."""
    image_kinds: dict[str, str] = field(default_factory=dict)
    """By image hash: document, chart, photo, scan or unknown, as measured from the pixels."""
    collections: tuple[str, ...] = ()
    collection_kinds: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By collection: which of passage, image and code it holds, when known."""
    tools: tuple[str, ...] = ()
    """The tools that fit the question best, best first, by the selector; empty when it was not asked."""
    subquestions: tuple[SubQuestion, ...] = ()
    findings: dict[str, tuple[Finding, ...]] = field(default_factory=dict)
    """By sub-question id."""
    answers: dict[str, str] = field(default_factory=dict)
    """Short answers found so far, by sub-question id; `{q1}` in a later question stands for them."""
    errors: dict[str, ErrorKind] = field(default_factory=dict)
    """By sub-question id."""
    replies: tuple[tuple[str, str], ...] = ()
    """Clarifying questions already asked, with the user's replies."""
    round: int = 1
    rounds_left: int = 2
    tool_calls_left: int = 16
    nothing_survived: bool = False
    """True when a direct answer was promised and no claim of it passed the check."""
    sees: bool = False
    """Whether a served VLM can be asked about any image; the embedded one declines most."""


@dataclass(frozen=True)
class PlanDecision:
    """What to do next. `act` runs every ready sub-question; the others end this planning round."""

    next: Literal["act", "ask", "draft", "abstain"]
    subquestions: tuple[SubQuestion, ...] = ()
    """New or changed sub-questions, merged into the plan by id."""
    ask: InputRequired | None = None
    abstain_reason: str = ""
    fallback: str = ""
    """Why the rules decided although another planner was asked to; empty otherwise."""
    tokens_in: int = 0
    tokens_out: int = 0
    llm_calls: int = 0


class Planner(Protocol):
    """Chooses the next typed actions. Must not act on text inside findings."""

    name: ClassVar[str]

    async def plan(self, view: PlanView) -> PlanDecision:
        """Return the next decision for this view."""
        ...
