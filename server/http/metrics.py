"""What the server measures: for Prometheus at `/metrics`, for people at `/v1/metrics`."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Request, Response, Security
from fastapi.security import SecurityScopes

from server.context import ServerContext
from server.http.deps import Context, Measures, get_caller
from server.http.problem import documented
from server.telemetry.metrics import CONTENT_TYPE
from server.telemetry.summary import Summary, summarize

router = APIRouter(tags=["metrics"])
exposition = APIRouter(tags=["metrics"])


async def may_scrape(request: Request, context: Context, scopes: SecurityScopes) -> None:
    """Let everybody scrape when the setting says so, else who has the permission `metrics`.

    An address says little: behind a proxy every request comes from this machine. Without keys the server
    answers this machine alone.
    """
    if not context.settings.server_metrics_public:
        await get_caller(request, context, scopes)


@exposition.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus' text format.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **documented(),
    },
)
async def scrape(
    context: Context, allowed: Annotated[None, Security(may_scrape, scopes=["metrics"])]
) -> Response:
    """Return every metric of this process."""
    await refresh(context)
    # In a thread: it also reads what the system says of the process.
    text = await asyncio.to_thread(context.telemetry.metrics.exposition)
    return Response(text, media_type=CONTENT_TYPE)


@router.get("/metrics", responses=documented())
async def read_metrics(context: Context, caller: Measures) -> Summary:
    """Return a summary of the same metrics, since this process began."""
    await refresh(context)
    return await asyncio.to_thread(summarize, context.telemetry.metrics)


async def refresh(context: ServerContext) -> None:
    """Look at what is a state and not a count."""
    metrics = context.telemetry.metrics
    metrics.runs_active.set(context.manager.active)
    for status, count in (await context.ledger.count_open()).items():
        metrics.runs_open.labels(status).set(count)
    for status, count in (await context.jobs.count_open()).items():
        metrics.jobs_open.labels(status).set(count)
