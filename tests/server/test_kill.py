"""`kill -9` at any moment: every accepted run ends, once, and no client misses or repeats an event."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.live_server import ended, frames, start, stream, until
from tests.support.mortal_server import Mother, Nursery
from tests.support.server_load import check, kill_under_load, outlive_a_sleeper


@pytest.fixture(scope="module")
def mother() -> Iterator[Mother]:
    mother = Mother()
    yield mother
    mother.close()


@pytest.fixture
def nursery(tmp_path: Path, mother: Mother) -> Iterator[Nursery]:
    nursery = Nursery(tmp_path, mother)
    nursery.start()
    try:
        yield nursery
    finally:
        nursery.kill()


def test_killed_under_load_every_accepted_run_ends_once_and_no_rating_is_lost(
    tmp_path: Path, mother: Mother
) -> None:
    load, nursery = kill_under_load(mother, tmp_path, kills=4)
    try:
        statuses = check(load, nursery)
        assert load.rated
        assert set(statuses) == {"done"}
        assert statuses["done"] >= 4
    finally:
        nursery.kill()


def test_a_run_that_waits_for_a_reply_survives_and_the_reply_is_used_once(nursery: Nursery) -> None:
    with httpx.Client(base_url=nursery.url, timeout=20) as client:
        run_id = start(client, "ask me")["run_id"]
        assert ended(client, run_id)["status"] == "input_required"
        nursery.kill()
        nursery.start()
        assert ended(client, run_id)["input_required"] == {"question": "Which one?", "options": ["a", "b"]}
        assert client.post(f"/v1/runs/{run_id}/resume", json={"reply": "a"}).status_code == 202
        nursery.kill()
        nursery.start()
        assert ended(client, run_id)["status"] == "done"
        kinds = [frame.event for frame in stream(client, run_id)]
        assert kinds.count("input.required") == 1
        assert kinds.count("run.finished") == 1


def test_sigterm_refuses_new_runs_and_lets_running_ones_end(nursery: Nursery) -> None:
    with httpx.Client(base_url=nursery.url, timeout=20) as client:
        runs = [start(client, thread_id=f"t{number}")["run_id"] for number in range(4)]
        stopper = threading.Thread(target=nursery.kill, args=(signal.SIGTERM,))
        stopper.start()
        refused = None
        for _ in range(200):
            try:
                reply = client.post("/v1/runs", json={"question": "Too late?"})
            except httpx.TransportError:
                break
            if reply.status_code == 503:
                refused = reply
                break
            runs.append(reply.json()["run_id"])
            time.sleep(0.005)
        stopper.join()
        assert refused is not None, "it went away without a word"
        assert refused.headers["retry-after"]
        assert refused.json()["code"] == "unavailable"
        nursery.start()
        for run_id in runs:
            assert ended(client, run_id)["status"] == "done"


@pytest.fixture
def pair(tmp_path: Path, mother: Mother) -> Iterator[tuple[Nursery, Nursery]]:
    """Two workers over one data folder."""
    workers = (Nursery(tmp_path, mother), Nursery(tmp_path, mother))
    for worker in workers:
        worker.start()
    try:
        yield workers
    finally:
        for worker in workers:
            worker.kill()


def test_sigterm_lets_an_open_stream_come_to_its_end(nursery: Nursery) -> None:
    seen: list[str] = []
    begun = threading.Event()

    def follow() -> None:
        with (
            httpx.Client(base_url=nursery.url, timeout=20) as client,
            client.stream("POST", "/v1/chat", json={"question": "What is it?"}) as reply,
        ):
            for frame in frames(reply.iter_lines()):
                seen.append(frame.event)
                begun.set()

    follower = threading.Thread(target=follow)
    follower.start()
    assert begun.wait(20)
    nursery.kill(signal.SIGTERM)
    follower.join(20)
    assert seen[-1] == "run.finished"
    nursery.start()


def test_another_worker_continues_at_once_what_a_killed_one_left(pair: tuple[Nursery, Nursery]) -> None:
    one, two = pair
    with httpx.Client(base_url=one.url, timeout=20) as client:
        runs = [start(client)["run_id"] for _ in range(6)]
    one.kill()
    with httpx.Client(base_url=two.url, timeout=20) as client:
        assert {ended(client, run_id)["status"] for run_id in runs} == {"done"}
        for run_id in runs:
            assert [frame.event for frame in stream(client, run_id)].count("run.finished") == 1
    one.start()


def test_a_worker_that_fell_asleep_over_its_lease_writes_nothing_more(pair: tuple[Nursery, Nursery]) -> None:
    one, two = pair
    outlive_a_sleeper(one, two)


def test_a_run_of_another_worker_is_streamed_like_ones_own_and_cancelled(
    pair: tuple[Nursery, Nursery],
) -> None:
    one, two = pair
    with (
        httpx.Client(base_url=one.url, timeout=20) as near,
        httpx.Client(base_url=two.url, timeout=20) as far,
    ):
        run_id = start(near)["run_id"]
        assert stream(far, run_id) == stream(near, run_id)
        asked = start(near, "ask me")["run_id"]
        assert ended(far, asked)["status"] == "input_required"
        assert far.post(f"/v1/runs/{asked}/cancel").status_code == 202
        until(lambda: ended(near, asked)["status"] == "cancelled")
        assert stream(near, asked)[-1].event == "run.finished"
