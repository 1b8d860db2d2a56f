"""Threads: conversations of an owner, and their history."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Response

from core.errors import VidenceError, not_found
from server.http.bodies import History, NewThread, RunView, ThreadId, ThreadList
from server.http.deps import Asks, Context, Reads
from server.http.problem import documented
from server.runs.records import Thread

router = APIRouter(tags=["threads"])


@router.post("/threads", status_code=201, responses=documented(413, 422))
async def create_thread(body: NewThread, context: Context, caller: Asks) -> Thread:
    """Make a thread; one that exists is returned as it is."""
    return await context.ledger.create_thread(
        caller.owner, body.thread_id or uuid.uuid4().hex[:12], body.title
    )


@router.get("/threads", responses=documented(422))
async def list_threads(
    context: Context,
    caller: Reads,
    offset: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ThreadList:
    """List the caller's threads, the newest first."""
    threads = await context.ledger.threads(caller.owner, offset=offset, limit=limit)
    return ThreadList(threads=threads, next=offset + limit if len(threads) == limit else None)


@router.get("/threads/{thread_id}", responses=documented(404, 422))
async def read_thread(thread_id: ThreadId, context: Context, caller: Reads) -> Thread:
    """Return a thread."""
    thread = await context.ledger.thread(caller.owner, thread_id)
    if thread is None:
        raise _unknown(thread_id)
    return thread


@router.get("/threads/{thread_id}/history", responses=documented(404, 422))
async def thread_history(
    thread_id: ThreadId,
    context: Context,
    caller: Reads,
    limit: Annotated[int, Query(ge=1, le=100, description="The newest so many runs.")] = 20,
) -> History:
    """Return the runs of a thread with their results, the oldest first."""
    thread = await read_thread(thread_id, context, caller)
    runs = await context.ledger.runs(caller.owner, thread_id=thread_id, limit=limit)
    views = [RunView.of(run, await context.ledger.result(run.run_id) if run.ended else None) for run in runs]
    return History(thread=thread, runs=views[::-1])


@router.delete("/threads/{thread_id}", status_code=204, responses=documented(404, 409, 422, 503))
async def delete_thread(thread_id: ThreadId, context: Context, caller: Asks) -> Response:
    """Forget a thread with its runs and all that they found; not while one of its runs is open."""
    if not context.engine.ready.is_set():
        raise VidenceError(
            "unavailable", "The server is still starting", help="Try again soon.", retryable=True
        )
    gone = await context.ledger.delete_thread(caller.owner, thread_id)
    if gone is None:
        raise _unknown(thread_id)
    await context.engine.forget(*gone)
    return Response(status_code=204)


def _unknown(thread_id: str) -> VidenceError:
    return not_found(f"No thread `{thread_id}`", help="Check the id; threads of others are not shown.")
