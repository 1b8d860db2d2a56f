"""A run as one answer: for routes that begin it and wait for its end."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request

from core.contracts import RunResult
from core.errors import VidenceError
from server.context import ServerContext
from server.http.bodies import ImageSource
from server.http.caller import Caller
from server.http.pictures import stored_all
from server.runs.records import Failure, Run, RunSpec

LOOK_S = 2.0
"""How often a waiting request looks whether its client is still there."""


class ClientGone(Exception):  # noqa: N818 - it is what happened, not a fault
    """The client left before the answer; nobody reads what the route returns."""


async def answer(
    context: ServerContext,
    caller: Caller,
    request: Request,
    spec: RunSpec,
    *,
    images: Sequence[ImageSource] = (),
    thread_id: str = "",
) -> RunResult:
    """Begin a run and return its result; a client that leaves cancels it.

    Raises:
        VidenceError: What the run failed with; `blocked` (409) when somebody cancelled it.
    """
    context.manager.check_accepting()
    kept = await stored_all(context, caller.owner, images)
    spec = spec.model_copy(update={"images": kept, "on_disconnect": "cancel"})
    run = await context.manager.submit(caller.owner, thread_id, spec)
    return await result_of(context, await wait_for_end(context, run, request))


async def wait_for_end(context: ServerContext, run: Run, request: Request) -> Run:
    """Return a run once it ended or waits for a reply; raises `ClientGone` when its client left."""
    while not (run.ended or run.status == "input_required"):
        run = await context.manager.wait(run.owner, run.run_id, LOOK_S)
        if await request.is_disconnected():
            context.manager.client_left(run)
            raise ClientGone
    return run


async def result_of(context: ServerContext, run: Run) -> RunResult:
    """Return the result of a run that ended, or its question."""
    if run.error is not None:
        raise error_of(run.error)
    if run.status == "cancelled":
        raise VidenceError("blocked", "The run was cancelled", help="Ask again.", retryable=True)
    body = await context.ledger.result(run.run_id) if run.ended else None
    if body is not None:
        return RunResult.model_validate_json(body)
    return RunResult(
        run_id=run.run_id,
        thread_id=run.thread_id,
        status="input_required",
        question=run.spec.question,
        profile=run.spec.profile or "general",
        input_required=run.waiting.asked if run.waiting else None,
    )


def error_of(failure: Failure) -> VidenceError:
    """Return what a failed run is raised as."""
    return VidenceError(failure.kind, failure.message, help=failure.help, retryable=failure.retryable)
