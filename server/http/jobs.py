"""What the routes of jobs share."""

from __future__ import annotations

import asyncio
import codecs
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Query
from fastapi import Path as InPath
from pydantic import BaseModel, Field

from core.errors import VidenceError, not_found
from server.context import ServerContext
from server.http.caller import Caller
from server.jobs.records import Job, JobKind

JobId = Annotated[str, InPath(pattern=r"^[0-9a-f]{32}$")]
After = Annotated[int, Query(ge=0, le=2**62)]
LOG_PAGE = 65_536


class JobList(BaseModel):
    """Jobs, the newest first; `next` is the `before` of the following page."""

    jobs: list[Job]
    next: int | None = None


class JobLog(BaseModel):
    """A piece of a job's output; `next` is the `after` of the following piece."""

    text: str
    next: int = Field(description="Bytes so far.")


@dataclass(frozen=True)
class Page:
    """Which part of a list is asked for."""

    before: Annotated[int, Query(ge=0, le=2**62)] = 0
    limit: Annotated[int, Query(ge=1, le=200)] = 50


Paged = Annotated[Page, Depends()]


def new_job_id() -> str:
    """Return a name for a job."""
    return uuid.uuid4().hex


async def begin(
    context: ServerContext,
    caller: Caller,
    kind: JobKind,
    request: dict[str, Any],
    command: tuple[str, ...],
    job_id: str = "",
) -> Job:
    """Queue a job and note it in the audit log."""
    job = await context.jobs.create(job_id or new_job_id(), caller.owner, kind, request, command)
    await context.audit.append(caller.actor, f"{kind}.started", job.job_id, **request)
    context.runner.kick()
    return job


async def listed(context: ServerContext, caller: Caller, kind: JobKind, page: Page) -> JobList:
    """Return a page of the caller's jobs."""
    jobs = await context.jobs.list(caller.owner, kind, before=page.before, limit=page.limit)
    return JobList(jobs=jobs, next=jobs[-1].place if len(jobs) == page.limit else None)


async def own_job(context: ServerContext, caller: Caller, job_id: str, kind: JobKind) -> Job:
    """Return the caller's job of a kind; raises `not_found`."""
    job = await context.jobs.get(job_id, caller.owner)
    if job is None or job.kind != kind:
        raise not_found(f"No such job: {job_id}", help="Check the id; jobs of others are not shown.")
    return job


async def stopped(context: ServerContext, caller: Caller, job: Job) -> Job:
    """Ask for a job's end; again, or after it, changes nothing."""
    await context.jobs.cancel(job.job_id)
    context.runner.kick()
    await context.audit.append(caller.actor, f"{job.kind}.cancelled", job.job_id)
    return await own_job(context, caller, job.job_id, job.kind)


async def log_of(context: ServerContext, job: Job, after: int) -> JobLog:
    """Return what a job has printed after a place."""
    return await asyncio.to_thread(_page, context.runner.log_path(job.job_id), after)


def _page(path: Path, after: int) -> JobLog:
    if not path.is_file():
        return JobLog(text="", next=after)
    try:
        with path.open("rb") as file:
            file.seek(after)
            data = file.read(LOG_PAGE)
    except OSError as error:
        raise VidenceError("unavailable", f"The log cannot be read: {error.strerror}") from error
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(data)
    begun, _ = decoder.getstate()  # the next piece begins with that character
    return JobLog(text=text, next=after + len(data) - len(begun))
