"""`look`: ask the vision-language model about one image."""

from __future__ import annotations

from typing import ClassVar

from core.contracts import Locator, ToolResult
from tools.base import Cost, Need, ToolArgs, ToolContext, make_evidence


class LookArgs(ToolArgs):
    """An image by content hash and the question to ask about it."""

    image: str
    question: str


class Look:
    """Answers from pixels. What it says is evidence of kind `vlm`: observed, not verified."""

    name: ClassVar[str] = "look"
    version: ClassVar[str] = "1"
    description: ClassVar[str] = (
        "Look at an image with the vision model: objects, scenes, colours, findings, anything visual."
    )
    arguments: ClassVar[type[ToolArgs]] = LookArgs
    cost: ClassVar[Cost] = "expensive"
    needs: ClassVar[tuple[Need, ...]] = ("image", "vlm")

    async def run(self, args: LookArgs, context: ToolContext) -> ToolResult:
        """Ask the VLM; its refusal is an `unavailable` error that lists what it can do."""
        reply = await context.models.look([args.image], args.question)
        facts = await context.models.pixels(args.image)
        model = (await context.models.refs())["vlm"]
        evidence = make_evidence(
            self,
            context,
            kind="vlm",
            source=context.source_of(args.image),
            content=reply.answer,
            locator=Locator(sha256=args.image, box=(0.0, 0.0, float(facts.width), float(facts.height))),
            score=reply.confidence,
            metadata={
                "question": args.question,
                "short_answer": reply.short_answer,
                "model": model.model_dump(),
            },
        )
        return ToolResult(evidence=(evidence,), tokens_in=reply.tokens_in, tokens_out=reply.tokens_out)
