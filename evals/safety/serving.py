"""The obeying model behind OpenAI's protocol on the loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from evals.safety.loopback import on_loopback
from evals.safety.obeying import ObeyingModel

MODEL = "obeying"


@contextmanager
def serve(model: ObeyingModel) -> Iterator[str]:
    """Serve a model on 127.0.0.1 and yield its address as the value of a role's setting."""

    def reply(path: str, sent: bytes) -> bytes:
        return _completion(model.reply(json.loads(sent)))

    with on_loopback(reply, "application/json") as address:
        yield f"openai:{address}/v1#{MODEL}"


def _completion(text: str) -> bytes:
    message = {"role": "assistant", "content": text}
    body = {
        "id": "chatcmpl-obeying",
        "object": "chat.completion",
        "created": 0,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    return json.dumps(body).encode()
