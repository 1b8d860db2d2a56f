"""Whether the server lives, and whether it can take questions."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from core.errors import VidenceError
from server.context import ServerContext
from server.http.deps import Context

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether runs start at once. What comes before is accepted and kept, and starts later."""

    status: Literal["ready", "starting", "draining", "failed", "away"]
    active_runs: int
    detail: str = ""


@router.head("/health", include_in_schema=False)
@router.get("/health")
async def health() -> Health:
    """Say that the process answers."""
    return Health()


@router.head("/ready", include_in_schema=False)
@router.get("/ready", responses={503: {"model": Readiness, "description": "Not now."}})
async def ready(context: Context, response: Response) -> Readiness:
    """Say whether runs start at once; 503 while starting or draining, and when they cannot."""
    engine, manager, away = context.engine, context.manager, _away(context)
    found = Readiness(status="ready", active_runs=manager.active)
    if manager.draining:
        found.status = "draining"
    elif engine.failure is not None:
        found.status, found.detail = "failed", engine.failure.message
    elif not engine.ready.is_set():
        found.status = "starting"
    elif away:
        found.status, found.detail = "away", away
    if found.status != "ready":
        response.status_code = 503
        response.headers["Retry-After"] = "2"
    return found


def _away(context: ServerContext) -> str:
    """Return which store does not answer, or nothing."""
    try:
        context.ledger.check()
        context.log.check()
    except VidenceError as error:
        return error.message
    return ""
