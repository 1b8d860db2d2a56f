"""Evaluations over HTTP: suites as jobs, their figures, comparisons, data sets of rated answers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints

from core.errors import VidenceError, invalid_input
from server.context import ServerContext
from server.http.bodies import Body
from server.http.deps import Context, Evaluates
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

router = APIRouter(prefix="/eval", tags=["eval"])

SuiteName = Annotated[str, StringConstraints(pattern=r"^[a-z][A-Za-z0-9_:@.-]{0,120}$")]
SetName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class EvalRequest(Body):
    """Suites to run: names, families, `all`, or `dataset:NAME`."""

    suites: list[SuiteName] = Field(min_length=1, max_length=100)
    limit: int | None = Field(None, ge=1, description="At most so many samples a suite.")
    epochs: int = Field(1, ge=1, le=100)
    seed: int = Field(0, ge=0, le=2**31)


class EvalResults(BaseModel):
    """A run of suites: how the job stands, and the figures with their intervals once it is done."""

    job: Job
    samples: int = Field(0, description="Finished samples so far.")
    summary: dict[str, Any] | None = None


class CompareRequest(Body):
    """Two evaluations by the ids of their jobs."""

    base: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    new: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class DatasetRequest(Body):
    """A data set to be made of rated answers."""

    name: SetName
    since: Annotated[str, StringConstraints(pattern=r"^$|^\d{1,4}d$|^\d{4}-\d\d-\d\d[T0-9:.+Z-]{0,30}$")] = ""
    min_agreement: float = Field(0.6, ge=0, le=1)
    share: float = Field(1.0, ge=0.001, le=1)


class DatasetList(BaseModel):
    """The data sets there are, every version."""

    datasets: list[dict[str, Any]]


@router.post("/run", status_code=202, responses=documented(404, 413, 422))
async def run(body: EvalRequest, context: Context, caller: Evaluates) -> Job:
    """Begin an evaluation; it goes on where it was after a crash, and no finished sample runs twice."""
    await asyncio.to_thread(_check, context, body.suites)
    job_id = new_job_id()
    limit = ("--limit", str(body.limit)) if body.limit else ()
    options = ("--epochs", str(body.epochs), "--seed", str(body.seed), *limit)
    output = str(await asyncio.to_thread(_run_path(context, job_id).absolute))
    command = ("eval", "run", *body.suites, *options, "-o", output)
    return await begin(context, caller, "eval", body.model_dump(), command, job_id)


@router.get("/run", responses=documented(422))
async def list_runs(context: Context, caller: Evaluates, page: Paged) -> JobList:
    """List the caller's evaluations, the newest first."""
    return await listed(context, caller, "eval", page)


@router.get("/results/{job_id}", responses=documented(404, 422))
async def results(job_id: JobId, context: Context, caller: Evaluates) -> EvalResults:
    """Return how an evaluation stands, and its figures."""
    job = await own_job(context, caller, job_id, "eval")
    return await asyncio.to_thread(_results, job, _run_path(context, job_id))


@router.get("/results/{job_id}/log", responses=documented(404, 422))
async def read_log(job_id: JobId, context: Context, caller: Evaluates, after: After = 0) -> JobLog:
    """Return what an evaluation printed."""
    return await log_of(context, await own_job(context, caller, job_id, "eval"), after)


@router.post("/results/{job_id}/cancel", status_code=202, responses=documented(404, 422))
async def cancel(job_id: JobId, context: Context, caller: Evaluates) -> Job:
    """Stop an evaluation; what is finished stays in its file."""
    return await stopped(context, caller, await own_job(context, caller, job_id, "eval"))


@router.post("/compare", responses=documented(404, 409, 413, 422))
async def compare(body: CompareRequest, context: Context, caller: Evaluates) -> dict[str, Any]:
    """Compare two evaluations on the samples that both have, as `vidence eval compare --json` does."""
    for job_id in (body.base, body.new):
        job = await own_job(context, caller, job_id, "eval")
        if job.status != "done":
            if job.status in ("queued", "running"):
                raise VidenceError(
                    "blocked",
                    f"Evaluation {job_id} is {job.status}",
                    help="Wait for its end.",
                    retryable=True,
                )
            raise invalid_input(
                f"Evaluation {job_id} is {job.status}",
                help=f"See /v1/eval/results/{job_id}/log, and run it again.",
            )

    def work() -> dict[str, Any]:
        from evals.compare.decide import compare_runs
        from evals.gate import GateConfig
        from evals.run.file import read_run

        base, new = (read_run(_run_path(context, job_id)) for job_id in (body.base, body.new))
        return compare_runs(base, new, GateConfig()).model_dump(mode="json")

    return await asyncio.to_thread(work)


@router.get("/datasets", responses=documented())
async def list_datasets(context: Context, caller: Evaluates) -> DatasetList:
    """List the data sets that were made of rated answers."""

    def work() -> list[dict[str, Any]]:
        from evals.production.record import summary_of
        from evals.production.store import all_sets

        return [summary_of(one.info) for one in all_sets(context.settings.root)]

    return DatasetList(datasets=await asyncio.to_thread(work))


@router.post("/datasets", status_code=202, responses=documented(413, 422))
async def create_dataset(body: DatasetRequest, context: Context, caller: Evaluates) -> Job:
    """Make a data set of rated answers; run it as the suite `dataset:NAME`."""
    since = ("--since", body.since) if body.since else ()
    rules = ("--min-agreement", str(body.min_agreement), "--share", str(body.share))
    command = ("eval", "dataset", "create", body.name, *since, *rules)
    return await begin(context, caller, "dataset", body.model_dump(), command)


@router.get("/datasets/jobs/{job_id}", responses=documented(404, 422))
async def dataset_job(job_id: JobId, context: Context, caller: Evaluates) -> Job:
    """Return how the making of a data set stands."""
    return await own_job(context, caller, job_id, "dataset")


def _run_path(context: ServerContext, job_id: str) -> Path:
    return context.settings.root / "evals" / "jobs" / f"{job_id}.jsonl"


def _check(context: ServerContext, names: list[str]) -> None:
    """Raise `not_found` for a suite or data set that is not there."""
    from evals.production.record import MARK
    from evals.production.store import find_set
    from evals.run.registry import suites

    sets = [name for name in names if name.startswith(MARK)]
    for name in sets:
        find_set(context.settings.root, name.removeprefix(MARK))
    if len(sets) < len(names):
        suites().pick([name for name in names if name not in sets])


def _begun(path: Path) -> bool:
    """Return whether a run file has its header: before that there is nothing to read."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.readline().endswith(b"\n")


def _results(job: Job, path: Path) -> EvalResults:
    from evals.run.file import read_run

    if not _begun(path):
        return EvalResults(job=job)
    found = read_run(path)
    summary = found.summary.model_dump(mode="json", exclude={"type"}) if found.summary else None
    return EvalResults(job=job, samples=len(found.records), summary=summary)
