"""What the search tools share: calling the collections in a thread and turning hits into evidence."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from pydantic import Field, field_validator

from core.contracts import Evidence, EvidenceKind
from knowledge.connectors.base import MARK
from knowledge.records import Hit, PieceKind
from tools.base import Tool, ToolArgs, ToolContext, make_evidence


class SearchArgs(ToolArgs):
    """A query, the collections to search, and how many pieces to return."""

    query: str = Field(min_length=1, max_length=4000)
    collections: list[str] = Field(default_factory=list)
    k: int = Field(8, ge=1, le=100)

    @field_validator("query")
    @classmethod
    def _not_blank(cls, query: str) -> str:
        if not query.strip():
            raise ValueError("must not be blank")
        return query


async def find(
    context: ToolContext, query: str, collections: Sequence[str], k: int, kind: PieceKind
) -> list[Hit]:
    """Search the collections for pieces of one kind; raises `VidenceError` like `Collections.search`.

    Connectors among their names (`@wiki`) are left out: `search_external` searches them.
    """
    mine = own(collections)
    if collections and not mine:
        return []
    rerank = "reranking" not in context.shed
    where = {"kind": kind}
    return await asyncio.to_thread(context.collections.search, mine, query, k, where=where, rerank=rerank)


def own(collections: Sequence[str]) -> list[str]:
    """Return the names that are collections, without the connectors among them."""
    return [name for name in collections if not name.startswith(MARK)]


def evidence_of(
    tool: type[Tool] | Tool, context: ToolContext, hit: Hit, kind: EvidenceKind, **extra: Any
) -> Evidence:
    """Return a hit as evidence: its exact text, where it stands, and that it is only retrieved."""
    return make_evidence(
        tool,
        context,
        kind=kind,
        source=hit.source,
        content=hit.text,
        locator=hit.locator,
        score=hit.score,
        trust="retrieved",
        metadata={
            "title": hit.title,
            "doc_id": hit.doc_id,
            "collection": hit.collection,
            "chunk_id": hit.chunk_id,
            "parts": hit.parts,
            **extra,
        },
    )
