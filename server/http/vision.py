"""The image tools one at a time, without the agent: analyze, compare, read, chart, search by an image."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from core.contracts import ChartTable, Evidence, OcrLine
from core.errors import VidenceError
from knowledge.records import Hit
from server.context import ServerContext
from server.http.bodies import MAX_TEXT, Body, ImageSource
from server.http.deps import Context, Searches
from server.http.pictures import stored
from server.http.problem import documented
from server.http.retrieval import Collections, Count, HitView, hit_views
from server.runs.records import StoredImageRef

router = APIRouter(prefix="/vision", tags=["vision"])


class OneImage(Body):
    """An image."""

    image: ImageSource


class AnalyzeRequest(OneImage):
    """An image, and what to ask the vision model about it."""

    question: str = Field("", max_length=MAX_TEXT, description="Without it, pixels alone are measured.")


class Analysis(BaseModel):
    """What pixels tell, and what the vision model says."""

    image_id: str
    width: int
    height: int
    kind: str = Field(description="chart, photo, document and so on, by the pixels.")
    kind_confidence: float
    drawn: bool
    grayscale: bool
    brightness: float
    colors: list[str] = Field(description="The main colours, the largest first.")
    answer: str = ""
    short_answer: str = ""
    confidence: float | None = None
    evidence: list[Evidence] = Field(default_factory=list)


class CompareRequest(Body):
    """Two images, and the question about them."""

    first: ImageSource
    second: ImageSource
    question: str = Field("", max_length=MAX_TEXT)


class Comparison(BaseModel):
    """What is the same and what differs, each with its box."""

    text: str
    evidence: list[Evidence]


class OcrReply(BaseModel):
    """The lines of text in an image, in reading order; boxes in its pixels."""

    image_id: str
    width: int
    height: int
    lines: list[OcrLine]


class ImageSearch(OneImage):
    """An image to find others like it, in collections."""

    collections: Collections = Field(min_length=1)
    k: Count = 10


class ImageHits(BaseModel):
    """Images like the one given, the most alike first."""

    image_id: str
    hits: list[HitView]


_FAILS = documented(404, 413, 422, 500, 503, 504)


@router.post("/analyze", responses=_FAILS)
async def analyze(body: AnalyzeRequest, context: Context, caller: Searches) -> Analysis:
    """Say what kind of image it is, and answer a question about it by the vision model alone."""
    image = await stored(context, caller.owner, body.image)
    facts = await context.engine.services.models.pixels(image.sha256)
    found = Analysis(
        image_id=image.sha256,
        width=image.width,
        height=image.height,
        kind=facts.kind,
        kind_confidence=facts.kind_confidence,
        drawn=facts.drawn,
        grayscale=facts.grayscale,
        brightness=facts.brightness,
        colors=[name for name, _ in facts.colours],
    )
    if body.question.strip():
        seen = await _tool(context, "look", [image], {"image": image.sha256, "question": body.question})
        found.answer, found.confidence = seen[0].content, seen[0].score
        found.short_answer = str(seen[0].metadata.get("short_answer", ""))
        found.evidence = seen
    return found


@router.post("/compare", responses=_FAILS)
async def compare(body: CompareRequest, context: Context, caller: Searches) -> Comparison:
    """Say what differs between two images and where."""
    pair = [await stored(context, caller.owner, image) for image in (body.first, body.second)]
    hashes = [image.sha256 for image in pair]
    seen = await _tool(context, "compare_images", pair, {"images": hashes, "question": body.question})
    return Comparison(text=seen[0].content, evidence=seen)


@router.post("/chart-data", responses=_FAILS)
async def chart_data(body: OneImage, context: Context, caller: Searches) -> ChartTable:
    """Return the table behind a bar, line or pie chart; 422 for what is none, or cannot be read."""
    image = await stored(context, caller.owner, body.image)
    return await context.engine.services.models.chart(image.sha256)


@router.post("/ocr", responses=_FAILS)
async def ocr(body: OneImage, context: Context, caller: Searches) -> OcrReply:
    """Read the text of an image."""
    image = await stored(context, caller.owner, body.image)
    lines = await context.engine.services.models.ocr(image.sha256)
    return OcrReply(image_id=image.sha256, width=image.width, height=image.height, lines=lines)


@router.post("/rag", responses=_FAILS)
async def like(body: ImageSearch, context: Context, caller: Searches) -> ImageHits:
    """Find images like this one in collections."""
    image = await stored(context, caller.owner, body.image)
    services = context.engine.services

    def work() -> list[Hit]:
        pixels = services.images.open(image.sha256)
        return services.collections.search_image(body.collections, pixels, body.k)

    return ImageHits(image_id=image.sha256, hits=hit_views(await asyncio.to_thread(work)))


async def _tool(
    context: ServerContext, name: str, images: list[StoredImageRef], args: dict[str, Any]
) -> list[Evidence]:
    services = context.engine.services
    tool_context = services.tool_context(name, {image.sha256: image.source for image in images})
    result = await services.registry.call(name, args, tool_context)
    if result.error is not None:
        error = result.error
        raise VidenceError(error.kind, error.message, help=error.help, retryable=error.retryable)
    return list(result.evidence)
