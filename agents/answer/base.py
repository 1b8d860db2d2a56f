"""The protocol of an extractor: evidence in, candidates out, no model and no clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

from agents.question import ParsedQuestion
from core.contracts import Candidate, Evidence

Found = TypeVar("Found")


@dataclass(frozen=True)
class AnswerTask:
    """What an extractor works on. `sizes` maps an image hash to its (width, height) in pixels."""

    question: ParsedQuestion
    evidence: Sequence[Evidence]
    subquestion_id: str = ""
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    _found: dict[Callable[..., Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, work: Callable[[AnswerTask], Found]) -> Found:
        """Return what a piece of work finds in this task; extractors that need the same share it."""
        if work not in self._found:
            self._found[work] = work(self)
        found: Found = self._found[work]
        return found


class Extractor(Protocol):
    """Proposes answers from the kinds of evidence it understands; an empty list abstains."""

    name: ClassVar[str]

    def propose(self, task: AnswerTask) -> list[Candidate]:
        """Return candidates, best first. Every claim quotes evidence of the task."""
        ...
