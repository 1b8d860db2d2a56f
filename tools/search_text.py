"""`search_text`: passages of the user's own collections."""

from __future__ import annotations

from typing import ClassVar

from core.contracts import ToolError, ToolResult
from tools.base import Cost, Need, ToolArgs, ToolContext
from tools.found import SearchArgs, evidence_of, find
from tools.search_external import external_evidence, search_marked


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
        """Return the best passages; `not_found` when no collection was named.

        Connectors among the collections (`@wiki`) are searched too; one that fails hides nothing else.
        """
        hits = await find(context, args.query, args.collections, args.k, "passage")
        external, failure = await search_marked(args.collections, args.query, args.k, context)
        evidence = [evidence_of(self, context, hit, "passage") for hit in hits]
        evidence += [external_evidence(self, context, item) for item in external]
        return ToolResult(evidence=tuple(evidence), error=ToolError.of(failure) if failure else None)
