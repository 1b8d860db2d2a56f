"""The HTTP server on a loopback port in a thread, over fakes, and a small reader of its event streams."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.requests import Request

from agents.planner import PlanDecision, PlanView
from core.contracts import InputRequired
from core.errors import invalid_input
from core.run_store import SqliteRunStore
from core.settings import Settings
from graph.services import Services
from server.app import create_app
from server.http.caller import Caller
from tests.support.fakes import FakeSearch, fake_services, search


class ThreeSearches:
    """Decides from the view alone, as every planner must: two searches side by side, then one that waits."""

    name = "three-searches"

    async def plan(self, view: PlanView) -> PlanDecision:
        if "fail me" in view.question.text:
            raise invalid_input("It cannot be planned", help="Ask something else.")
        if "ask me" in view.question.text and not view.replies:
            return PlanDecision(next="ask", ask=InputRequired(question="Which one?", options=("a", "b")))
        if not view.subquestions:
            first = (search("q1", "a"), search("q2", "b"), search("q3", "after {q1}", depends_on=["q1"]))
            return PlanDecision(next="act", subquestions=first)
        waiting = any(item.status == "pending" for item in view.subquestions)
        return PlanDecision(next="act" if waiting else "draft")


class SlowSearch(FakeSearch):
    """Waits before it answers; counts what began and what ended."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.ended: list[str] = []

    async def run(self, args: Any, context: Any) -> Any:
        result = await super().run(args, context)
        await asyncio.sleep(self.seconds)
        self.ended.append(args.query)
        return result


async def by_header(request: Request) -> Caller:
    """Name the caller by a header: what keys will do."""
    return Caller(request.headers.get("x-owner", "anonymous"))


def opener(
    home: Path, tool: Any = None, planner: Any = None, **options: Any
) -> Callable[[Settings], Services]:
    """Return what opens fake services over the real run store."""
    return lambda settings: fake_services(
        home,
        planner or ThreeSearches(),
        tool or FakeSearch(),
        store=SqliteRunStore(home / "runs.db"),
        **options,
    )


@contextlib.contextmanager
def live(
    home: Path,
    *,
    tool: Any = None,
    planner: Any = None,
    services: Services | None = None,
    opens_after_s: float = 0.0,
    opens_with: Exception | None = None,
    wait_until_ready: bool = True,
    identify: Any = by_header,
    open_services: Callable[[Settings], Services] | None = None,
    **settings: Any,
) -> Iterator[httpx.Client]:
    """Serve in a thread and return a client of it."""

    def opened(config: Settings) -> Services:
        time.sleep(opens_after_s)
        if opens_with is not None:
            raise opens_with
        return services or (open_services or opener(home, tool, planner))(config)

    settings.setdefault("server_requests_per_minute", 0)  # tests look often
    settings.setdefault("server_cache", "off")  # and ask the same again
    app = create_app(Settings(home=home, **settings), open_services=opened, identify=identify)
    config = uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            if wait_until_ready:
                until(lambda: client.get("/ready").status_code == 200, 90)
            yield client
    finally:
        server.should_exit = True
        thread.join()


def until(true: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait until something holds, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)
    return found


@dataclass(frozen=True)
class Frame:
    """One event as it came over the wire."""

    id: int
    event: str
    data: dict[str, Any] = field(compare=True)


def frames(lines: Iterator[str]) -> Iterator[Frame]:
    """Parse server-sent events as the standard says; comments and `retry` are left out."""
    current: dict[str, str] = {}
    for line in lines:
        if not line:
            if "data" in current:
                yield Frame(int(current["id"]), current["event"], json.loads(current["data"]))
            current = {}
            continue
        name, _, value = line.partition(":")
        if name:
            current[name] = value.removeprefix(" ")


def stream(client: httpx.Client, run_id: str, after: int = 0, **options: Any) -> list[Frame]:
    """Read a run's events to the end of the stream."""
    headers = {"Last-Event-ID": str(after)} if after else {}
    with client.stream("GET", f"/v1/runs/{run_id}/events", headers=headers, **options) as reply:
        if reply.status_code == 204:
            return []
        assert reply.status_code == 200, reply.read()
        return list(frames(reply.iter_lines()))


def chat(client: httpx.Client, question: str = "What is it?", **body: Any) -> list[Frame]:
    """Ask and read to the end of the stream."""
    with client.stream("POST", "/v1/chat", json={"question": question, **body}) as reply:
        assert reply.status_code == 200, reply.read()
        return list(frames(reply.iter_lines()))


def start(client: httpx.Client, question: str = "What is it?", **body: Any) -> dict[str, Any]:
    """Start a run and return it."""
    reply = client.post("/v1/runs", json={"question": question, **body})
    assert reply.status_code == 202, reply.text
    started: dict[str, Any] = reply.json()
    return started


def ended(client: httpx.Client, run_id: str) -> dict[str, Any]:
    """Wait for a run's end, or for its question."""
    run: dict[str, Any] = client.get(f"/v1/runs/{run_id}", params={"wait": 20}).json()
    assert run["status"] not in ("queued", "running"), run
    return run
