"""`compare_images`: what is the same and what differs between two images, region by region."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from core.contracts import Box, Locator, ToolResult
from core.errors import VidenceError, invalid_input
from tools.base import Cost, Need, ToolArgs, ToolContext, make_evidence

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_GRID = 16
_CHANGED = 0.12
"""Mean absolute difference (0 to 1) from which a grid cell counts as changed."""


class CompareArgs(ToolArgs):
    """Two images by content hash, and the question about them."""

    images: tuple[str, ...]
    question: str = ""


class CompareImages:
    """Aligns two images by size, measures where they differ, and asks a served VLM if there is one."""

    name: ClassVar[str] = "compare_images"
    version: ClassVar[str] = "1"
    description: ClassVar[str] = (
        "Compare two images: are they the same, what changed and where, before and after."
    )
    arguments: ClassVar[type[ToolArgs]] = CompareArgs
    cost: ClassVar[Cost] = "moderate"
    needs: ClassVar[tuple[Need, ...]] = ("image",)

    async def run(self, args: CompareArgs, context: ToolContext) -> ToolResult:
        """Return one evidence on sameness and one for each changed region.

        Raises:
            VidenceError: `invalid_input` unless two images are given.
        """
        if len(args.images) < 2:
            raise invalid_input("Comparing needs two images", help="Give --image twice, once for each.")
        first, second = args.images[:2]
        names = f"{context.source_of(first)} and {context.source_of(second)}"
        pair = await asyncio.to_thread(lambda: (context.images.open(first), context.images.open(second)))
        share, box = await asyncio.to_thread(_difference, *pair)
        same = first == second or share == 0.0
        text = (
            "The two images show the same picture."
            if same
            else f"The two images differ in {share:.0%} of their area."
        )
        evidence = [
            make_evidence(
                self,
                context,
                kind="image",
                source=names,
                content=text,
                locator=Locator(sha256=second),
                metadata={"short_answer": "same" if same else "different", "changed_share": share},
            )
        ]
        if box is not None:
            evidence.append(
                make_evidence(
                    self,
                    context,
                    kind="region",
                    source=context.source_of(second),
                    content=f"Changed region {tuple(int(value) for value in box)} (pixels).",
                    locator=Locator(sha256=second, box=box),
                )
            )
        try:
            reply = await context.models.look(list(args.images[:2]), args.question)
        except VidenceError:
            # The stand-in cannot compare by meaning; the measured difference still stands.
            return ToolResult(evidence=tuple(evidence))
        evidence.append(
            make_evidence(
                self,
                context,
                kind="vlm",
                source=names,
                content=reply.answer,
                locator=Locator(sha256=second),
                score=reply.confidence,
                metadata={"short_answer": reply.short_answer, "question": args.question},
            )
        )
        return ToolResult(evidence=tuple(evidence), tokens_in=reply.tokens_in, tokens_out=reply.tokens_out)


def _difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> tuple[float, Box | None]:
    """Return the changed share of the area and the box around it in pixels of the second image."""
    import numpy as np
    from PIL import Image

    side = _GRID * 8
    small = [
        np.asarray(Image.fromarray(pixels).convert("L").resize((side, side)), dtype=np.float32) / 255
        for pixels in (first, second)
    ]
    cells = np.abs(small[0] - small[1]).reshape(_GRID, 8, _GRID, 8).mean(axis=(1, 3))
    changed = cells > _CHANGED
    if not changed.any():
        return 0.0, None
    rows, columns = np.nonzero(changed)
    height, width = second.shape[:2]
    return float(changed.mean()), (
        float(columns.min() * width / _GRID),
        float(rows.min() * height / _GRID),
        float((columns.max() + 1) * width / _GRID),
        float((rows.max() + 1) * height / _GRID),
    )
