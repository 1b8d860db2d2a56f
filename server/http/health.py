"""Whether the server lives, and whether it can take questions."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from server.http.deps import Context

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether runs start at once. What comes before is accepted and kept, and starts later."""

    status: Literal["ready", "starting", "draining", "failed"]
    active_runs: int
    detail: str = ""


@router.get("/health")
async def health() -> Health:
    """Say that the process answers."""
    return Health()


@router.get("/ready", responses={503: {"model": Readiness, "description": "Not now."}})
async def ready(context: Context, response: Response) -> Readiness:
    """Say whether runs start at once; 503 while starting, draining, or after a failed start."""
    engine, manager = context.engine, context.manager
    found = Readiness(status="ready", active_runs=manager.active)
    if manager.draining:
        found.status = "draining"
    elif engine.failure is not None:
        found.status, found.detail = "failed", engine.failure.message
    elif not engine.ready.is_set():
        found.status = "starting"
    if found.status != "ready":
        response.status_code = 503
        response.headers["Retry-After"] = "2"
    return found
