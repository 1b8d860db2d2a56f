"""Rows of the table of runs, to and from records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from server.clock import iso_now
from server.runs.records import Failure, Lease, NewRun, Reply, Run, RunSpec, Waiting
from server.storage.sql import Connection

COLUMNS = (
    "r.place, r.run_id, r.owner, r.thread_id, r.thread_key, r.status, r.spec, r.created_at, r.started_at,"
    " r.finished_at, r.epoch, r.attempts, r.progress, r.cancel_requested, r.waiting, r.reply, r.error"
)


def run_of(row: Any) -> Run:
    """Return the record of a row with `COLUMNS`."""
    return Run(
        run_id=row["run_id"],
        owner=row["owner"],
        thread_id=row["thread_id"],
        thread_key=row["thread_key"],
        status=row["status"],
        spec=RunSpec.model_validate_json(row["spec"]),
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        epoch=row["epoch"],
        attempts=row["attempts"],
        progress=row["progress"],
        cancel_requested=bool(row["cancel_requested"]),
        waiting=Waiting.model_validate_json(row["waiting"]) if row["waiting"] else None,
        reply=Reply.model_validate_json(row["reply"]) if row["reply"] else None,
        error=Failure.model_validate_json(row["error"]) if row["error"] else None,
        place=row["place"],
    )


def insert_run(
    to: Connection, new: NewRun, thread_key: str, created_at: str, lease: Lease | None, now: float
) -> Run:
    """Insert a run: running under the lease, or queued without one; `now` is the database's time."""
    held = lease is not None
    until = now + lease.seconds if lease else 0.0
    run = Run(
        run_id=new.run_id,
        owner=new.owner,
        thread_id=new.thread_id,
        thread_key=thread_key,
        status="running" if held else "queued",
        spec=new.spec,
        created_at=created_at,
        started_at=iso_now() if held else "",
        epoch=int(held),
        attempts=int(held),
    )
    row = to.execute(
        "INSERT INTO runs (run_id, owner, thread_id, thread_key, status, spec, created_at, started_at,"
        " worker, lease_until, epoch, attempts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING place",
        (
            *(run.run_id, run.owner, run.thread_id, thread_key, run.status, run.spec.model_dump_json()),
            *(run.created_at, run.started_at, lease.worker if lease else "", until, run.epoch, run.attempts),
        ),
    ).fetchone()
    return replace(run, place=row["place"])
