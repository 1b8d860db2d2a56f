"""`search_text`: passages of the user's own collections."""

from __future__ import annotations

from typing import ClassVar

from core.contracts import ToolResult
from tools.base import Cost, Need, ToolArgs, ToolContext
from tools.found import SearchArgs, evidence_of, find


class SearchText:
    """Finds passages by meaning and by words; each comes with file, page or lines."""

    name: ClassVar[str] = "search_text"
    version: ClassVar[str] = "1"
    description: ClassVar[str] = (
        "Search the user's documents (notes, pages, PDF, manuals, articles) for passages about a question."
    )
    arguments: ClassVar[type[ToolArgs]] = SearchArgs
    cost: ClassVar[Cost] = "cheap"
    needs: ClassVar[tuple[Need, ...]] = ("collection",)

    async def run(self, args: SearchArgs, context: ToolContext) -> ToolResult:
        """Return the best passages; `not_found` when no collection was named."""
        hits = await find(context, args.query, args.collections, args.k, "passage")
        return ToolResult(evidence=tuple(evidence_of(self, context, hit, "passage") for hit in hits))
