"""Checkpoints are fenced: a worker that slept through its lease writes none beside those of its successor."""

from __future__ import annotations

import asyncio
import dataclasses
import sqlite3
import threading
from collections.abc import Coroutine, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.settings import Settings
from server.runs.records import LeaseLost, Run, RunSpec
from server.storage import fence
from server.storage.stores import open_stores, saver_of
from server.telemetry.scope import enter_run
from tests.support.fakes import FakeSearch
from tests.support.live_server import ended, live, start, until
from tests.support.postgres import postgres_server
from tests.support.shared_stores import fresh_database, leases_run_out

RUN = Run("r", "me", "t", "key", "running", RunSpec(question="x"), "now")


class Held(FakeSearch):
    """Answers when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    async def run(self, args: Any, context: Any) -> Any:
        result = await super().run(args, context)
        await asyncio.to_thread(self.go.wait, 60)
        return result


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    pytest.importorskip("langgraph.checkpoint.postgres", reason="the extra `stores` is not installed")
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    if request.param == "sqlite":
        yield Settings(home=tmp_path)
        return
    with fresh_database(request.getfixturevalue("postgres")) as url:
        yield Settings(home=tmp_path, server_database_url=url)


async def kept(settings: Settings) -> list[tuple[Any, Any]]:
    """Return every checkpoint of every thread, with what tasks wrote to it."""
    async with saver_of(settings)() as saver:
        found = [item async for item in saver.alist(None)]
    return [(item.checkpoint, item.pending_writes) for item in found]


def test_a_worker_that_slept_through_its_lease_writes_no_checkpoint_and_fails_no_run(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    tool = Held()
    options: dict[str, Any] = {"server_database_url": settings.server_database_url, "server_lease_s": 3600.0}
    with live(settings.home, tool=tool, **options) as one, live(settings.home, **options) as two:
        try:
            run_id = start(one)["run_id"]
            until(lambda: len(tool.calls) == 2)
            asyncio.run(leases_run_out(settings))
            until(lambda: two.get(f"/v1/runs/{run_id}").json()["status"] == "done")
            run, checkpoints = ended(two, run_id), asyncio.run(kept(settings))
        finally:
            tool.go.set()
        until(lambda: "was taken over" in caplog.text)
        assert asyncio.run(kept(settings)) == checkpoints
        assert ended(one, run_id) == run
    assert not [record for record in caplog.records if record.exc_info], "it ended quietly"


async def for_the_run(work: Coroutine[Any, Any, Any]) -> Any:
    """Do something as the task of the run does."""

    async def task() -> Any:
        enter_run(RUN)
        return await work

    return await asyncio.create_task(task())


async def test_what_is_written_for_a_deleted_thread_does_not_bring_it_back(settings: Settings) -> None:
    from langgraph.checkpoint.base import empty_checkpoint

    place: Any = {"configurable": {"thread_id": RUN.thread_key, "checkpoint_ns": ""}}
    async with open_stores(settings), saver_of(settings)() as saver:
        await saver.take(RUN)
        written = await for_the_run(saver.aput(place, empty_checkpoint(), {}, {}))
        await for_the_run(saver.aput_writes(written, [("answer", 42)], "task"))
        found = await saver.aget_tuple(place)
        assert found is not None
        assert found.pending_writes == [("task", "answer", 42)]
        await saver.adelete_thread(RUN.thread_key)
        with pytest.raises(LeaseLost):
            await for_the_run(saver.aput(place, empty_checkpoint(), {}, {}))
        with pytest.raises(LeaseLost):
            await for_the_run(saver.aput_writes(written, [("answer", 42)], "task"))
        assert await saver.aget_tuple(place) is None


leases = st.builds(
    lambda place, epoch: dataclasses.replace(RUN, place=place, epoch=epoch),
    place=st.integers(1, 3),
    epoch=st.integers(1, 3),
)


@given(st.lists(st.tuples(st.booleans(), leases)))
def test_whoever_takes_and_writes_in_whatever_order_only_the_newest_lease_writes(
    acts: list[tuple[bool, Run]],
) -> None:
    with closing(sqlite3.connect(":memory:")) as store:
        store.execute(fence.TABLE)
        newest = (0, 0)
        for takes, run in acts:
            lease = (run.place, run.epoch)
            allowed = lease >= newest if takes else lease == newest
            try:
                (fence.take if takes else fence.check)(store, run)
            except LeaseLost:
                assert not allowed
            else:
                assert allowed
                newest = lease
