"""`search_images`: images of the user's collections, found by their captions or names."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from pydantic import Field

from core.contracts import Evidence, Locator, ToolResult
from core.errors import VidenceError, invalid_input, not_found, unavailable
from knowledge.records import Hit
from tools.base import Cost, Need, ToolArgs, ToolContext, make_evidence
from tools.found import find


class SearchImagesArgs(ToolArgs):
    """Words to find images by, or the content hash of an image to find others like it."""

    query: str = Field("", max_length=4000)
    image: str | None = None
    collections: list[str] = Field(default_factory=list)
    k: int = Field(8, ge=1, le=100)


class SearchImages:
    """Finds indexed images by caption or file name; each is put in the image store to be looked at."""

    name: ClassVar[str] = "search_images"
    version: ClassVar[str] = "1"
    description: ClassVar[str] = "Search the user's image collections for pictures that show something."
    arguments: ClassVar[type[ToolArgs]] = SearchImagesArgs
    cost: ClassVar[Cost] = "cheap"
    needs: ClassVar[tuple[Need, ...]] = ("collection",)

    async def run(self, args: SearchImagesArgs, context: ToolContext) -> ToolResult:
        """Return the best images.

        Raises:
            VidenceError: `invalid_input` without words; `unavailable` for a search by pixels alone;
                `not_found` when the collections hold no image.
        """
        if not args.query.strip():
            if args.image:
                raise unavailable(
                    "Images cannot be found by their pixels yet",
                    help="Describe what they show in words: captions and names are searched.",
                    retryable=False,
                )
            raise invalid_input("search_images needs a `query`", help="Say what the images show.")
        hits = await find(context, args.query, args.collections, args.k, "image")
        if not hits:
            raise not_found(
                f"No image is indexed in {', '.join(args.collections)}",
                help="Add some: `vidence index add FOLDER --collection NAME --kind image`.",
            )
        found = [await self._evidence(hit, context) for hit in hits]
        return ToolResult(evidence=tuple(item for item in found if item is not None))

    async def _evidence(self, hit: Hit, context: ToolContext) -> Evidence | None:
        path = hit.locator.path or hit.source
        try:
            stored = await asyncio.to_thread(context.images.add_path, path)
        except VidenceError:
            # The file went away or changed into something else since it was indexed: nothing to show.
            return None
        return make_evidence(
            self,
            context,
            kind="image",
            source=hit.source,
            content=hit.text,
            locator=Locator(
                path=path,
                sha256=stored.sha256,
                box=(0.0, 0.0, float(stored.width), float(stored.height)),
            ),
            score=hit.score,
            metadata={
                "title": hit.title,
                "doc_id": hit.doc_id,
                "collection": hit.collection,
                "width": stored.width,
                "height": stored.height,
            },
        )
