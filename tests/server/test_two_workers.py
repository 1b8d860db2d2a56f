"""Two workers on PostgreSQL and Redis, as if on two hosts: one is killed, or a store is away for a while."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.live_server import ended, start, stream, until
from tests.support.mortal_server import Mother, Nursery
from tests.support.postgres import mortal_postgres, postgres_server
from tests.support.server_load import check, kill_at_random, outlive_a_sleeper, under_load
from tests.support.shared_stores import RedisServer, fresh_database, redis_server

pytestmark = pytest.mark.server

AWAY_S = 10.0


@pytest.fixture(scope="module")
def mother() -> Iterator[Mother]:
    mother = Mother()
    yield mother
    mother.close()


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    pytest.importorskip("langgraph.checkpoint.postgres", reason="the extra `stores` is not installed")
    with postgres_server() as url:
        yield url


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def workers(tmp_path: Path, mother: Mother, postgres: str, redis: RedisServer) -> Iterator[list[Nursery]]:
    with fresh_database(postgres) as url, two_workers(tmp_path, mother, url, redis) as found:
        yield found


@contextlib.contextmanager
def two_workers(home: Path, mother: Mother, url: str, redis: RedisServer) -> Iterator[list[Nursery]]:
    """Yield workers with data folders of their own: nothing but the two servers is shared."""
    stores: dict[str, Any] = {"calls": home / "calls", "database_url": url, "redis_url": redis.url}
    found = [Nursery(home / name, mother, **stores) for name in ("one", "two")]
    for worker in found:
        worker.start()
    try:
        yield found
    finally:
        redis.signal(signal.SIGCONT)
        for worker in found:
            worker.kill()


def test_one_of_two_workers_killed_under_load_every_accepted_run_ends_once(workers: list[Nursery]) -> None:
    load = under_load(workers, lambda: kill_at_random(workers, 4))
    assert set(check(load, workers[0])) == {"done"}
    assert load.rated


def test_redis_stopped_for_ten_seconds_under_load_loses_and_doubles_nothing(
    workers: list[Nursery], redis: RedisServer
) -> None:
    def away() -> None:
        time.sleep(0.5)
        redis.signal(signal.SIGSTOP)
        stay_away(workers)
        redis.signal(signal.SIGCONT)
        time.sleep(2)

    load = under_load(workers, away)
    assert set(check(load, workers[1])) == {"done"}


def test_redis_killed_and_back_after_ten_seconds_loses_and_doubles_nothing(
    workers: list[Nursery], redis: RedisServer
) -> None:
    def away() -> None:
        time.sleep(0.5)
        redis.kill()
        stay_away(workers)
        redis.start()
        time.sleep(2)

    load = under_load(workers, away)
    assert set(check(load, workers[1])) == {"done"}


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_postgresql_away_for_ten_seconds_under_load_loses_and_doubles_nothing(
    tmp_path: Path, mother: Mother, redis: RedisServer, how: str
) -> None:
    with (
        mortal_postgres() as server,
        fresh_database(server.url) as url,
        two_workers(tmp_path, mother, url, redis) as workers,
    ):

        def away() -> None:
            time.sleep(0.5)
            if how == "stopped":
                server.signal(signal.SIGSTOP)
            else:
                server.kill()
            stay_away(workers)
            if how == "stopped":
                server.signal(signal.SIGCONT)
            else:
                server.start()
            time.sleep(2)

        load = under_load(workers, away)
        for worker in workers:
            with httpx.Client(base_url=worker.url, timeout=20) as client:
                until(lambda: client.post("/v1/runs", json={"question": "Back?"}).status_code == 202, 60)
        assert set(check(load, workers[1])) == {"done"}


def test_accepted_runs_end_while_redis_is_away_and_are_told_when_it_is_back(
    tmp_path: Path, mother: Mother, postgres: str, redis: RedisServer
) -> None:
    with fresh_database(postgres) as url:
        slow = Nursery(tmp_path / "slow", mother, database_url=url, redis_url=redis.url, search_s=0.5)
        slow.start()
        try:
            with httpx.Client(base_url=slow.url, timeout=30) as client:
                runs = [start(client)["run_id"] for _ in range(3)]
                redis.kill()
                assert {ended(client, run_id)["status"] for run_id in runs} == {"done"}
                refused = until(lambda: _refused(client))
                assert refused.json()["code"] == "unavailable"
                assert refused.headers["retry-after"]
                # A worker that takes over knows what the other owed.
                slow.kill()
                redis.start()
                slow.start()
                for run_id in runs:
                    events = stream(client, run_id)
                    assert [frame.id for frame in events] == list(range(1, len(events) + 1))
                    kinds = [frame.event for frame in events]
                    assert (kinds[0], kinds[-1]) == ("run.started", "run.finished")
                    assert kinds.count("evidence.added") == 3
                    assert len(set(kinds)) < len(kinds)
        finally:
            slow.kill()


def stay_away(workers: list[Nursery]) -> None:
    """Let the time pass that a store is away; every worker comes to refuse new runs in it."""
    back = time.monotonic() + AWAY_S
    for worker in workers:
        with httpx.Client(base_url=worker.url, timeout=60) as client:
            until(lambda: _refused(client), 60)
    time.sleep(max(0.0, back - time.monotonic()))


def _refused(client: httpx.Client) -> httpx.Response | None:
    reply = client.post("/v1/runs", json={"question": "Now?"})
    return reply if reply.status_code == 503 else None


def test_what_a_killed_worker_left_another_host_continues_when_its_lease_ran_out(
    workers: list[Nursery],
) -> None:
    one, two = workers
    with httpx.Client(base_url=one.url, timeout=20) as client:
        runs = [start(client)["run_id"] for _ in range(6)]
    one.kill()
    with httpx.Client(base_url=two.url, timeout=40) as client:
        assert {ended(client, run_id)["status"] for run_id in runs} == {"done"}
        for run_id in runs:
            assert [frame.event for frame in stream(client, run_id)].count("run.finished") == 1
    one.start()


def test_a_worker_that_fell_asleep_over_its_lease_writes_nothing_more(workers: list[Nursery]) -> None:
    one, two = workers
    outlive_a_sleeper(one, two)


def test_a_run_of_another_worker_is_streamed_resumed_and_cancelled_like_ones_own(
    workers: list[Nursery],
) -> None:
    one, two = workers
    with (
        httpx.Client(base_url=one.url, timeout=30) as near,
        httpx.Client(base_url=two.url, timeout=30) as far,
    ):
        run_id = start(near)["run_id"]
        assert stream(far, run_id) == stream(near, run_id)
        asked = start(near, "ask me")["run_id"]
        assert ended(far, asked)["status"] == "input_required"
        assert far.post(f"/v1/runs/{asked}/resume", json={"reply": "a"}).status_code == 202
        until(lambda: near.get(f"/v1/runs/{asked}").json()["status"] == "done")
        assert stream(near, asked) == stream(far, asked)
        other = start(near, "ask me")["run_id"]
        assert ended(far, other)["status"] == "input_required"
        assert far.post(f"/v1/runs/{other}/cancel").status_code == 202
        until(lambda: near.get(f"/v1/runs/{other}").json()["status"] == "cancelled")
        assert near.post("/v1/feedback", json={"run_id": run_id, "rating": "up"}).status_code == 201
        assert far.get(f"/v1/feedback/{run_id}").json()["rating"] == "up"
