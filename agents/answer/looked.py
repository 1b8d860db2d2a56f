"""Answers that a vision model gave: observed, never verified by themselves."""

from __future__ import annotations

from typing import ClassVar

from agents.answer.base import AnswerTask
from core.contracts import Candidate, Citation, DraftClaim, Evidence

_VISUAL_KINDS = ("vlm", "image", "region")


class LookedExtractor:
    """Turns evidence of `look`, `compare_images` and image search into candidates."""

    name: ClassVar[str] = "look"

    def propose(self, task: AnswerTask) -> list[Candidate]:
        """Return one candidate for each visual evidence that carries a short answer."""
        visual = [item for item in task.evidence if item.kind in _VISUAL_KINDS]
        return [self._candidate(item, task) for item in visual if _says_something(item)]

    def _candidate(self, item: Evidence, task: AnswerTask) -> Candidate:
        short = str(item.metadata["short_answer"])
        return Candidate(
            id="",
            route="vlm",
            subquestion_id=task.subquestion_id,
            answer=item.content,
            short_answer=short,
            answer_type="yes_no" if short.lower() in ("yes", "no") else "text",
            claims=(DraftClaim(text=item.content, citations=(Citation.of(item),)),),
            score=min(1.0, max(0.0, item.score)),
        )


def _says_something(item: Evidence) -> bool:
    short = str(item.metadata.get("short_answer", "")).strip().lower()
    return bool(short) and short not in ("not visible", "unknown", "i don't know", "cannot tell")
