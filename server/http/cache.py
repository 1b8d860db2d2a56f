"""The cache of answers: see what is kept of one's own, forget it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from server.http.deps import Asks, Context, Reads
from server.http.problem import documented

router = APIRouter(tags=["cache"])


class EntryView(BaseModel):
    """An answer that may be given again."""

    run_id: str = Field(description="The run that found it.")
    question: str
    kept_at: str
    expires_at: str
    hits: int = Field(description="How often it was given again.")


class CacheView(BaseModel):
    """What is kept of the caller."""

    mode: Literal["semantic", "exact", "off"]
    answers: int
    newest: list[EntryView]


class Forgotten(BaseModel):
    """How many answers were forgotten."""

    forgotten: int


@router.get("/cache", responses=documented(422))
async def read_cache(
    context: Context, caller: Reads, limit: Annotated[int, Query(ge=0, le=200)] = 50
) -> CacheView:
    """Return which of the caller's answers may be given again, the newest first."""
    count, entries = await context.answers.index.entries(caller.owner, limit)
    newest = [EntryView(**vars(entry)) for entry in entries]
    return CacheView(mode=context.settings.server_cache, answers=count, newest=newest)


@router.delete("/cache", responses=documented())
async def forget(context: Context, caller: Asks) -> Forgotten:
    """Forget the caller's answers: every question is answered anew. Runs and their results stay."""
    return Forgotten(forgotten=await context.answers.index.forget(caller.owner))
