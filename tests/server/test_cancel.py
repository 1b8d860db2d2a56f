"""Cancel stops a run for good: no event, no tool, no write after it, and no worker that burns on."""

from __future__ import annotations

import asyncio
import dataclasses
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.images import ImageStore
from core.run_store import SqliteRunStore
from core.settings import Settings
from models.hub import ModelHub
from models.worker import WorkerProcess
from server.runs.ledger import RunLedger
from server.runs.records import Run
from tests.support.fakes import FakeSearch, fake_services
from tests.support.live_server import (
    SlowSearch,
    ThreeSearches,
    chat,
    ended,
    frames,
    live,
    start,
    stream,
    until,
)


def rows(home: Path) -> tuple[int, ...]:
    """Count everything that a run writes; a store that was never written has none."""
    places = {
        "checkpoints.db": ("checkpoints", "writes"),
        "runs.db": ("journal", "evidence"),
        "server.db": ("events",),
    }
    return tuple(count(home / file, table) for file, tables in places.items() for table in tables)


def count(path: Path, table: str) -> int:
    connection = sqlite3.connect(path)
    try:
        found: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()
    return found


def test_a_cancelled_run_writes_nothing_more_and_starts_no_tool(tmp_path: Path) -> None:
    tool = SlowSearch(0.6)
    with live(tmp_path, tool=tool) as client:
        run_id = start(client, thread_id="t")["run_id"]
        until(lambda: len(tool.calls) == 2)
        assert client.post(f"/v1/runs/{run_id}/cancel").status_code == 202
        time.sleep(0.2)
        after = rows(tmp_path)
        events = stream(client, run_id)
        assert events[-1].event == "run.finished"
        assert events[-1].data["data"]["status"] == "cancelled"
        time.sleep(0.8)  # long enough for the searches to end, had they gone on
        assert rows(tmp_path) == after
        assert tool.ended == []
        assert len(tool.calls) == 2
        again = client.post(f"/v1/runs/{run_id}/cancel")
        assert (again.status_code, again.json()["status"]) == (202, "cancelled")
        assert stream(client, run_id) == events
        assert chat(client, thread_id="t")[-1].data["data"]["status"] == "done", "the thread is free again"


