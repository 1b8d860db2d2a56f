"""The answer cache and the expiry of images over PostgreSQL: the statements mean what they mean in SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.images import StoredImage
from server.cache.store import Asked, CacheIndex
from server.runs.ledger import RunLedger
from server.runs.records import NewRun, RunSpec
from server.storage.image_expiry import _old
from server.storage.images import OwnedImages
from server.storage.schema import MIGRATIONS
from server.stream.sql_log import SqlEventLog
from tests.support.postgres import postgres_server
from tests.support.shared_stores import fresh_database

pytestmark = pytest.mark.server

ASKED = Asked("ada", "scope", "What is it?", "what is it")
LATER, LONG_AGO = "2999-01-01T00:00:00.000+00:00", "2020-01-01T00:00:00.000+00:00"


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture
async def database(postgres: str, no_blocking: Any) -> AsyncIterator[Any]:
    no_blocking.deactivate()
    from server.storage.postgres import PostgresDatabase

    with fresh_database(postgres) as url:
        database = PostgresDatabase(url, MIGRATIONS)
        await database.open()
        yield database
        await database.close()


async def test_answers(database: Any) -> None:
    index = CacheIndex(database, 2)
    await index.put(ASKED, "r1", LATER)
    await index.put(ASKED, "r2", LATER)
    reworded = replace(ASKED, question="Tell me what it is.")
    assert await index.candidates(reworded) == [("r2", "What is it?")]
    assert await index.candidates(replace(reworded, sense="")) == []
    assert await index.candidates(replace(ASKED, owner="eve")) == []
    assert await index.used("ada", "r2")
    await index.put(replace(ASKED, scope="b"), "r3", LATER)
    await index.used("ada", "r2")
    await index.put(replace(ASKED, scope="c"), "r4", LATER)
    count, entries = await index.entries("ada", 10)
    assert (count, {entry.run_id for entry in entries}) == (2, {"r2", "r4"})
    assert await index.forget("ada", "r2", "r9") == 1
    assert await index.forget_run("r4") == 1
    await index.put(ASKED, "r5", LONG_AGO)
    assert await index.sweep() == 1


async def test_images(database: Any, tmp_path: Path) -> None:
    owned = OwnedImages(database)
    ledger = RunLedger(database, SqlEventLog(database, 100))
    for sha256 in ("shown", "alone"):
        ref = await owned.add("ada", StoredImage(sha256, 4, 3, "x"))
        if sha256 == "shown":
            spec = RunSpec(question="What is it?", images=(ref,))
            await ledger.create(NewRun("r1", "ada", "t", spec, None))
    await database.write(lambda to: to.execute("UPDATE images SET used_at = ?", (LONG_AGO,)).rowcount)
    assert await database.read(lambda to: _old(to, "2021-01-01")) == [("ada", "alone")]
    assert await owned.use("ada", "alone") is not None
    assert await owned.use("eve", "alone") is None
    assert await database.read(lambda to: _old(to, "2021-01-01")) == []
