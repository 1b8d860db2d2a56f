"""The protocol of an extractor: evidence in, candidates out, no model and no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from agents.question import ParsedQuestion
from core.contracts import Candidate, Evidence


@dataclass(frozen=True)
class AnswerTask:
    """What an extractor works on. `sizes` maps an image hash to its (width, height) in pixels."""

    question: ParsedQuestion
    evidence: Sequence[Evidence]
    subquestion_id: str = ""
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)


class Extractor(Protocol):
    """Proposes answers from the kinds of evidence it understands; an empty list abstains."""

    name: ClassVar[str]

    def propose(self, task: AnswerTask) -> list[Candidate]:
        """Return candidates, best first. Every claim quotes evidence of the task."""
        ...
