"""Answers to a request for images: the images that were found, each cited with its hash and its region."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import ClassVar

from agents.answer.base import AnswerTask
from agents.cues import votes
from core.contracts import Candidate, Citation, DraftClaim, Evidence

_ASKED = 3.0
"""Cue votes from which a question asks for images and not about what they show."""
_WHICH = re.compile(
    r"^\W*(?:which|what) (?:of (?:the|our|my|these) )?(?:\w+ )?(?:image|picture|photo(?:graph)?|scan)s?\b",
    re.I,
)
_SHOWN = 3
_NEAR = 0.8
"""Further images are named while their score is this share of the best one's."""


class FoundImagesExtractor:
    """Names the best images of an image search when images are what was asked for."""

    name: ClassVar[str] = "images"

    def propose(self, task: AnswerTask) -> list[Candidate]:
        """Return one candidate: the best image, and those that are nearly as good."""
        found = sorted((item for item in task.evidence if _is_found(item)), key=lambda item: -_sureness(item))
        if not found or not asks_for_images(task.question.text):
            return []
        best = _sureness(found[0])
        shown = [item for item in found[:_SHOWN] if _sureness(item) >= _NEAR * best]
        names = ", ".join(PurePath(item.locator.path or item.source).name for item in shown)
        return [
            Candidate(
                id="",
                route="extraction",
                subquestion_id=task.subquestion_id,
                answer=f"Found: {names}.",
                short_answer=shown[0].locator.path or shown[0].source,
                claims=tuple(DraftClaim(text=item.content, citations=(Citation.of(item),)) for item in shown),
                score=min(1.0, max(0.0, best)),
            )
        ]


def asks_for_images(question: str) -> bool:
    """Whether images themselves are asked for ("find pictures of a ferry"), and not what one shows."""
    return votes(question)["search_images"] >= _ASKED or _WHICH.match(question) is not None


def _is_found(item: Evidence) -> bool:
    return item.kind == "image" and item.tool == "search_images" and bool(item.locator.path)


def _sureness(item: Evidence) -> float:
    """Return how well an image fits: by its text and pixels, or by its pixels' own cosine."""
    parts = item.metadata.get("parts") or {}
    return max(item.score, float(parts.get("pixels", 0.0)))
