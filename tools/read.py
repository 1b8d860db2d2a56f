"""`read`: the lines of text of one image."""

from __future__ import annotations

from typing import ClassVar

from core.contracts import Locator, ToolResult
from tools.base import Cost, Need, ToolArgs, ToolContext, make_evidence


class ReadArgs(ToolArgs):
    """An image by content hash."""

    image: str


class ReadImage:
    """Reads printed text; every line is evidence of kind `ocr` with its box. No text, no evidence."""

    name: ClassVar[str] = "read"
    version: ClassVar[str] = "1"
    description: ClassVar[str] = (
        "Read the printed text of an image (OCR): receipts, forms, invoices, letters, tables, scanned "
        "pages, signs, screenshots. Returns lines with boxes."
    )
    arguments: ClassVar[type[ToolArgs]] = ReadArgs
    cost: ClassVar[Cost] = "moderate"
    needs: ClassVar[tuple[Need, ...]] = ("image",)

    async def run(self, args: ReadArgs, context: ToolContext) -> ToolResult:
        """Return one piece of evidence a line, in reading order."""
        lines = await context.models.ocr(args.image)
        source = context.source_of(args.image)
        return ToolResult(
            evidence=tuple(
                make_evidence(
                    self,
                    context,
                    kind="ocr",
                    source=source,
                    content=line.text,
                    locator=Locator(sha256=args.image, box=line.box),
                    score=line.score,
                    metadata={"line": index},
                )
                for index, line in enumerate(lines)
            )
        )
