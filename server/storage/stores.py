"""The stores that the settings ask for: one SQLite file, or PostgreSQL and Redis for more than one worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import invalid_input
from core.feedback_store import FeedbackStore, Ratings
from core.run_store import RunStore
from core.settings import Settings
from server.storage.database import Database
from server.storage.feedback import SharedFeedback
from server.storage.grouped import GroupedDatabase
from server.storage.redis import missing, options
from server.storage.run_store import SqlRunStore
from server.storage.schema import MIGRATIONS
from server.stream.log import EventLog
from server.stream.sql_log import SqlEventLog

if TYPE_CHECKING:
    from limits.aio.storage import Storage

OpenSaver = Callable[[], AbstractAsyncContextManager[Any]]
DAY_S = 86_400.0


@dataclass(frozen=True)
class Stores:
    """What one server keeps, and where.

    Attributes:
        shared: Whether workers on other hosts may keep theirs in the same place.
        run_store: Evidence and journal; None for what the services bring.
    """

    database: GroupedDatabase
    log: EventLog
    feedback: Ratings
    shared: bool
    run_store: RunStore | None
    windows: Storage | None


@asynccontextmanager
async def open_stores(settings: Settings) -> AsyncIterator[Stores]:
    """Open what the settings name and close it in turn; raises `unavailable` for a server that is away."""
    # In threads: what these import is read from the disk.
    database = await asyncio.to_thread(open_database, settings)
    await database.open()
    try:
        log = await asyncio.to_thread(_log, settings, database)
        await log.open()
        try:
            yield await asyncio.to_thread(_stores, settings, database, log)
        finally:
            await log.close()
    finally:
        await database.close()


def open_database(settings: Settings) -> GroupedDatabase:
    """Return the database of runs, keys and all else; it is not opened yet."""
    url = settings.server_database_url
    if not url:
        return Database(settings.root / "server.db", MIGRATIONS)
    if not url.startswith(("postgresql://", "postgres://")):
        raise invalid_input(
            "VIDENCE_SERVER_DATABASE_URL names no database that is known here",
            help="Use postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or leave it empty for SQLite.",
        )
    try:
        import langgraph.checkpoint.postgres  # noqa: F401
        import psycopg  # noqa: F401
    except ImportError as error:
        raise missing(error.name or "psycopg", "VIDENCE_SERVER_DATABASE_URL") from error
    from server.storage.postgres import PostgresDatabase

    return PostgresDatabase(url, MIGRATIONS)


def saver_of(settings: Settings) -> OpenSaver:
    """Return what opens the checkpoints; imports LangGraph, so call it in a thread."""
    if settings.server_database_url:
        from server.storage.postgres_saver import open_saver

        return lambda: open_saver(settings.server_database_url)
    from server.storage.checkpoints import open_saver as open_file

    return lambda: open_file(settings.root / "checkpoints.db")


def check_stores(settings: Settings) -> None:
    """Open what the settings name, before anything else is started.

    Raises:
        VidenceError: `unavailable` for a package that is not installed or a server that is away.
        OSError: or sqlite3.DatabaseError, for a data folder that cannot be used.
    """
    asyncio.run(_check(settings))


async def _check(settings: Settings) -> None:
    async with open_stores(settings):
        pass


def _log(settings: Settings, database: GroupedDatabase) -> EventLog:
    bound = settings.server_event_log
    if not settings.server_redis_url:
        return SqlEventLog(database, bound)
    from server.stream.redis_log import RedisEventLog

    return RedisEventLog(settings.server_redis_url, database, bound, settings.server_event_days * DAY_S)


def _stores(settings: Settings, database: GroupedDatabase, log: EventLog) -> Stores:
    shared = bool(settings.server_database_url)
    return Stores(
        database=database,
        log=log,
        feedback=SharedFeedback(database) if shared else FeedbackStore.under(settings.root),
        shared=shared,
        run_store=SqlRunStore(database) if shared else None,
        windows=_windows(settings.server_redis_url) if settings.server_redis_url else None,
    )


def _windows(url: str) -> Storage:
    """Return where all workers count the requests of a minute."""
    from limits.aio.storage import RedisStorage

    return RedisStorage(
        f"async+{url}",
        implementation="redispy",
        wrap_exceptions=True,
        key_prefix="vidence:rate",
        **options(again=0),
    )
