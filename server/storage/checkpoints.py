"""Checkpoints of many runs at once: LangGraph's SQLite saver, with writes that share commits.

LangGraph's saver makes every write four calls to its one thread, and commits each alone: runs side by side
wait for each other there. Here a write is one piece of work for a writer that commits what waits together; it
is done or not done as a whole, also when its caller is cancelled, and is refused when its run has lost its
lease (`fence.py`). The tables, and all that is rare, are the saver's own.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from server.runs.records import Run
from server.storage import fence
from server.storage.database import Database
from server.storage.sql import Connection
from server.telemetry.scope import RUN

_PUT = (
    "INSERT OR REPLACE INTO checkpoints"
    " (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_PUT_WRITES = (
    "INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class GroupedSaver(AsyncSqliteSaver):
    """Reads and writes checkpoints through a `Database`; what is rare goes through the saver's connection."""

    def __init__(self, connection: aiosqlite.Connection, database: Database) -> None:
        # Plain values only: nothing else may be loaded from a checkpoint.
        super().__init__(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        self._database = database

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the newest checkpoint of a thread, or the one that the config names."""

        def work(connection: Connection) -> CheckpointTuple | None:
            assert isinstance(connection, sqlite3.Connection)
            saver = SqliteSaver(connection, serde=self.serde)
            saver.is_setup = True  # this connection only reads
            return saver.get_tuple(config)

        return await self._database.read(work)

    async def take(self, run: Run) -> None:
        """Let this lease of the run alone write to its thread; raises `LeaseLost` when a newer one has it."""
        await self._database.write(lambda connection: fence.take(connection, run))

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete a thread; who still works for it can write nothing more."""
        await self._database.write(lambda connection: connection.execute(fence.DROP, (thread_id,)).rowcount)
        await super().adelete_thread(thread_id)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint."""
        known: dict[str, Any] = config["configurable"]
        place = {"thread_id": known["thread_id"], "checkpoint_ns": known["checkpoint_ns"]}
        row = (
            *map(str, place.values()),
            checkpoint["id"],
            known.get("checkpoint_id"),
            *self.serde.dumps_typed(checkpoint),
            json.dumps(get_checkpoint_metadata(config, metadata)).encode(),
        )
        await self._keep(_PUT, [row])
        return {"configurable": {**place, "checkpoint_id": checkpoint["id"]}}

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a task of a step wrote before the step's checkpoint."""
        known: dict[str, Any] = config["configurable"]
        place = [str(known[name]) for name in ("thread_id", "checkpoint_ns", "checkpoint_id")]
        rows = [
            (*place, task_id, task_path, WRITES_IDX_MAP.get(name, at), name, *self.serde.dumps_typed(value))
            for at, (name, value) in enumerate(writes)
        ]
        # Errors and interrupts of a task replace older ones; what it wrote stands as it was first written.
        special = all(channel in WRITES_IDX_MAP for channel, _ in writes)
        statement = f"INSERT OR {'REPLACE' if special else 'IGNORE'} {_PUT_WRITES}"
        await self._keep(statement, rows)

    async def _keep(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write for the run of the current task; raises `LeaseLost` when it has lost its lease."""
        run = RUN.get()

        def work(connection: Connection) -> None:
            fence.check(connection, run)
            connection.executemany(statement, rows)

        await self._database.write(work)


@asynccontextmanager
async def open_saver(path: Path) -> AsyncIterator[GroupedSaver]:
    """Open the checkpoints of a data folder.

    Commits survive a killed process. After a power cut a run may go on from an earlier checkpoint; the
    journal, which waits for the disk, still keeps its calls from being repeated.
    """
    database = Database(path, (fence.TABLE,), synchronous="NORMAL")
    await database.open()
    try:
        async with aiosqlite.connect(path, timeout=30.0) as connection:
            saver = GroupedSaver(connection, database)
            await saver.setup()
            yield saver
    finally:
        await database.close()
