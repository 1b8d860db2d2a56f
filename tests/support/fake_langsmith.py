"""A local server of LangSmith's API, as far as an upload uses it; it can fail in the ways that servers do.

It refuses an id that it has (409) for examples and scores, and a name that it has for data sets and
experiments; the same run twice is one.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "lsv2_pt_0123456789abcdef_secret"
TENANT = str(uuid.UUID(int=7))
NOW = "2026-11-21T00:00:00+00:00"
Fault = str | int
"""A status, `drop` (no reply, nothing done), `lost` (done, no reply), or `partial` (done, half a reply)."""


@dataclass
class FakeLangSmith:
    """What the server holds, every request it got, and the faults to come: path and method to a list."""

    url: str = ""
    multipart: bool = False
    datasets: dict[str, dict[str, Any]] = field(default_factory=dict)
    examples: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    feedback: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    always: Callable[[str, str], Fault | None] = lambda method, path: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, method: str, path: str) -> Fault | None:
        """Take the next fault of a call."""
        due = self.faults.get(f"{method} {path}")
        return due.pop(0) if due else self.always(method, path)

    def counts(self) -> dict[str, int]:
        """Return how much of each thing there is."""
        names = ("datasets", "examples", "sessions", "runs", "feedback")
        return {name: len(getattr(self, name)) for name in names}


def _answer(fake: FakeLangSmith, method: str, path: str, query: dict[str, list[str]], body: Any) -> Any:
    """Return (status, JSON) of a request."""
    named = {"/datasets": fake.datasets, "/sessions": fake.sessions}
    if method == "GET" and path == "/info":
        flags = {"dataset_examples_multipart_enabled": fake.multipart}
        return 200, {"version": "0.15.0", "instance_flags": flags}
    if method == "GET" and path in named:
        wanted = query.get("name")
        return 200, [row for row in named[path].values() if wanted is None or [row["name"]] == wanted]
    if method == "GET" and path == "/examples":
        rows = [row for row in fake.examples.values() if [row["dataset_id"]] == query["dataset"]]
        start, limit = int(query["offset"][0]), int(query["limit"][0])
        return 200, rows[start : start + limit]
    if method == "POST" and path in named:
        if any(row["name"] == body["name"] for row in named[path].values()):
            return 409, {"detail": "exists"}
        row = {"id": str(uuid.uuid4()), "created_at": NOW, "tenant_id": TENANT, **body}
        row.setdefault("reference_dataset_id", None)
        named[path][row["id"]] = row
        return 200, row
    if method == "PATCH" and path.startswith("/sessions/"):
        row = fake.sessions[path.rpartition("/")[2]]
        row.update({name: value for name, value in body.items() if value is not None})
        return 200, row
    if method == "POST" and path == "/runs/batch":
        fake.runs.update({row["id"]: row for row in body["post"]})
        return 202, {"message": "queued"}
    if method == "POST" and path == "/feedback":
        return _add(fake.feedback, [body])
    if method == "POST" and path == "/examples/bulk":
        return _add(fake.examples, body)
    if method == "POST" and path.endswith("/examples"):
        rows = [{**row, "dataset_id": path.split("/")[-2]} for row in body]
        status, made = _add(fake.examples, rows)
        ids = [row["id"] for row in rows]
        return status, made if status == 409 else {"count": len(ids), "example_ids": ids}
    return 404, {"detail": f"{method} {path}"}


def _add(known: dict[str, dict[str, Any]], rows: list[dict[str, Any]]) -> tuple[int, Any]:
    if any(row["id"] in known for row in rows):
        return 409, {"detail": "exists"}
    known.update({row["id"]: row for row in rows})
    return 200, rows


def _multipart(kind: str, data: bytes) -> list[dict[str, Any]]:
    """Return the examples of a multipart body, each part named `ID[.inputs|.outputs|.attachment.NAME]`."""
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + data, policy=HTTP)
    found: dict[str, dict[str, Any]] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        id_, _, what = str(name).partition(".")
        row = found.setdefault(id_, {"id": id_, "attachments": {}})
        content = part.get_payload(decode=True)
        if what.startswith("attachment."):
            row["attachments"][what.removeprefix("attachment.")] = content
        elif what:
            row[what] = json.loads(content)
        else:
            row.update(json.loads(content))
    return list(found.values())


@contextmanager
def fake_langsmith(*, multipart: bool = False) -> Iterator[FakeLangSmith]:
    """Serve on 127.0.0.1 in a thread."""
    fake = FakeLangSmith(multipart=multipart)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes: no 40 ms between them

        def serve(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            with fake.lock:
                fake.requests.append((self.command, parts.path))
                fake.bodies.append(data.decode("utf-8", "replace"))
                fault = fake.fault(self.command, parts.path)
                if self.headers.get("x-api-key") != KEY:
                    fault = 401
                if fault == "drop":
                    self.reset()
                    return
                if isinstance(fault, int):
                    self.reply(fault, {"detail": "no"})
                    return
                kind = self.headers.get("Content-Type", "")
                body = _multipart(kind, data) if "multipart" in kind else json.loads(data or b"null")
                status, answer = _answer(fake, self.command, parts.path, parse_qs(parts.query), body)
                if fault == "lost":
                    self.reset()
                    return
                self.reply(status, answer, half=fault == "partial")

        def do_GET(self) -> None:
            self.serve()

        def do_POST(self) -> None:
            self.serve()

        def do_PATCH(self) -> None:
            self.serve()

        def reply(self, status: int, answer: Any, *, half: bool = False) -> None:
            payload = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            if status in (429, 503):
                self.send_header("Retry-After", "3")
            self.end_headers()
            self.wfile.write(payload[: len(payload) // 2] if half else payload)
            if half:
                self.reset()

        def reset(self) -> None:
            """Break the connection, as a proxy that dies does."""
            self.close_connection = True
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

        def log_message(self, *args: object) -> None:
            pass

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (OSError, ValueError):
                self.close_connection = True

        def finish(self) -> None:
            with suppress(OSError, ValueError):
                super().finish()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