class Stoppable(FakeSearch):
    """Searches until it is cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped = threading.Event()

    async def run(self, args: Any, context: Any) -> Any:
        await super().run(args, context)
        try:
            await asyncio.sleep(60)
        finally:
            self.stopped.set()


def test_the_work_stops_before_the_wish_to_cancel_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool, write = Stoppable(), RunLedger.request_cancel

    async def slow(self: RunLedger, run_id: str, owner: str) -> Run | None:
        if owner != "eve":
            assert await asyncio.to_thread(tool.stopped.wait, 20), "the work went on until it was written"
        return await write(self, run_id, owner)

    monkeypatch.setattr(RunLedger, "request_cancel", slow)
    with live(tmp_path, tool=tool) as client:
        run_id = start(client)["run_id"]
        until(lambda: len(tool.calls) == 2)
        foreign = client.post(f"/v1/runs/{run_id}/cancel", headers={"x-owner": "eve"})
        assert foreign.status_code == 404
        assert not tool.stopped.wait(0.1)
        assert client.post(f"/v1/runs/{run_id}/cancel").json()["status"] == "cancelled"
        assert stream(client, run_id)[-1].data["data"]["status"] == "cancelled"


def test_a_queued_run_and_one_that_waits_for_a_reply_can_be_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.http.runs.CANCEL_S", 20.0)  # the machine may be busy
    with live(tmp_path, tool=SlowSearch(0.3)) as client:
        first = start(client, thread_id="t")["run_id"]
        second = start(client, thread_id="t", multitask="enqueue")["run_id"]
        assert client.post(f"/v1/runs/{second}/cancel").status_code == 202
        assert ended(client, second)["status"] == "cancelled"
        assert ended(client, first)["status"] == "done"
        asked = start(client, "ask me")["run_id"]
        assert ended(client, asked)["status"] == "input_required"
        assert client.post(f"/v1/runs/{asked}/cancel").json()["status"] == "cancelled"
        assert client.post(f"/v1/runs/{asked}/resume", json={"reply": "a"}).status_code == 409


def test_a_client_that_leaves_cancels_its_run_only_if_it_said_so(tmp_path: Path) -> None:
    tool = SlowSearch(0.4)
    with live(tmp_path, tool=tool) as client:
        runs = {}
        for policy in ("continue", "cancel"):
            body = {"question": "What is it?", "on_disconnect": policy}
            with client.stream("POST", "/v1/chat", json=body) as reply:
                runs[policy] = next(frames(reply.iter_lines())).data["run_id"]
        assert ended(client, runs["cancel"])["status"] == "cancelled"
        assert ended(client, runs["continue"])["status"] == "done"


def test_other_runs_do_not_notice_a_cancel(tmp_path: Path) -> None:
    with live(tmp_path, tool=SlowSearch(0.2)) as client:
        runs = [start(client)["run_id"] for _ in range(6)]
        for run_id in runs[::2]:
            client.post(f"/v1/runs/{run_id}/cancel")
        statuses = [ended(client, run_id)["status"] for run_id in runs]
        assert statuses == ["cancelled", "done"] * 3


class ReadPage(FakeSearch):
    """Reads a dense page in the worker process: seconds of all the CPU there is."""

    def __init__(self, sha256: str) -> None:
        super().__init__()
        self._sha256 = sha256

    async def run(self, args: Any, context: Any) -> Any:
        self.calls.append(args.query)
        await context.models.ocr(self._sha256)
        return await super().run(args, context)


def test_within_a_second_of_cancel_no_worker_burns_on_a_dense_page(tmp_path: Path) -> None:
    pytest.importorskip("rapidocr")
    settings = Settings(home=tmp_path)
    images = ImageStore(tmp_path / "images", max_bytes=50_000_000, max_pixels=100_000_000)
    tool = ReadPage(images.add_bytes(dense_page(), source="page").sha256)
    worker = WorkerProcess()
    models = ModelHub(settings, images, runner=worker)
    services = fake_services(tmp_path, ThreeSearches(), tool, store=SqliteRunStore(tmp_path / "runs.db"))
    with live(tmp_path, services=dataclasses.replace(services, models=models)) as client:
        run_id = start(client)["run_id"]
        pid = until(lambda: worker.pid)
        until(lambda: cpu_seconds(pid) > 2.0, seconds=60)  # it loads its models, then reads
        begun = time.monotonic()
        client.post(f"/v1/runs/{run_id}/cancel")
        until(lambda: stream(client, run_id)[-1].event == "run.finished")
        until(lambda: not Path(f"/proc/{pid}").exists(), seconds=1.0)
        assert time.monotonic() - begun < 1.0
        assert worker.pid is None, "no other worker was started for what the run still wanted"


def cpu_seconds(pid: int) -> float:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(words[11]) + int(words[12])) / 100


def dense_page() -> bytes:
    """Draw a page of small print."""
    import io

    from PIL import Image, ImageDraw, ImageFont

    page = Image.new("RGB", (1700, 2200), "white")
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(18)
    for line in range(100):
        draw.text((40, 10 + line * 21), f"{line:03} the quick brown fox jumps over it " * 4, "black", font)
    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    return buffer.getvalue()


def test_many_cancels_at_once_are_one(tmp_path: Path) -> None:
    with live(tmp_path, tool=SlowSearch(0.5)) as client:
        run_id = start(client)["run_id"]
        codes: list[int] = []

        def cancel() -> None:
            codes.append(httpx.post(f"{client.base_url}/v1/runs/{run_id}/cancel", timeout=10).status_code)

        threads = [threading.Thread(target=cancel) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert codes == [202] * 5
        kinds = [frame.event for frame in stream(client, run_id)]
        assert kinds.count("run.finished") == 1
