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
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from server.storage.postgres import CONNECT_S, LOCK, SESSION, text_of

POOL = 8
SETUP_LOCK = LOCK + 1
LOOK_S = 0.1


class TextSaver(AsyncPostgresSaver):
    """LangGraph's saver, for state with any text in it."""

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
async def open_saver(url: str) -> AsyncIterator[AsyncPostgresSaver]:
    """Open the checkpoints; LangGraph makes and migrates its tables."""
    pool: AsyncConnectionPool[AsyncConnection[dict[str, Any]]] = AsyncConnectionPool(
        url,
        min_size=1,
        max_size=POOL,
        open=False,
        configure=_configure,
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
        saver = TextSaver(pool, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        # LangGraph's lock is for one connection; here runs wait for each other only when the pool is empty.
        saver.lock = asyncio.Semaphore(POOL)  # type: ignore[assignment]
        async with pool.connection() as connection:
            await _alone(connection)
            try:
                await saver.setup()
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
