"""The embedded VLM in the agent: what pixels prove first, then the trained model within what it is for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.errors import VidenceError, unavailable
from models.pixels import PixelFacts
from models.vlm import CAPABILITIES, VlmReply, answer_from_facts
from models.vlm_describe import NEEDS, asks_to_describe, describe
from models.vlm_scope import Family, family_of, offered
from models.vlm_shipped import Manifest
from models.worker import JobRunner


class EmbeddedVlm:
    """Answers by pixel statistics where they prove something, else by the trained checkpoint.

    Args:
        manifest: The model's card; what it was not trained for, or got wrong too often, is refused.
        runner: Runs the model in the worker process.
        cache: Where the assembled checkpoint is kept.
    """

    def __init__(self, manifest: Manifest, runner: JobRunner, cache: Path) -> None:
        self._right = manifest.right
        self._known = offered(manifest.right)
        self._describes = {family.name for family in self._known} >= set(NEEDS)
        self._runner = runner
        self._cache = cache

    async def look(self, images: list[Path], facts: list[PixelFacts], question: str) -> VlmReply:
        """Answer about one image.

        Raises:
            VidenceError: `unavailable` for what neither can answer, with a list of what can be asked.
        """
        if len(images) != 1:
            raise self._refusal()
        proved = answer_from_facts(facts[0], question)
        if proved is not None and not _about_the_chart(question):
            return proved
        family = family_of(question)
        if facts[0].drawn and family in self._known:
            try:
                return await self._ask(images[0], question)
            except VidenceError:
                if proved is None:
                    raise
        elif facts[0].drawn and family is None and self._describes and asks_to_describe(question):
            return await describe(lambda one: self._ask(images[0], one))
        if proved is not None:
            return proved
        raise self._refusal()

    async def _ask(self, image: Path, question: str) -> VlmReply:
        """Ask the model a question of a family that it is offered for."""
        family = family_of(question)
        assert family is not None
        said = await self._runner.call("look", path=str(image), question=question, cache=str(self._cache))
        return self._reply(said, family)

    def _reply(self, said: dict[str, Any], family: Family) -> VlmReply:
        # Never surer than it was right on pictures that it had not seen.
        confidence = min(float(said["confidence"]), self._right[family.name])
        return VlmReply(
            answer=str(said["text"]),
            short_answer=str(said["text"]),
            confidence=round(confidence, 3),
            tokens_in=int(said["tokens_in"]),
            tokens_out=int(said["tokens_out"]),
        )

    def _refusal(self) -> VidenceError:
        learned = [family.said for family in self._known]
        if self._describes:
            learned.append("in a sentence, what a chart or a plain shape is")
        return unavailable(
            "The embedded VLM cannot answer this",
            help=f"It can tell {'; '.join([*CAPABILITIES, *learned])} (the latter of drawn pictures). For "
            "anything else set VIDENCE_VLM=openai:BASE_URL#MODEL to a served vision model.",
            retryable=False,
        )


def _about_the_chart(question: str) -> bool:
    """A chart's type or a shape's color is asked; what pixels say of the whole image would miss it."""
    family = family_of(question)
    return family is not None and family.name in ("chart_type", "shape")
