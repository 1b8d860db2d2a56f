"""`search_external`: sources outside the collections, by the connectors that the settings name."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from core.contracts import Evidence, ToolResult
from core.errors import VidenceError
from knowledge.connectors.base import MARK, Connector, Found, Surroundings
from knowledge.connectors.registry import open_connector
from tools.base import Cost, Need, Tool, ToolArgs, ToolContext, make_evidence


class SearchExternalArgs(ToolArgs):
    """The connector's name, a query, and how many results to return."""

    connector: str = Field(min_length=1, max_length=200, description="A name from the settings, or a kind.")
    query: str = Field(min_length=1, max_length=4000)
    k: int = Field(8, ge=1, le=100)


class SearchExternal:
    """Finds results of one external source; each says where people can read it."""

    name: ClassVar[str] = "search_external"
    version: ClassVar[str] = "1"
    description: ClassVar[str] = (
        "Search an external source by the name of its connector: a wiki, a catalogue, a search service."
    )
    arguments: ClassVar[type[ToolArgs]] = SearchExternalArgs
    cost: ClassVar[Cost] = "moderate"
    needs: ClassVar[tuple[Need, ...]] = ("network",)

    async def run(self, args: SearchExternalArgs, context: ToolContext) -> ToolResult:
        """Return the results; `not_found` when no connector has the name."""
        found = await _search(args.connector, args.query, args.k, context)
        return ToolResult(evidence=tuple(external_evidence(self, context, item) for item in found))


async def search_marked(
    names: Sequence[str], query: str, k: int, context: ToolContext
) -> tuple[list[Found], VidenceError | None]:
    """Search the connectors among a list of collections (`@wiki`), side by side.

    Returns:
        What they found, best first, and the first failure: one source that is down hides no other.
    """
    marked = [name for name in names if name.startswith(MARK)]
    answers = await asyncio.gather(
        *(_search(name, query, k, context) for name in marked), return_exceptions=True
    )
    found: list[Found] = []
    failure: VidenceError | None = None
    for answer in answers:
        if isinstance(answer, VidenceError):
            failure = failure or answer
        elif isinstance(answer, BaseException):
            raise answer
        else:
            found += answer
    return sorted(found, key=lambda item: -item.score), failure


def external_evidence(tool: type[Tool] | Tool, context: ToolContext, found: Found) -> Evidence:
    """Return a result as evidence that is only retrieved."""
    return make_evidence(
        tool,
        context,
        kind=found.kind,
        source=found.source,
        content=found.text,
        locator=found.locator,
        score=found.score,
        trust="retrieved",
        metadata={"title": found.title, "external_id": found.id, **found.metadata},
    )


async def _search(name: str, query: str, k: int, context: ToolContext) -> list[Found]:
    # Opened in a thread: the first time, the files of all connectors are read.
    connector: Connector = await asyncio.to_thread(
        open_connector, name, Surroundings(context.settings, context.collections)
    )
    return await connector.search(query, k)
