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
        self._manifest = manifest
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
        family = self._family(question, facts[0])
        if family is None and self._describes(question, facts[0]):
            return await describe(lambda one: self._ask(images[0], one))
        if family is None:
            if proved is not None:
                return proved
            raise self._refusal()
        try:
            return await self._ask(images[0], question)
        except VidenceError:
            if proved is not None:
                return proved
            raise

    async def _ask(self, image: Path, question: str) -> VlmReply:
        """Ask the model a question of a family that it is offered for."""
        family = family_of(question)
        assert family is not None
        said = await self._runner.call("look", path=str(image), question=question, cache=str(self._cache))
        return self._reply(said, family)

    def _describes(self, question: str, facts: PixelFacts) -> bool:
        known = {family.name for family in offered(self._manifest.right)}
        return (
            facts.drawn and family_of(question) is None and asks_to_describe(question) and known >= set(NEEDS)
        )

    def _family(self, question: str, facts: PixelFacts) -> Family | None:
        family = family_of(question)
        if family is None or not facts.drawn or family not in offered(self._manifest.right):
            return None
        return family

    def _reply(self, said: dict[str, Any], family: Family) -> VlmReply:
        # Never surer than it was right on pictures that it had not seen.
        confidence = min(float(said["confidence"]), self._manifest.right[family.name])
        return VlmReply(
            answer=str(said["text"]),
            short_answer=str(said["text"]),
            confidence=round(confidence, 3),
            tokens_in=int(said["tokens_in"]),
            tokens_out=int(said["tokens_out"]),
        )

    def _refusal(self) -> VidenceError:
        known = offered(self._manifest.right)
        learned = [family.said for family in known]
        if {family.name for family in known} >= set(NEEDS):
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
