"""`search_code`: definitions, callers, defaults, files and commits of indexed source code."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from core.contracts import Evidence, ToolResult
from knowledge.code.query import CodeQuery, read_query
from tools.base import Cost, Need, ToolArgs, ToolContext, make_evidence
from tools.found import SearchArgs, evidence_of, find

if TYPE_CHECKING:
    from knowledge.code.search import CodeHit
    from knowledge.records import Hit

_MOST = 32
_COMMITS = 5


class SearchCode:
    """Finds code by exact names where the question has some, and by docstrings and meaning.

    Each piece comes with its path and lines, and with the commit or release that it stands at.
    """

    name: ClassVar[str] = "search_code"
    version: ClassVar[str] = "2"
    description: ClassVar[str] = (
        "Search indexed source code: functions, classes, constants, where something is defined or done."
    )
    arguments: ClassVar[type[ToolArgs]] = SearchArgs
    cost: ClassVar[Cost] = "cheap"
    needs: ClassVar[tuple[Need, ...]] = ("collection",)

    async def run(self, args: SearchArgs, context: ToolContext) -> ToolResult:
        """Return the best pieces of code; `not_found` when no collection was named."""
        query = read_query(args.query)
        hits = await find(context, args.query, args.collections, args.k, "code")
        exact = await asyncio.to_thread(_exact, context, args, query)
        commits = await asyncio.to_thread(_commits, context, args) if query.wish == "commit" else []
        evidence = [self._evidence(context, hit, collection) for collection, hit in exact]
        evidence += [
            evidence_of(self, context, hit, "code", definition=hit.locator.section or "", **_role(hit))
            for hit in (*commits, *hits)
        ]
        unique: dict[str, Evidence] = {}
        for item in evidence:
            known = unique.setdefault(item.id, item)
            if known is not item and "role" in item.metadata and "role" not in known.metadata:
                unique[item.id] = item
        return ToolResult(evidence=tuple(unique.values())[:_MOST])

    def _evidence(self, context: ToolContext, hit: CodeHit, collection: str) -> Evidence:
        chunk = hit.chunk
        return make_evidence(
            self,
            context,
            kind="code",
            source=chunk.source,
            content=chunk.text,
            locator=chunk.locator,
            score=hit.score,
            trust="retrieved",
            metadata={
                "title": chunk.doc_title,
                "doc_id": chunk.doc_id,
                "collection": collection,
                "chunk_id": chunk.id,
                "definition": chunk.locator.section or "",
                "role": hit.role,
                "about": hit.about,
            },
        )


def _exact(context: ToolContext, args: SearchArgs, query: CodeQuery) -> list[tuple[str, CodeHit]]:
    """Return (collection, hit) of what the indexes of the collections say of the names asked about."""
    from knowledge.code.search import find_files, look_up

    found: list[tuple[str, CodeHit]] = []
    for name in args.collections:
        leg = None if name.startswith("@") else context.collections.code(name)
        if leg is None:
            continue
        hits = [] if query.wish == "commit" else look_up(leg, query)
        if not hits and not query.names and query.wish in ("file", "place"):
            vector = context.models.embedder().embed([args.query])[0]
            hits = find_files(leg, query, args.query, vector)
        found += [(name, hit) for hit in hits]
    return sorted(found, key=lambda pair: -pair[1].score)


def _commits(context: ToolContext, args: SearchArgs) -> list[Hit]:
    return context.collections.search(
        args.collections, args.query, _COMMITS, where={"kind": "code", "type": "commit"}
    )


def _role(hit: Hit) -> dict[str, Any]:
    return {"role": "commit"} if hit.metadata.get("type") == "commit" else {}
