"""`search_code`: definitions and lines of indexed source code."""

from __future__ import annotations

from typing import ClassVar

from core.contracts import ToolResult
from tools.base import Cost, Need, ToolArgs, ToolContext
from tools.found import SearchArgs, evidence_of, find


class SearchCode:
    """Finds code by names, docstrings and meaning; each piece comes with its path and lines."""

    name: ClassVar[str] = "search_code"
    version: ClassVar[str] = "1"
    description: ClassVar[str] = (
        "Search indexed source code: functions, classes, constants, where something is defined or done."
    )
    arguments: ClassVar[type[ToolArgs]] = SearchArgs
    cost: ClassVar[Cost] = "cheap"
    needs: ClassVar[tuple[Need, ...]] = ("collection",)

    async def run(self, args: SearchArgs, context: ToolContext) -> ToolResult:
        """Return the best pieces of code; `not_found` when no collection was named."""
        hits = await find(context, args.query, args.collections, args.k, "code")
        return ToolResult(
            evidence=tuple(
                evidence_of(self, context, hit, "code", definition=hit.locator.section or "") for hit in hits
            )
        )
