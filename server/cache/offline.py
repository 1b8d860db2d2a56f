"""The answer cache from the command line, while a server runs or not."""

from __future__ import annotations

import asyncio

from core.settings import Settings


def forget_answer(settings: Settings, run_id: str) -> None:
    """Let no server of this data folder give a run's answer again; nothing happens where there was none."""
    if not settings.server_database_url and not (settings.root / "server.db").is_file():
        return
    asyncio.run(_forget(settings, run_id))


async def _forget(settings: Settings, run_id: str) -> None:
    from server.cache.store import CacheIndex
    from server.storage.stores import open_database

    database = open_database(settings)
    await database.open()
    try:
        await CacheIndex(database, settings.server_cache_entries).forget_run(run_id)
    finally:
        await database.close()
