"""A small server of our stream's contract, which misbehaves on request: to test the traffic simulator."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from sse_starlette import EventSourceResponse

Step = tuple[str, dict[str, Any]]
ANSWER: dict[str, Any] = {
    "status": "done",
    "short_answer": "47",
    "answer": "It is 47 metres tall.",
    "citations": [{"evidence_id": "e1"}],
    "inspection": None,
}
STORY: tuple[Step, ...] = (
    ("run.started", {"question": "?"}),
    ("plan.updated", {"plan": []}),
    ("evidence.added", {"evidence": [{"id": "e1"}]}),
    ("answer.delta", {"text": "47"}),
    ("answer.final", ANSWER),
    ("run.finished", {"status": "done"}),
)


@dataclass
class Faults:
    """How it behaves: seconds between events, what is sent twice or left out, where streams break."""

    pace_s: float = 0.0
    story: Callable[[dict[str, Any]], tuple[Step, ...]] = lambda body: STORY
    skip: frozenset[int] = frozenset()
    twice: frozenset[int] = frozenset()
    break_after: int = 0
    """The first connection of a run ends after so many events, on the server's side."""
    gap_to: int = 0
    """Events up to this one are no longer in the log of a second connection."""
    refuse: dict[str, Any] | None = None
    """A problem document instead of a run; with `status`."""


@dataclass
class LoadServer:
    """Runs by id, what was asked, and how often each was connected to."""

    faults: Faults = field(default_factory=Faults)
    asked: list[dict[str, Any]] = field(default_factory=list)
    connections: list[tuple[str, int]] = field(default_factory=list)
    cancelled: set[str] = field(default_factory=set)
    most: int = 0
    url: str = ""
    keys: set[str] = field(default_factory=set)
    _open: int = 0

    def app(self) -> FastAPI:
        """Return the application."""
        app = FastAPI()

        @app.get("/health")
        async def health() -> dict[str, str]:
            return {"status": "ok"}

        @app.post("/v1/chat")
        async def chat(request: Request) -> Response:
            body = await request.json()
            self.keys.add(request.headers.get("authorization", ""))
            if self.faults.refuse is not None:
                return JSONResponse(self.faults.refuse, status_code=self.faults.refuse["status"])
            self.asked.append(body)
            return self._stream(f"r{len(self.asked)}", 0, body)

        @app.get("/v1/runs/{run_id}/events")
        async def events(run_id: str, request: Request) -> Response:
            after = int(request.headers.get("last-event-id", "0"))
            return self._stream(run_id, after, self.asked[int(run_id[1:]) - 1])

        @app.post("/v1/runs/{run_id}/cancel", status_code=202)
        async def cancel(run_id: str) -> dict[str, str]:
            self.cancelled.add(run_id)
            return {"run_id": run_id}

        @app.get("/v1/models")
        async def models() -> dict[str, Any]:
            return {"data": [{"id": "small"}]}

        @app.post("/v1/chat/completions")
        async def complete(request: Request) -> Response:
            self.asked.append(await request.json())

            async def chunks() -> AsyncIterator[dict[str, str] | bytes]:
                for text in ("It is ", "47 metres", " tall."):
                    yield {"data": json.dumps({"choices": [{"delta": {"content": text}}]})}
                yield {"data": "[DONE]"}

            return EventSourceResponse(chunks())

        return app

    def _stream(self, run_id: str, after: int, body: dict[str, Any]) -> Response:
        first = not any(known == run_id for known, _ in self.connections)
        self.connections.append((run_id, after))
        return EventSourceResponse(
            self._events(run_id, after, body, first=first), headers={"X-Run-Id": run_id}
        )

    async def _events(
        self, run_id: str, after: int, body: dict[str, Any], *, first: bool
    ) -> AsyncIterator[dict[str, str] | bytes]:
        faults = self.faults
        self._open += 1
        self.most = max(self.most, self._open)
        try:
            yield b"retry: 1000\r\n\r\n"
            if not first and faults.gap_to > after:
                missed = {"missed_from": after + 1, "missed_to": faults.gap_to}
                yield _event(run_id, faults.gap_to, "gap", missed)
                after = faults.gap_to
            for seq, (kind, data) in enumerate(faults.story(body), start=1):
                if seq <= after or seq in faults.skip:
                    continue
                await asyncio.sleep(faults.pace_s)
                if run_id in self.cancelled:
                    yield _event(run_id, seq, "run.finished", {"status": "cancelled"})
                    return
                for _ in range(2 if seq in faults.twice else 1):
                    yield _event(run_id, seq, kind, data)
                if first and seq == faults.break_after:
                    return
        finally:
            self._open -= 1


def _event(run_id: str, seq: int, kind: str, data: dict[str, Any]) -> dict[str, str]:
    body = {"v": 1, "run_id": run_id, "thread_id": "t", "seq": seq, "time": "", "type": kind, "data": data}
    return {"id": str(seq), "event": kind, "data": json.dumps(body)}


@contextlib.contextmanager
def load_server(faults: Faults | None = None) -> Iterator[LoadServer]:
    """Serve on a loopback port in a thread."""
    served = LoadServer(faults or Faults())
    server = uvicorn.Server(
        uvicorn.Config(served.app(), port=0, log_level="error", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        served.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        yield served
    finally:
        server.should_exit = True
        thread.join()
