"""Answers of a model behind an OpenAI-compatible server, several at once, with token log-probabilities."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from core.certificates import trusted
from core.errors import unavailable
from finetune.release.answering import MAX_NEW_TOKENS, Asked, Progress, Reply, open_image
from models.served import post_json


class ServedAnswerer:
    """Asks `POST BASE/chat/completions` greedily, the image first, as the chat template puts it.

    Args:
        base_url: Ends in `/v1`.
        model: The model's name on the server.
        at_once: Requests in flight.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str = "",
        timeout_s: float = 60.0,
        at_once: int = 4,
        max_new_tokens: int = MAX_NEW_TOKENS,
        logprobs: bool = True,
    ) -> None:
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._model = model
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout_s = timeout_s
        self._at_once = at_once
        self._max_new_tokens = max_new_tokens
        self._logprobs = logprobs

    def answer(self, asked: Sequence[Asked], progress: Progress | None = None) -> list[Reply]:
        """Return one reply a question, in order; without log-probabilities their confidence is 0.

        Raises:
            VidenceError: `unavailable`, `timeout` or `rate_limited`, as the server failed.
        """
        import httpx

        replies: list[Reply] = []
        with (
            httpx.Client(timeout=self._timeout_s, headers=self._headers, verify=trusted()) as client,
            ThreadPoolExecutor(self._at_once) as pool,
        ):
            for reply in pool.map(lambda one: self._ask(client, one), asked):
                replies.append(reply)
                if progress is not None:
                    progress(len(replies), len(asked))
        return replies

    def body(self, asked: Asked) -> dict[str, Any]:
        """Return the request's JSON."""
        parts: list[dict[str, Any]] = [{"type": "text", "text": asked.question}]
        pixels = open_image(asked)
        if pixels is not None:
            parts.insert(0, {"type": "image_url", "image_url": {"url": _data_url(pixels)}})
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": "user", "content": parts}],
            "temperature": 0.0,
            "max_tokens": self._max_new_tokens,
        }
        return {**body, "logprobs": True} if self._logprobs else body

    def _ask(self, client: Any, asked: Asked) -> Reply:
        reply = post_json(
            client,
            self._url,
            self.body(asked),
            role="vision",
            setting="VIDENCE_VLM",
            timeout_s=self._timeout_s,
        )
        try:
            return reply_of(reply.json())
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise unavailable(
                f"{self._url} sent something that is not a chat completion", help="Check the address."
            ) from error


def reply_of(body: Any) -> Reply:
    """Return the answer in a chat completion; the end of the turn, which some servers list, is left out.

    Raises:
        KeyError, IndexError, TypeError, AttributeError: It is not a chat completion.
    """
    choice = body["choices"][0]
    text = (choice["message"]["content"] or "").strip()
    tokens = list((choice.get("logprobs") or {}).get("content") or [])
    if tokens and choice.get("finish_reason") == "stop":
        last = str(tokens[-1]["token"]).strip()
        if not last or not text.endswith(last):
            tokens.pop()
    return Reply(text, tuple(float(token["logprob"]) for token in tokens))


def _data_url(pixels: Any) -> str:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
