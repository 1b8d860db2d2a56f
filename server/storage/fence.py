"""Which lease may write the checkpoints of a thread: the newest that took it, and no other.

A worker that slept through its lease, and wakes within a step, would write a checkpoint beside those of the
worker that went on. So a lease takes its thread before it reads where the run stands, and a checkpoint is
written only under the lease that has the thread, asked for within the write's transaction. The table lies
beside the checkpoints: in SQLite the ledger is another file, and no transaction spans both.
"""

from __future__ import annotations

from server.runs.records import LeaseLost, Run
from server.storage.sql import Connection

TABLE = """
CREATE TABLE IF NOT EXISTS fences (
    thread_key TEXT PRIMARY KEY, place INTEGER NOT NULL, epoch INTEGER NOT NULL);
"""
"""By thread the run (its place in the ledger) and the number of the lease that took it last."""

TAKE = (
    "INSERT INTO fences VALUES (?, ?, ?) ON CONFLICT (thread_key) DO UPDATE SET"
    " place = excluded.place, epoch = excluded.epoch"
    " WHERE (fences.place, fences.epoch) <= (excluded.place, excluded.epoch)"
)
HELD = "SELECT 1 FROM fences WHERE thread_key = ? AND place = ? AND epoch = ?"
DROP = "DELETE FROM fences WHERE thread_key = ?"


def values_of(run: Run) -> tuple[str, int, int]:
    """Return a run's lease for `TAKE` and `HELD`: a thread's runs go by place, a run's leases by number."""
    return run.thread_key, run.place, run.epoch


def take(to: Connection, run: Run) -> None:
    """Shut older leases of the thread out; raises `LeaseLost` when a newer one has it."""
    if not to.execute(TAKE, values_of(run)).rowcount:
        raise LeaseLost(run.run_id)


def check(to: Connection, run: Run | None) -> None:
    """Raise `LeaseLost` when another lease has taken the thread; who writes for no run is not asked."""
    if run is not None and to.execute(HELD, values_of(run)).fetchone() is None:
        raise LeaseLost(run.run_id)
