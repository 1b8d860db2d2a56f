"""Collections over HTTP: search them, ask with them, build them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from core.contracts import Locator, RunResult
from core.errors import VidenceError
from knowledge.records import AddReport, Hit
from server.context import ServerContext
from server.http.asking import answer
from server.http.bodies import MAX_TEXT, Body, ImageSource
from server.http.deps import Asks, Context, Indexes, Searches
from server.http.problem import documented
from server.runs.records import RunSpec

router = APIRouter(tags=["retrieval"])

CollectionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Collections = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=200)]], Field(max_length=32)
]
FieldName = Annotated[str, StringConstraints(pattern=r"^[^#$]", max_length=200)]
Count = Annotated[int, Field(ge=1, le=200)]
MAX_RECORDS = 10_000


class SearchRequest(Body):
    """What to search for, and where."""

    query: str = Field(min_length=1, max_length=MAX_TEXT)
    collections: Collections = Field(min_length=1)
    k: Count = 10
    mode: Literal["hybrid", "dense", "sparse"] = "hybrid"
    rerank: bool = True
    where: dict[FieldName, str | int | float | bool] = Field(
        default_factory=dict, max_length=16, description="Only pieces with these values."
    )
    diversity: float = Field(0.0, ge=0, le=1, description="How unlike each other hits should be (MMR).")


class HitView(BaseModel):
    """A found piece; `score` is in 0 to 1."""

    id: str
    score: float
    title: str
    snippet: str
    source: str
    collection: str
    locator: Locator


class SearchReply(BaseModel):
    """Hits, the best first."""

    query: str
    hits: list[HitView]


class RagRequest(Body):
    """A question to be answered from collections."""

    question: str = Field(min_length=1, max_length=MAX_TEXT)
    collections: Collections = Field(min_length=1)
    images: list[ImageSource] = Field(default_factory=list, max_length=64)
    cache: bool = Field(True, description="False answers anew, and keeps nothing.")


class Record(BaseModel):
    """A document: its text, and what else is known of it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: str = Field(min_length=1, max_length=500)
    title: str = Field("", max_length=2_000)
    text: str = Field(min_length=1, max_length=2_000_000)
    metadata: dict[str, str | int | float | bool] = Field(default_factory=dict, max_length=64)


class BuildRequest(Body):
    """Documents for a collection; one with a known id replaces what was there."""

    collection: CollectionName
    records: list[Record] = Field(min_length=1, max_length=MAX_RECORDS)


class BuildReply(BaseModel):
    """What an add did, counted in documents."""

    collection: str
    added: int
    unchanged: int
    replaced: int
    documents: int = Field(description="In the collection afterwards.")
    chunks: int
    failed: list[str] = Field(description="Documents that could not be read, and why.")


class CollectionView(BaseModel):
    """A collection there is."""

    name: str
    documents: int
    chunks: int


class CollectionList(BaseModel):
    """The collections there are; all callers share them."""

    collections: list[CollectionView]


@router.post("/retrieval/search", responses=documented(404, 413, 422, 503))
async def search(body: SearchRequest, context: Context, caller: Searches) -> SearchReply:
    """Search collections by meaning and by words."""
    collections = context.engine.services.collections

    def work() -> list[Hit]:
        return collections.search(
            body.collections,
            body.query,
            body.k,
            mode=body.mode,
            rerank=body.rerank,
            where=body.where,
            diversity=body.diversity,
        )

    return SearchReply(query=body.query, hits=hit_views(await asyncio.to_thread(work)))


@router.post(
    "/rag/query",
    response_model_exclude_none=True,
    responses=documented(404, 409, 413, 422, 500, 503, 504),
)
async def rag(body: RagRequest, request: Request, context: Context, caller: Asks) -> RunResult:
    """Answer a question from collections, with checked citations; a run like any other."""
    spec = RunSpec(question=body.question, collections=tuple(body.collections), cache=body.cache)
    return await answer(context, caller, request, spec, images=body.images)


@router.get("/index", responses=documented(503))
async def list_collections(context: Context, caller: Searches) -> CollectionList:
    """List the collections."""
    found = await asyncio.to_thread(context.engine.services.collections.describe)
    return CollectionList(
        collections=[
            CollectionView(name=one.name, documents=one.documents, chunks=one.chunks) for one in found
        ]
    )


@router.post("/index/build", responses=documented(413, 422, 503))
async def build(body: BuildRequest, context: Context, caller: Indexes) -> BuildReply:
    """Add documents to a collection, which is made when new; it can be searched when this answers.

    Files of the server are out of reach: use `vidence index add` there.
    """
    await context.audit.append(caller.actor, "index.built", body.collection, records=len(body.records))
    report = await asyncio.to_thread(_add, context, body)
    return BuildReply(
        collection=body.collection,
        added=report.added,
        unchanged=report.unchanged,
        replaced=report.replaced,
        documents=report.documents,
        chunks=report.chunks,
        failed=[f"{failure.path}: {failure.message}" for failure in report.failed],
    )


@router.delete("/index/{collection}", status_code=204, responses=documented(404, 422, 503))
async def drop(collection: CollectionName, context: Context, caller: Indexes) -> None:
    """Forget a collection for good."""
    collections = context.engine.services.collections
    if collection not in await asyncio.to_thread(collections.names):
        raise VidenceError("not_found", f"No collection `{collection}`", help="See GET /v1/index.")
    await context.audit.append(caller.actor, "index.dropped", collection)
    await asyncio.to_thread(collections.drop, collection)


def _add(context: ServerContext, body: BuildRequest) -> AddReport:
    # The file's path is part of each document's source: the same one every time, so that ids replace.
    path = context.settings.root / "uploads" / body.collection / "records.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        lines = (json.dumps(record.model_dump()) + "\n" for record in body.records)
        path.write_text("".join(lines), encoding="utf-8")
        try:
            return context.engine.services.collections.add(body.collection, [path])
        finally:
            path.unlink()


def hit_views(hits: Iterable[Hit]) -> list[HitView]:
    """Show hits."""
    return [
        HitView(
            id=hit.id,
            score=hit.score,
            title=hit.title,
            snippet=hit.snippet,
            source=hit.source,
            collection=hit.collection,
            locator=hit.locator,
        )
        for hit in hits
    ]
