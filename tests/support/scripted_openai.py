"""A local OpenAI-compatible server that replays a script, one entry a request."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Canned:
    """One reply: a text (or an object, sent as JSON text), or a status, or raw bytes; after a delay."""

    content: str | dict[str, Any] = ""
    status: int = 200
    raw: bytes | None = None
    delay_s: float = 0.0
    finish_reason: str = "stop"


@dataclass
class ScriptedOpenAI:
    """The running server: its address as a setting, and every request it got."""

    script: list[Canned]
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)

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
            canned = scripted.next()
            time.sleep(canned.delay_s)
            payload = canned.raw if canned.raw is not None else _payload(canned)
            try:
                self.send_response(canned.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)
            except OSError:
                pass  # the client gave up waiting, which is what a slow entry is for

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


def _payload(canned: Canned) -> bytes:
    if canned.status != 200:
        return json.dumps({"error": {"message": "scripted failure", "type": "scripted"}}).encode()
    text = canned.content if isinstance(canned.content, str) else json.dumps(canned.content)
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": "scripted",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": canned.finish_reason,
                }
            ],
            "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        }
    ).encode()
