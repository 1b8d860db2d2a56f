"""Checkpoints in PostgreSQL: LangGraph's own saver over a pool, beside the server's tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from psycopg import AsyncConnection, AsyncCursor, InterfaceError, OperationalError
from psycopg.errors import DivisionByZero, PipelineAborted
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from server.runs.records import LeaseLost, Run
from server.storage import fence
from server.storage.postgres import CONNECT_S, LOCK, PATIENCE_S, SESSION, away, text_of, translated
from server.storage.schema import for_postgres
from server.telemetry.scope import RUN

POOL = 8
SETUP_LOCK = LOCK + 1
LOOK_S = 0.1

# Sent with the writes, in their transaction and without a wait of its own: its error undoes them. Whoever
# takes the thread meanwhile waits for the row, so that it reads what was written or shuts it out.
_HELD = translated(f"SELECT 1 / count(*) FROM ({fence.HELD} FOR SHARE) AS held")
_TAKE, _DROP = translated(fence.TAKE), translated(fence.DROP)


class FencedSaver(AsyncPostgresSaver):
    """LangGraph's saver, for state with any text in it; what a run writes without its lease is refused."""

    async def take(self, run: Run) -> None:
        """Let this lease of the run alone write to its thread; raises `LeaseLost` when a newer one has it."""
        async with self._cursor() as cursor:
            await cursor.execute(_TAKE, fence.values_of(run))
            if not cursor.rowcount:
                raise LeaseLost(run.run_id)

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete a thread; who still works for it can write nothing more."""
        async with self._cursor() as cursor:
            await cursor.execute(_DROP, (thread_id,))
        await super().adelete_thread(thread_id)

    @asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncIterator[AsyncCursor[DictRow]]:
        """Return LangGraph's cursor; what writes for a run (a pipeline) is asked for its lease first."""
        run = RUN.get() if pipeline else None
        try:
            async with super()._cursor(pipeline=pipeline) as cursor:
                if run is not None:
                    await cursor.execute(_HELD, fence.values_of(run))
                yield cursor
        except (DivisionByZero, PipelineAborted) as error:
            # What followed in the pipeline may have been heard of last.
            if run is not None and DivisionByZero in (type(error), type(error.__context__)):
                raise LeaseLost(run.run_id) from error
            raise
        except (OperationalError, InterfaceError) as error:
            raise away(error) from error

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint; LangGraph writes its short values as JSON, which has no zero character here."""
        values = {name: text_of(value) for name, value in checkpoint["channel_values"].items()}
        clean: Checkpoint = {**checkpoint, "channel_values": values}
        return await super().aput(config, clean, metadata, new_versions)


@asynccontextmanager
async def open_saver(url: str) -> AsyncIterator[FencedSaver]:
    """Open the checkpoints; LangGraph makes and migrates its tables."""
    pool: AsyncConnectionPool[AsyncConnection[dict[str, Any]]] = AsyncConnectionPool(
        url,
        min_size=1,
        max_size=POOL,
        open=False,
        configure=_configure,
        timeout=PATIENCE_S,
        reconnect_timeout=PATIENCE_S,  # it tries ever more seldom; who asks after that begins anew
        check=AsyncConnectionPool.check_connection,  # one that a restart of the server broke is replaced
        kwargs={
            "autocommit": True,
            "prepare_threshold": 0,
            "row_factory": dict_row,
            "connect_timeout": CONNECT_S,
            "application_name": "vidence checkpoints",
        },
    )
    async with pool:
        # Plain values only: nothing else may be loaded from a checkpoint.
        saver = FencedSaver(pool, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        # LangGraph's lock is for one connection; here runs wait for each other only when the pool is empty.
        saver.lock = asyncio.Semaphore(POOL)  # type: ignore[assignment]
        async with pool.connection() as connection:
            await _alone(connection)
            try:
                await saver.setup()
                await connection.execute(for_postgres(fence.TABLE))
            finally:
                await connection.execute("SELECT pg_advisory_unlock(%s)", (SETUP_LOCK,))
        yield saver


async def _configure(connection: AsyncConnection[Any]) -> None:
    for statement in SESSION:
        await connection.execute(statement)


async def _alone(connection: AsyncConnection[Any]) -> None:
    """Wait until no other worker sets up.

    By asking again: a statement that waits would be waited for by the indexes that are made concurrently.
    """
    while True:
        cursor = await connection.execute("SELECT pg_try_advisory_lock(%s) AS got", (SETUP_LOCK,))
        row = await cursor.fetchone()
        if row is not None and row["got"]:
            return
        await asyncio.sleep(LOOK_S)
