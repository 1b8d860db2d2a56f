"""Events that Redis does not have yet, in the database: rows by run, told in their order, then dropped."""

from __future__ import annotations

import json
from collections.abc import Sequence

from server.clock import iso_now
from server.runs.records import LeaseLost, Run
from server.storage.sql import Connection, marks
from server.stream.events import LAST, Draft, encode
from server.stream.log import Line, Page

ROWS = 100
"""Rows, and runs with rows, that are told in one go."""


def lines_of(run: Run, drafts: Sequence[Draft]) -> tuple[Line, ...]:
    """Return drafts as JSON in two halves; the number goes between, where it is given."""
    now, lines = iso_now(), []
    for draft in drafts:
        head, mark, tail = encode(draft, run.run_id, run.thread_id, 0, now).partition('"seq":0')
        lines.append(Line(draft.type, draft.key, head + mark[:-1], tail))
    return tuple(lines)


def ends(lines: Sequence[Line]) -> bool:
    """Return whether nothing of the run follows these lines."""
    return any(line.type == LAST for line in lines)


def keep(to: Connection, run_id: str, lines: Sequence[Line]) -> int:
    """Keep events for later and return their row's place."""
    body = json.dumps([[line.type, line.key, line.head, line.tail] for line in lines])
    statement = "INSERT INTO owed (run_id, lines) VALUES (?, ?) RETURNING place"
    return int(to.execute(statement, (run_id, body)).fetchone()[0])


def keep_under_lease(to: Connection, run: Run, lines: Sequence[Line]) -> int:
    """Keep events for later; raises `LeaseLost` when another worker has the run."""
    row = to.execute("SELECT epoch FROM runs WHERE run_id = ?", (run.run_id,)).fetchone()
    if row is None or row[0] > run.epoch:
        raise LeaseLost(run.run_id)
    return keep(to, run.run_id, lines)


def rows_of(to: Connection, run_id: str) -> list[tuple[int, tuple[Line, ...]]]:
    """Return the rows of a run, the oldest first, each with its place."""
    rows = to.execute(
        "SELECT place, lines FROM owed WHERE run_id = ? ORDER BY place LIMIT ?", (run_id, ROWS)
    ).fetchall()
    return [(row["place"], tuple(Line(*item) for item in json.loads(row["lines"]))) for row in rows]


def runs(to: Connection) -> list[str]:
    """Return runs that have rows."""
    return [row[0] for row in to.execute("SELECT DISTINCT run_id FROM owed LIMIT ?", (ROWS,)).fetchall()]


def drop(to: Connection, run_id: str, places: Sequence[int], last: int) -> None:
    """Drop rows that were told; `last` is the last number of a run that ended, which Redis will forget."""
    if last:
        statement = "INSERT INTO streams VALUES (?, 0, ?, ?, 1) ON CONFLICT DO NOTHING"
        to.execute(statement, (run_id, last + 1, last))
    to.execute(f"DELETE FROM owed WHERE place IN ({marks(len(places))})", places)


def forgotten(to: Connection, run_id: str) -> Page:
    """Return what is left of a run that Redis has forgotten: its last number, for a `gap`."""
    row = to.execute("SELECT last_seq FROM streams WHERE run_id = ? AND closed = 1", (run_id,)).fetchone()
    return Page((), 1, 0, closed=False) if row is None else Page((), row[0] + 1, row[0], closed=True)
