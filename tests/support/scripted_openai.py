"""A local OpenAI-compatible server that replays a script, one entry a request."""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Canned:
    """One reply: a text (or an object, sent as JSON text), or a status, or raw bytes; after a delay.

    Asked for a stream it sends `piece` characters at a time, each after `pace_s`; with `cut_after` it breaks
    off after so many pieces.
    """

    content: str | dict[str, Any] = ""
    status: int = 200
    raw: bytes | None = None
    delay_s: float = 0.0
    finish_reason: str = "stop"
    piece: int = 4
    pace_s: float = 0.0
    cut_after: int | None = None

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else json.dumps(self.content)


@dataclass
class ScriptedOpenAI:
    """The running server: its address as a setting, and every request it got."""

    script: list[Canned]
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    """Pieces of streams, as they were sent."""
    left: threading.Event = field(default_factory=threading.Event)
    """Set when a client left in the middle of a stream."""
    left_at: list[float] = field(default_factory=list)
    """When clients did (`time.monotonic`)."""

    @property
    def setting(self) -> str:
        return f"openai:{self.url}/v1#scripted"

    def next(self) -> Canned:
        """Return the next entry; the last one repeats."""
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


@contextmanager
def scripted_openai(*script: Canned) -> Iterator[ScriptedOpenAI]:
    """Serve a script on 127.0.0.1 in a thread."""
    scripted = ScriptedOpenAI(list(script))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            scripted.requests.append(json.loads(body))
            scripted.headers.append({name.lower(): value for name, value in self.headers.items()})
            canned = scripted.next()
            time.sleep(canned.delay_s)
            if scripted.requests[-1].get("stream") and canned.status == 200 and canned.raw is None:
                self.stream(canned)
                return
            payload = canned.raw if canned.raw is not None else _payload(canned)
            try:
                self.send_response(canned.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)
            except OSError:
                pass  # the client gave up waiting, which is what a slow entry is for

        def stream(self, canned: Canned) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()  # and no length: the end of the connection is the end of the reply
            text = canned.text
            pieces = [text[at : at + canned.piece] for at in range(0, len(text), canned.piece)]
            for number, piece in enumerate(pieces):
                if number == canned.cut_after:
                    return
                if _left(self.connection, canned.pace_s):
                    scripted.left_at.append(time.monotonic())
                    scripted.left.set()
                    return
                scripted.sent.append(piece)
                self.send({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
            done = {"index": 0, "delta": {}, "finish_reason": canned.finish_reason}
            self.send({"choices": [done], "usage": None})
            self.send({"choices": [], "usage": _USAGE})
            self.wfile.write(b"data: [DONE]\n\n")

        def send(self, body: dict[str, Any]) -> None:
            head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
            self.wfile.write(f"data: {json.dumps({**head, **body})}\n\n".encode())

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    scripted.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield scripted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _left(connection: socket.socket, seconds: float) -> bool:
    """Wait; whether the client closed the connection meanwhile."""
    readable, _, _ = select.select([connection], [], [], seconds)
    try:
        return bool(readable) and not connection.recv(1, socket.MSG_PEEK)
    except OSError:
        return True


_USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def _payload(canned: Canned) -> bytes:
    if canned.status != 200:
        return json.dumps({"error": {"message": "scripted failure", "type": "scripted"}}).encode()
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": "scripted",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": canned.text},
                    "finish_reason": canned.finish_reason,
                }
            ],
            "usage": _USAGE,
        }
    ).encode()
