"""The worker process: cancelling ends the work, a death is a typed error, the next call starts anew."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.errors import VidenceError
from models.worker import WorkerPool, WorkerProcess

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def worker() -> Iterator[WorkerProcess]:
    worker = WorkerProcess()
    yield worker
    worker.close()


@pytest.fixture
def picture(tmp_path: Path) -> str:
    Image.new("RGB", (40, 30), "red").save(tmp_path / "red.png")
    return str(tmp_path / "red.png")


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


async def test_a_job_runs_in_another_process(worker: WorkerProcess, picture: str) -> None:
    facts = await worker.call("describe_pixels", path=picture)
    assert facts["colours"][0][0] == "red"
    assert worker.pid not in (None, os.getpid())


async def test_cancelling_a_call_ends_the_process_and_the_next_call_works(
    worker: WorkerProcess, picture: str
) -> None:
    await worker.call("describe_pixels", path=picture)
    pid = worker.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    call = asyncio.create_task(worker.call("describe_pixels", path=picture))
    await asyncio.sleep(0.1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not alive(pid)
    assert (await worker.call("describe_pixels", path=picture))["width"] == 40


async def test_a_worker_that_dies_is_a_typed_error_that_may_be_tried_again(
    worker: WorkerProcess, picture: str
) -> None:
    await worker.call("describe_pixels", path=picture)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGSTOP)
    call = asyncio.create_task(worker.call("describe_pixels", path=picture))
    await asyncio.sleep(0.1)
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(VidenceError) as caught:
        await call
    assert (caught.value.kind, caught.value.retryable) == ("unavailable", True)
    assert (await worker.call("describe_pixels", path=picture))["width"] == 40


async def test_a_bug_in_a_job_is_a_typed_error_and_the_worker_lives_on(
    worker: WorkerProcess, tmp_path: Path, picture: str
) -> None:
    with pytest.raises(VidenceError) as caught:
        await worker.call("describe_pixels", path=str(tmp_path / "nowhere.png"))
    assert caught.value.kind == "internal"
    pid = worker.pid
    await worker.call("describe_pixels", path=picture)
    assert worker.pid == pid


def test_the_worker_leaves_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys, time\n"
        "from models.worker import WorkerProcess\n"
        "w = WorkerProcess()\n"
        "w._start()\n"
        "print(w.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(pid)


class Held:
    """A runner whose calls wait until they are let go."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.free = asyncio.Event()
        self.closed = False

    async def call(self, job: str, **kwargs: Any) -> Any:
        self.calls.append(job)
        await self.free.wait()
        if job == "fails":
            raise VidenceError("internal", "no")
        return job

    def close(self) -> None:
        self.closed = True


async def test_calls_of_a_pool_run_side_by_side_and_a_free_runner_is_taken_first() -> None:
    one, other = Held(), Held()
    pool = WorkerPool([one, other])
    first, second = asyncio.create_task(pool.call("fails")), asyncio.create_task(pool.call("b"))
    await asyncio.sleep(0)
    assert (one.calls, other.calls) == (["fails"], ["b"])
    one.free.set()
    with pytest.raises(VidenceError):
        await first
    assert await pool.call("c") == "c"
    assert (one.calls, other.calls) == (["fails", "c"], ["b"])
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    other.free.set()
    assert list(await asyncio.gather(pool.call("d"), pool.call("e"))) == ["d", "e"]
    pool.close()
    assert one.closed
    assert other.closed
