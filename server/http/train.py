"""Training over HTTP: recipes of the server as jobs, with status, log and cancel."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from core.errors import not_found
from server.context import ServerContext
from server.http.bodies import Body
from server.http.deps import Context, Trains
from server.http.jobs import (
    After,
    JobId,
    JobList,
    JobLog,
    Paged,
    begin,
    listed,
    log_of,
    new_job_id,
    own_job,
    stopped,
)
from server.http.problem import documented
from server.jobs.records import Job

router = APIRouter(prefix="/train", tags=["train"])

RecipeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.]{0,199}$")]
Value = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\r\n]*$")]


class TrainRequest(Body):
    """A recipe of the server, and what to change in it."""

    recipe: RecipeName = Field(
        description="A file of the folder that `server_recipes` names, without `.yaml`."
    )
    set: dict[Key, Value] = Field(default_factory=dict, max_length=50, examples=[{"optim.batch": "4"}])
    max_seconds: float = Field(3600.0, ge=1, le=30 * 86_400)
    dry_run: bool = Field(False, description="Only check the recipe and its data.")


@router.post("/jobs", status_code=202, responses=documented(404, 413, 422))
async def create(body: TrainRequest, context: Context, caller: Trains) -> Job:
    """Queue a training run; it is named after the job and lies under finetune/runs of the data folder."""
    job_id = new_job_id()
    path = await asyncio.to_thread(_recipe, context, body.recipe)
    changes = [part for key, value in body.set.items() for part in ("--set", f"{key}={value}")]
    checked = ("--dry-run",) if body.dry_run else ()
    command = ("finetune", "train", path, "--run", job_id, "--max-seconds", str(body.max_seconds))
    return await begin(context, caller, "train", body.model_dump(), (*command, *changes, *checked), job_id)


@router.get("/jobs", responses=documented(422))
async def list_jobs(context: Context, caller: Trains, page: Paged) -> JobList:
    """List the caller's training jobs, the newest first."""
    return await listed(context, caller, "train", page)


@router.get("/jobs/{job_id}", responses=documented(404, 422))
async def read(job_id: JobId, context: Context, caller: Trains) -> Job:
    """Return how a training job stands."""
    return await own_job(context, caller, job_id, "train")


@router.get("/jobs/{job_id}/log", responses=documented(404, 422))
async def read_log(job_id: JobId, context: Context, caller: Trains, after: After = 0) -> JobLog:
    """Return what a training job printed."""
    return await log_of(context, await own_job(context, caller, job_id, "train"), after)


@router.post("/jobs/{job_id}/cancel", status_code=202, responses=documented(404, 422))
async def cancel(job_id: JobId, context: Context, caller: Trains) -> Job:
    """Stop a training job; its last checkpoint stays."""
    return await stopped(context, caller, await own_job(context, caller, job_id, "train"))


def _recipe(context: ServerContext, name: str) -> str:
    folder = context.settings.server_recipes
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in folder.glob("*.yaml"))) or "none"
        raise not_found(f"No recipe `{name}`", help=f"Known: {known}. Set VIDENCE_SERVER_RECIPES.")
    return str(path.absolute())
