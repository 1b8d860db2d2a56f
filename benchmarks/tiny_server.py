"""An OpenAI-compatible server around a checkpoint in this process, for the smoke run.

It saves the start of a server process of its own (`vidence finetune serve` starts those), and answers with
the same code that evaluates models.
"""

from __future__ import annotations

import base64
import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from finetune.release.answering import Answerer, Asked


@contextmanager
def serving(answerer: Answerer, name: str) -> Iterator[str]:
    """Serve a model on 127.0.0.1 and yield its address, ending in `/v1`."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send({"object": "list", "data": [{"id": name, "object": "model"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with tempfile.TemporaryDirectory() as folder, lock:
                (reply,) = answerer.answer([_asked(body["messages"], Path(folder))])
            tokens = [{"token": "", "logprob": value, "top_logprobs": []} for value in reply.logprobs]
            choice = {
                "index": 0,
                "message": {"role": "assistant", "content": reply.text},
                "finish_reason": "stop",
                "logprobs": {"content": tokens} if body.get("logprobs") else None,
            }
            usage = {"prompt_tokens": 0, "completion_tokens": len(tokens), "total_tokens": len(tokens)}
            self._send(
                {
                    "id": "chatcmpl-smoke",
                    "object": "chat.completion",
                    "created": 0,
                    "model": name,
                    "choices": [choice],
                    "usage": usage,
                }
            )

        def _send(self, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _asked(messages: list[dict[str, Any]], folder: Path) -> Asked:
    """Return the last user turn as a question; its first image goes to a file."""
    parts = next(message["content"] for message in reversed(messages) if message["role"] == "user")
    if isinstance(parts, str):
        return Asked(parts)
    text = "\n".join(part["text"] for part in parts if part["type"] == "text")
    for part in parts:
        if part["type"] == "image_url":
            path = folder / "image.png"
            path.write_bytes(base64.b64decode(part["image_url"]["url"].partition(",")[2]))
            return Asked(text, path)
    return Asked(text)
