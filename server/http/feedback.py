"""Ratings: one a user and run, which may be edited; what `vidence finetune` and evals learn from."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from core.contracts import RunResult
from core.errors import invalid_input, not_found
from core.feedback_store import MAX_TEXT, Feedback, Rating, rated_run
from server.clock import stamp_of
from server.http.bodies import Body
from server.http.deps import Asks, Context, Reads, Trains
from server.http.problem import documented
from server.runs.manager import unknown_run

router = APIRouter(tags=["feedback"])


class FeedbackRequest(Body):
    """A rating of one's own run; sent again it replaces the earlier one."""

    run_id: str = Field(min_length=1, max_length=64)
    rating: Rating
    correction: str = Field("", max_length=MAX_TEXT, description="The right answer, with a bad rating.")
    comment: str = Field("", max_length=MAX_TEXT)


@router.post("/feedback", status_code=201, responses=documented(404, 413, 422))
async def rate(body: FeedbackRequest, context: Context, caller: Asks) -> Feedback:
    """Rate an answer. It is kept with the run's question, evidence, models and prompts."""
    run = await context.ledger.get(body.run_id, caller.owner)
    result = await context.ledger.result(body.run_id) if run is not None else None
    if run is None:
        raise unknown_run(body.run_id)
    if result is None:
        raise not_found(f"Run `{body.run_id}` has no answer to rate", help="Wait for its end.")
    found = RunResult.model_validate_json(result)
    if body.rating == "down":
        # Not only the run itself: where its answer was found before, that one is not given again either.
        await context.answers.index.forget(caller.owner, body.run_id, found.cached_from or body.run_id)
    rated = rated_run(found)
    kept = await asyncio.to_thread(
        context.feedback.put,
        rated,
        body.rating,
        user=caller.owner,
        correction=body.correction,
        comment=body.comment,
    )
    context.telemetry.metrics.ratings.labels(body.rating).inc()
    return kept


@router.get("/feedback/{run_id}", responses=documented(404))
async def read_rating(run_id: str, context: Context, caller: Reads) -> Feedback:
    """Return one's own rating of a run."""
    known = await asyncio.to_thread(context.feedback.get, run_id, caller.owner)
    if known is None:
        raise not_found(f"No rating of run `{run_id}`", help="Give one: POST /v1/feedback.")
    return known


@router.delete("/feedback/{run_id}", status_code=204, responses=documented(404))
async def take_back(run_id: str, context: Context, caller: Asks) -> Response:
    """Take one's own rating back."""
    if not await asyncio.to_thread(context.feedback.delete, run_id, caller.owner):
        raise not_found(f"No rating of run `{run_id}`", help="There is nothing to take back.")
    return Response(status_code=204)


@router.get(
    "/feedback",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}, **documented(422)},
)
async def export(
    context: Context,
    caller: Trains,
    since: Annotated[
        str,
        Query(
            pattern=r"^$|^\d{4}-\d\d-\d\d",
            max_length=40,
            description="ISO 8601, in UTC unless it says otherwise.",
        ),
    ] = "",
) -> StreamingResponse:
    """Export everybody's ratings as JSON lines, the oldest first: what fine-tuning reads."""
    begin = _in_utc(since) if since else ""
    await context.audit.append(caller.actor, "feedback.exported", begin)

    def lines() -> Iterator[str]:
        for item in context.feedback.all(since=begin):
            yield item.model_dump_json() + "\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")


def _in_utc(since: str) -> str:
    """Return a time as ratings are stamped, to be compared as text; raises `invalid_input`."""
    try:
        return stamp_of(since)
    except ValueError:
        raise invalid_input(
            f"`since` is no time: {since}",
            help="Write 2026-11-22 or 2026-11-22T08:30:00Z; in an address `+` is written %2B.",
        ) from None
