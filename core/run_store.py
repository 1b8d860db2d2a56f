"""The run store: evidence, the tool-call journal and finished results, by run.

State holds ids and snippets only; content lives here. A journalled call never runs twice: its key is
(run, sub-question, tool, hash of arguments) and its result is written before it is returned.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from core.contracts import Evidence, ToolResult
from core.sqlite_file import select_in

_SCHEMA = """
CREATE TABLE IF NOT EXISTS evidence (
    run_id TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (run_id, id));
CREATE TABLE IF NOT EXISTS journal (
    run_id TEXT NOT NULL, key TEXT NOT NULL, tool TEXT NOT NULL, body TEXT NOT NULL,
    at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (run_id, key));
CREATE TABLE IF NOT EXISTS runs (
    run_id TEXT PRIMARY KEY, thread_id TEXT NOT NULL, body TEXT NOT NULL,
    at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE INDEX IF NOT EXISTS runs_by_thread ON runs (thread_id);
"""


RECENT_CALLS = 64
RECENT_RUNS = 256
LOCK_WAIT_S = 30.0
"""How long a write waits while another process writes to the file."""


def journal_key(subquestion_id: str, tool: str, args: dict[str, Any]) -> str:
    """Return the journal key of a call within its run."""
    body = json.dumps([subquestion_id, tool, args], sort_keys=True, default=str)
    return hashlib.sha256(body.encode()).hexdigest()


class RunStore(Protocol):
    """What the graph needs of a store; both implementations below keep the same promises."""

    def begin(self, run_id: str) -> None:
        """Say that a run starts now, in this process: nothing of it can be in the journal yet."""
        ...

    async def put_evidence(self, run_id: str, items: Iterable[Evidence]) -> None:
        """Keep evidence under its run; the same id twice changes nothing."""
        ...

    async def get_evidence(self, run_id: str, ids: Sequence[str]) -> list[Evidence]:
        """Return the evidence with these ids in their order; unknown ids are left out."""
        ...

    async def journal_get(self, run_id: str, key: str) -> ToolResult | None:
        """Return the result of a call that already ran, or None."""
        ...

    async def journal_put(self, run_id: str, key: str, tool: str, result: ToolResult) -> None:
        """Write a call's result (and its evidence) in one transaction."""
        ...

    async def put_result(self, run_id: str, thread_id: str, body: str) -> None:
        """Keep the finished result of a run as JSON."""
        ...

    def forget(self, run_id: str) -> None:
        """Drop all that is kept of a run. Blocking."""
        ...


class MemoryRunStore:
    """A store for one process, for runs without a checkpointer and for tests."""

    def __init__(self) -> None:
        self._evidence: dict[str, dict[str, Evidence]] = {}
        self._journal: dict[tuple[str, str], ToolResult] = {}
        self.results: dict[str, str] = {}

    def begin(self, run_id: str) -> None:
        """Do nothing: a look into memory costs nothing."""

    async def put_evidence(self, run_id: str, items: Iterable[Evidence]) -> None:
        """Keep evidence under its run."""
        known = self._evidence.setdefault(run_id, {})
        for item in items:
            known.setdefault(item.id, item)

    async def get_evidence(self, run_id: str, ids: Sequence[str]) -> list[Evidence]:
        """Return known evidence in the order of `ids`."""
        known = self._evidence.get(run_id, {})
        return [known[id_] for id_ in ids if id_ in known]

    async def journal_get(self, run_id: str, key: str) -> ToolResult | None:
        """Return a journalled result or None."""
        return self._journal.get((run_id, key))

    async def journal_put(self, run_id: str, key: str, tool: str, result: ToolResult) -> None:
        """Keep a result and its evidence."""
        await self.put_evidence(run_id, result.evidence)
        self._journal.setdefault((run_id, key), result)

    async def put_result(self, run_id: str, thread_id: str, body: str) -> None:
        """Keep a finished result."""
        self.results[run_id] = body

    def forget(self, run_id: str) -> None:
        """Drop all that is kept of a run."""
        self.results.pop(run_id, None)
        self._evidence.pop(run_id, None)
        for key in [key for key in self._journal if key[0] == run_id]:
            del self._journal[key]


class SqliteRunStore:
    """A store in one SQLite file (WAL), shared by processes; calls run in a thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        # What this process wrote last: nodes read it back several times a run, and it never changes.
        self._recent: OrderedDict[tuple[str, str], ToolResult] = OrderedDict()
        # Journal keys of the runs that began here: what is not among them was never journalled.
        self._begun: OrderedDict[str, set[str]] = OrderedDict()

    def begin(self, run_id: str) -> None:
        """Remember that a run started in this process, so that its first calls need no look-up."""
        self._begun[run_id] = set()
        while len(self._begun) > RECENT_RUNS:
            self._begun.popitem(last=False)

    def close(self) -> None:
        """Close the file; the store opens it again when next used."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    async def put_evidence(self, run_id: str, items: Iterable[Evidence]) -> None:
        """Keep evidence under its run."""
        await asyncio.to_thread(self._write, _evidence_rows(run_id, items), ())

    async def get_evidence(self, run_id: str, ids: Sequence[str]) -> list[Evidence]:
        """Return known evidence in the order of `ids`."""
        recent = {
            item.id: item
            for (run, _), result in self._recent.items()
            if run == run_id
            for item in result.evidence
        }
        if all(id_ in recent for id_ in ids):
            return [recent[id_] for id_ in ids]
        rows = await asyncio.to_thread(self._read_evidence, run_id, tuple(ids))
        return [Evidence.model_validate_json(rows[id_]) for id_ in ids if id_ in rows]

    async def journal_get(self, run_id: str, key: str) -> ToolResult | None:
        """Return a journalled result or None."""
        if (run_id, key) in self._recent:
            return self._recent[run_id, key]
        if key not in self._begun.get(run_id, {key}):
            return None
        row = await asyncio.to_thread(
            self._one, "SELECT body FROM journal WHERE run_id = ? AND key = ?", (run_id, key)
        )
        return None if row is None else ToolResult.model_validate_json(row)

    async def journal_put(self, run_id: str, key: str, tool: str, result: ToolResult) -> None:
        """Write a result and its evidence in one transaction."""
        statement = "INSERT OR IGNORE INTO journal (run_id, key, tool, body) VALUES (?, ?, ?, ?)"
        row = (run_id, key, tool, result.model_dump_json())
        await asyncio.to_thread(self._write, _evidence_rows(run_id, result.evidence), ((statement, row),))
        self._begun.get(run_id, set()).add(key)
        self._recent.setdefault((run_id, key), result)
        while len(self._recent) > RECENT_CALLS:
            self._recent.popitem(last=False)

    async def put_result(self, run_id: str, thread_id: str, body: str) -> None:
        """Keep a finished result."""
        await asyncio.to_thread(self._write_result, run_id, thread_id, body)

    def forget(self, run_id: str) -> None:
        """Drop all that is kept of a run. Blocking."""
        with self._lock:
            connection = self._open()
            with connection:
                for table in ("journal", "evidence", "runs"):
                    connection.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))
        self._begun.pop(run_id, None)
        for key in [key for key in list(self._recent) if key[0] == run_id]:
            self._recent.pop(key, None)

    def journalled_calls(self, run_id: str) -> list[str]:
        """Return the tools journalled for a run, in order (for reports and tests)."""
        with self._lock:
            rows = self._open().execute("SELECT tool FROM journal WHERE run_id = ? ORDER BY rowid", (run_id,))
            return [row[0] for row in rows]

    def result(self, run_id: str) -> str | None:
        """Return a finished result as JSON, or None."""
        return self._one("SELECT body FROM runs WHERE run_id = ?", (run_id,))

    def finished(self, *, after: int = 0, limit: int = 1_000) -> list[tuple[int, str, str]]:
        """Return results as `(place, run id, JSON)`, the oldest first; `after` is the last place read."""
        with self._lock:
            return (
                self._open()
                .execute(
                    "SELECT rowid, run_id, body FROM runs WHERE rowid > ? ORDER BY rowid LIMIT ?",
                    (after, limit),
                )
                .fetchall()
            )

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self._path, check_same_thread=False, timeout=LOCK_WAIT_S)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(_SCHEMA)
        return self._connection

    def _one(self, statement: str, values: tuple[str, ...]) -> str | None:
        with self._lock:
            row = self._open().execute(statement, values).fetchone()
        return None if row is None else str(row[0])

    def _read_evidence(self, run_id: str, ids: tuple[str, ...]) -> dict[str, str]:
        statement = "SELECT id, body FROM evidence WHERE run_id = ? AND id IN"
        with self._lock:
            return dict(select_in(self._open(), statement, ids, run_id))

    def _write(
        self,
        evidence: list[tuple[str, str, str]],
        statements: Sequence[tuple[str, tuple[str, ...]]],
    ) -> None:
        with self._lock:
            connection = self._open()
            with connection:
                connection.executemany(
                    "INSERT OR IGNORE INTO evidence (run_id, id, body) VALUES (?, ?, ?)", evidence
                )
                for statement, values in statements:
                    connection.execute(statement, values)

    def _write_result(self, run_id: str, thread_id: str, body: str) -> None:
        """Write without waiting for the disk.

        A killed process loses nothing; after a power cut the result is built again from the run's last
        checkpoint and the journal.
        """
        with self._lock:
            connection = self._open()
            connection.execute("PRAGMA synchronous=NORMAL")
            with connection:
                connection.execute(
                    "INSERT OR REPLACE INTO runs (run_id, thread_id, body) VALUES (?, ?, ?)",
                    (run_id, thread_id, body),
                )
            connection.execute("PRAGMA synchronous=FULL")


def _evidence_rows(run_id: str, items: Iterable[Evidence]) -> list[tuple[str, str, str]]:
    return [(run_id, item.id, item.model_dump_json()) for item in items]
