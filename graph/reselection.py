"""Re-selection inside a run: what is known of the question's images is put beside what was retrieved.

Passages were retrieved wide by the question; for a question with images only those stay that bear on both.
Without images, or with few passages, the question's words decide alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.question import ParsedQuestion
from agents.reselect import KEEP_WITH_IMAGE, SELECTABLE, keep_best, reselect
from agents.sebe import ImageView, aligned_scores
from core.contracts import Evidence
from core.errors import VidenceError
from graph.services import Services
from graph.state import State
from graph.view import image_hashes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TEXT_KINDS = ("ocr", "chart")
_SHOWN = 16
"""Passages that a chat model is shown; more would not fit small ones."""


@dataclass(frozen=True)
class Reselected:
    """The evidence that stays, and what failed on the way, for the run's steps."""

    evidence: list[Evidence]
    failed: tuple[str, ...] = ()


async def reselected(
    question: ParsedQuestion, evidence: Sequence[Evidence], state: State, services: Services
) -> Reselected:
    """Return the evidence without the retrieved pieces that bear least on the question and its images."""
    images = image_hashes(state)
    pieces = [item for item in evidence if item.kind in SELECTABLE]
    how = services.settings.reselector
    if not images or how == "words" or len(pieces) <= KEEP_WITH_IMAGE:
        return Reselected(reselect(question, evidence))
    try:
        views = [await _view(image, evidence, services) for image in images]
        scores = await asyncio.to_thread(
            aligned_scores,
            [item.content for item in pieces],
            [item.score for item in pieces],
            views,
            services.models.embedder(),
        )
    except VidenceError as error:
        # Without the text embedder the question's words still decide.
        return Reselected(reselect(question, evidence), (f"reselect: {error.message}",))
    by_id = {item.id: score for item, score in zip(pieces, scores, strict=True)}
    failed: tuple[str, ...] = ()
    if how == "vlm":
        by_id, failed = await _by_chat(question, pieces, by_id, images, services)
    return Reselected(keep_best(evidence, by_id, KEEP_WITH_IMAGE), failed)


async def _view(image: str, evidence: Sequence[Evidence], services: Services) -> ImageView:
    """Return what this run read in an image, or reads now if it looks like text, and what it shows."""
    read = [item.content for item in evidence if item.kind in _TEXT_KINDS and item.locator.sha256 == image]
    if not read and (await services.models.pixels(image)).kind in ("chart", "document"):
        read = [line.text for line in await services.models.ocr(image)]
    return ImageView("\n".join(read), await asyncio.to_thread(_meaning, image, services))


def _meaning(image: str, services: Services) -> NDArray[np.float32] | None:
    try:
        return services.collections.image_meaning(services.images.open(image))
    except VidenceError:
        # The backbone is an extra: what is written in the image still speaks.
        return None


async def _by_chat(
    question: ParsedQuestion,
    pieces: Sequence[Evidence],
    scores: dict[str, float],
    images: Sequence[str],
    services: Services,
) -> tuple[dict[str, float], tuple[str, ...]]:
    chat = services.models.chat("vlm")
    if chat is None:
        return scores, ("reselect: VIDENCE_RESELECTOR=vlm needs a served model in VIDENCE_VLM",)
    from agents.sebe_chat import select
    from models.vlm import data_url

    best = sorted(pieces, key=lambda item: -scores[item.id])[:_SHOWN]
    urls = await asyncio.to_thread(lambda: [data_url(services.images.path(image)) for image in images])
    chosen = await select(chat, question.text, urls, [item.content for item in best])
    failed = tuple(f"reselect: {step['error_kind']}" for step in chosen.steps)
    order = {best[place].id: float(len(best) - rank) for rank, place in enumerate(chosen.order)}
    return {item.id: order.get(item.id, 0.0) for item in pieces}, failed
