"""`search_images`: images of the user's collections, found by words, by an image, or by both."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from core.contracts import Box, Evidence, Locator, ToolResult
from core.errors import VidenceError, invalid_input, not_found
from core.images import StoredImage
from knowledge.images.written import best_line
from knowledge.records import Hit
from tools.base import Cost, Need, ToolArgs, ToolContext, make_evidence
from tools.found import find, own

_RRF = 60
"""Cormack et al. 2009; words and an image are joined by rank, because their scores mean different things."""


class SearchImagesArgs(ToolArgs):
    """Words to find images by, the content hash of an image to find others like it, or both."""

    query: str = Field("", max_length=4000)
    image: str | None = None
    collections: list[str] = Field(default_factory=list)
    k: int = Field(8, ge=1, le=100)


class SearchImages:
    """Finds indexed images by caption, name, text in the image and pixels.

    Each is put in the image store, so that it can be looked at, and comes with the part that was meant: the
    line of text that matches best, or the region that resembles what was asked for.
    """

    name: ClassVar[str] = "search_images"
    version: ClassVar[str] = "2"
    description: ClassVar[str] = "Search the user's image collections for pictures that show something."
    arguments: ClassVar[type[ToolArgs]] = SearchImagesArgs
    cost: ClassVar[Cost] = "cheap"
    needs: ClassVar[tuple[Need, ...]] = ("collection",)

    async def run(self, args: SearchImagesArgs, context: ToolContext) -> ToolResult:
        """Return the best images.

        Raises:
            VidenceError: `invalid_input` without words and image; `unavailable` when pixels cannot be
                compared here; `not_found` when the collections hold no image.
        """
        if not args.query.strip() and not args.image:
            raise invalid_input(
                "search_images needs a `query` or an `image`", help="Say what the images show."
            )
        hits = await self._hits(args, context)
        if not hits:
            raise not_found(
                f"No image is indexed in {', '.join(args.collections)}",
                help="Add some: `vidence index add FOLDER --collection NAME --kind image`.",
            )
        found = [await self._evidence(hit, args.query, context) for hit in hits]
        return ToolResult(evidence=tuple(item for item in found if item is not None))

    async def _hits(self, args: SearchImagesArgs, context: ToolContext) -> list[Hit]:
        by_words: list[Hit] = []
        if args.query.strip():
            by_words = await find(context, args.query, args.collections, args.k, "image")
        if not args.image:
            return by_words
        try:
            alike = await asyncio.to_thread(_alike, context, args.image, own(args.collections), args.k)
        except VidenceError:
            # Words may do alone; an image alone may not.
            if not by_words:
                raise
            return by_words
        return join(by_words, alike, args.k) if by_words else alike

    async def _evidence(self, hit: Hit, query: str, context: ToolContext) -> Evidence | None:
        path = hit.locator.path or hit.source
        try:
            stored = await asyncio.to_thread(_store, context, hit, path)
        except VidenceError:
            # The file went away or changed into something else since it was indexed: nothing to show.
            return None
        whole = (0.0, 0.0, float(stored.width), float(stored.height))
        line = await asyncio.to_thread(_line, context, query, stored.sha256)
        return make_evidence(
            self,
            context,
            kind="image",
            source=hit.source,
            content=hit.text,
            locator=Locator(
                path=path,
                page=hit.locator.page,
                sha256=stored.sha256,
                box=line[1] if line else hit.locator.box or whole,
            ),
            score=hit.score,
            metadata={
                "title": hit.title,
                "doc_id": hit.doc_id,
                "collection": hit.collection,
                "width": stored.width,
                "height": stored.height,
                "parts": hit.parts,
                **({"line": line[0]} if line else {}),
                **({"resembles": hit.metadata["resembles"]} if "resembles" in hit.metadata else {}),
            },
        )


def join(by_words: Sequence[Hit], alike: Sequence[Hit], k: int) -> list[Hit]:
    """Return the k best of two rankings by reciprocal rank; a hit of both keeps its better score."""
    ranks: dict[str, float] = {}
    hits: dict[str, Hit] = {}
    for ranking in (by_words, alike):
        for place, hit in enumerate(ranking):
            ranks[hit.chunk_id] = ranks.get(hit.chunk_id, 0.0) + 1.0 / (_RRF + place)
            known = hits.setdefault(hit.chunk_id, hit)
            hits[hit.chunk_id] = replace(known, score=max(known.score, hit.score))
    order = sorted(ranks, key=lambda id_: (-ranks[id_], id_))[:k]
    return [hits[id_] for id_ in order]


def _alike(context: ToolContext, image: str, collections: Sequence[str], k: int) -> list[Hit]:
    # The image itself may be indexed: finding it again tells nothing.
    hits = context.collections.search_image(collections, context.images.open(image), k + 1)
    return [hit for hit in hits if hit.locator.sha256 != image][:k]


def _store(context: ToolContext, hit: Hit, path: str) -> StoredImage:
    """Put a found image in the store; figures that were cut out of documents are there already."""
    sha256 = hit.locator.sha256
    if sha256 and context.images.path(sha256).is_file():
        height, width = context.images.open(sha256).shape[:2]
        return StoredImage(sha256, width, height, path)
    return context.images.add_path(path)


def _line(context: ToolContext, query: str, sha256: str) -> tuple[str, Box] | None:
    """Return the line of text of an image that matches a query best, when its text was read before."""
    lines = context.collections.image_lines(sha256) if query.strip() else None
    return best_line(query, lines) if lines else None
