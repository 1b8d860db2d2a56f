"""A local collection as a connector."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from core.contracts import EvidenceKind
from core.errors import unavailable
from knowledge.connectors.base import Connector, Found, Options

_KINDS: dict[str, EvidenceKind] = {"passage": "passage", "code": "code", "image": "image"}


class CollectionOptions(Options):
    """Which collection is searched."""

    collection: str


class CollectionConnector(Connector):
    """Passages, code and pictures of the user's own files."""

    kind: ClassVar[str] = "collection"
    description: ClassVar[str] = "a local collection made by `vidence index add`"
    options: ClassVar[type[Options]] = CollectionOptions
    short: ClassVar[str] = "collection"

    async def search(self, query: str, k: int = 10) -> list[Found]:
        """Return the best pieces; raises `not_found` when there is no such collection."""
        if self.around.collections is None:
            raise unavailable("No collections are open here", retryable=False)
        hits = await asyncio.to_thread(self.around.collections.search, [self.given.collection], query, k)
        return [
            Found(
                id=hit.id,
                title=hit.title,
                text=hit.text,
                source=hit.source,
                score=hit.score,
                kind=_KINDS.get(hit.kind, "passage"),
                locator=hit.locator,
                metadata={"collection": hit.collection, "doc_id": hit.doc_id},
            )
            for hit in hits
        ]
