"""A LangSmith on 127.0.0.1 that takes every trace and keeps what it read."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import zstandard


@dataclass
class Tap:
    """What came."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)

    def text(self) -> str:
        """Return all bodies as text."""
        return b"\n".join(self.bodies).decode("utf-8", "replace")


@contextmanager
def langsmith_tap() -> Iterator[Tap]:
    """Serve in a thread."""
    tap = Tap()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.reply({"version": "0.15.0", "instance_flags": {}})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Content-Encoding") == "zstd":
                body = zstandard.ZstdDecompressor().stream_reader(body).read()
            tap.bodies.append(body)
            self.reply({})

        do_PATCH = do_POST  # noqa: N815 - named by the base class

        def reply(self, answer: object) -> None:
            payload = json.dumps(answer).encode()
            self.send_response(202)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    tap.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield tap
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
