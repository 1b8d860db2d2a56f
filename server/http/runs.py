"""Runs: start, list, read, wait for, stream, cancel, resume."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response

from server.context import ServerContext
from server.http.bodies import ResumeRequest, RunList, RunRequest, RunView, ThreadId
from server.http.caller import Caller
from server.http.deps import Asks, Context, Reads
from server.http.pictures import stored_all
from server.http.problem import documented
from server.runs.manager import unknown_run
from server.runs.records import Run, RunSpec, Status
from server.stream.sse import open_stream, position

router = APIRouter(tags=["runs"])

MAX_WAIT_S = 300.0
CANCEL_S = 1.0
"""How long a request to cancel waits for the run's end, to tell of it."""
LOOK_S = 0.02
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The run's events; their schema is at /v1/events/schema.",
        "content": {"text/event-stream": {"schema": {}}},
    }
}
Seconds = Annotated[float, Query(ge=0, le=MAX_WAIT_S, description="Wait this long for the run to end.")]


@router.post(
    "/chat",
    response_class=Response,
    responses={**_STREAM, **documented(403, 404, 409, 413, 422, 429, 503, 504)},
)
async def chat(body: RunRequest, context: Context, caller: Asks) -> Response:
    """Start a run and stream it; a lost stream leaves it running, unless `on_disconnect` is `cancel`."""
    run = await _submit(body, context, caller)

    def gone() -> None:
        context.manager.client_left(run)

    return await open_stream(run, 0, context.log, context.streams, gone)


@router.post("/runs", status_code=202, responses=documented(403, 404, 409, 413, 422, 429, 503, 504))
async def create_run(body: RunRequest, context: Context, caller: Asks, response: Response) -> RunView:
    """Start a run; it is on disk when this answers. Read it at its `Location`."""
    run = await _submit(body, context, caller)
    response.headers["Location"] = f"/v1/runs/{run.run_id}"
    return RunView.of(run)


@router.get("/runs", responses=documented(422))
async def list_runs(
    context: Context,
    caller: Reads,
    thread_id: ThreadId | None = None,
    status: Status | None = None,
    before: Annotated[int, Query(ge=0, le=2**62, description="The `next` of the page before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> RunList:
    """List the caller's runs, the newest first, without their results."""
    runs = await context.ledger.runs(
        caller.owner, thread_id=thread_id or "", status=status, before=before, limit=limit
    )
    return RunList(
        runs=[RunView.of(run) for run in runs], next=runs[-1].place if len(runs) == limit else None
    )


@router.get("/runs/{run_id}", responses=documented(404, 422))
async def read_run(run_id: str, context: Context, caller: Reads, wait: Seconds = 0.0) -> RunView:
    """Return a run, with its result once it ended; `wait` waits for its end, or for its question."""
    return await _view(context, await context.manager.wait(caller.owner, run_id, wait))


@router.get("/runs/{run_id}/wait", responses=documented(404, 422))
async def wait_for_run(run_id: str, context: Context, caller: Reads, seconds: Seconds = 60.0) -> RunView:
    """Return a run when it ended or waits for a reply, or as it is after some seconds."""
    return await _view(context, await context.manager.wait(caller.owner, run_id, seconds))


@router.get(
    "/runs/{run_id}/events",
    response_class=Response,
    responses={**_STREAM, 204: {"description": "Nothing is left to send."}, **documented(404, 422, 503)},
)
async def stream_run(
    run_id: str,
    context: Context,
    caller: Reads,
    after: Annotated[int | None, Query(ge=0, le=2**62, description="The id of the last event seen.")] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Stream a run's events, from the first or after the last one seen; any number of readers may."""
    run = await _own(context, caller, run_id)
    return await open_stream(run, position(last_event_id, after), context.log, context.streams)


@router.post("/runs/{run_id}/cancel", status_code=202, responses=documented(404, 422))
async def cancel_run(run_id: str, context: Context, caller: Asks) -> RunView:
    """Stop a run; a second time, or after its end, changes nothing."""
    run = await context.manager.cancel(caller.owner, run_id)
    deadline = time.monotonic() + CANCEL_S
    while not run.ended and (left := deadline - time.monotonic()) > 0:
        run = await context.manager.wait(caller.owner, run_id, left)
        if run.status == "input_required":  # for such a run nothing is waited for
            await asyncio.sleep(LOOK_S)
    return await _view(context, run)


@router.post("/runs/{run_id}/resume", status_code=202, responses=documented(404, 409, 413, 422))
async def resume_run(run_id: str, body: ResumeRequest, context: Context, caller: Asks) -> RunView:
    """Answer the question that a run waits for; its events go on in the same stream."""
    return RunView.of(await context.manager.resume(caller.owner, run_id, body.reply))


async def _submit(body: RunRequest, context: ServerContext, caller: Caller) -> Run:
    context.manager.check_accepting()
    spec = RunSpec(
        question=body.question,
        images=await stored_all(context, caller.owner, body.images),
        profile=body.profile,
        collections=tuple(body.collections),
        declared=tuple(body.declared),
        on_disconnect=body.on_disconnect,
        multitask=body.multitask,
        cache=body.cache,
    )
    return await context.manager.submit(caller.owner, body.thread_id or "", spec)


async def _own(context: ServerContext, caller: Caller, run_id: str) -> Run:
    run = await context.ledger.get(run_id, caller.owner)
    if run is None:
        raise unknown_run(run_id)
    return run


async def _view(context: ServerContext, run: Run) -> RunView:
    return RunView.of(run, await context.ledger.result(run.run_id) if run.ended else None)
