"""Answers with the log-probabilities of their tokens from any OpenAI-compatible server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.certificates import trusted
from core.errors import invalid_input, unavailable
from core.settings import Settings
from finetune.loop.fill import Answerer, ScoredAnswer
from finetune.loop.uncertainty import TokenScore
from models.served import post_json

TOP = 5
_MAX_TOKENS = 32


def open_answerer(settings: Settings) -> Answerer:
    """Return the served VLM of the settings; raises `invalid_input` when it is the embedded one."""
    if settings.vlm == "embedded":
        raise invalid_input(
            "A pool is asked of a served VLM, and VIDENCE_VLM is `embedded`",
            help="Serve a model (vidence finetune serve) and set VIDENCE_VLM=openai:BASE_URL#MODEL.",
        )
    base, model = settings.vlm.removeprefix("openai:").split("#", 1)
    return ServedAnswerer(base, model, api_key=settings.model_api_key, timeout_s=settings.model_timeout_s)


class ServedAnswerer:
    """Asks `POST BASE/chat/completions` greedily, with `logprobs`."""

    def __init__(self, base_url: str, model: str, *, api_key: str = "", timeout_s: float = 60.0) -> None:
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._model = model
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout_s = timeout_s

    def answer(self, question: str, image: Path | None) -> ScoredAnswer:
        """Return the greedy answer and its tokens' scores.

        Raises:
            VidenceError: `unavailable` when the server fails, or gives no log-probabilities.
        """
        import httpx

        from models.vlm import data_url

        parts: list[dict[str, Any]] = [{"type": "text", "text": question}]
        if image is not None:
            parts.insert(0, {"type": "image_url", "image_url": {"url": data_url(image)}})
        body = {
            "model": self._model,
            "messages": [{"role": "user", "content": parts}],
            "temperature": 0.0,
            "max_tokens": _MAX_TOKENS,
            "logprobs": True,
            "top_logprobs": TOP,
        }
        with httpx.Client(timeout=self._timeout_s, headers=self._headers, verify=trusted()) as client:
            reply = post_json(
                client, self._url, body, role="vision", setting="VIDENCE_VLM", timeout_s=self._timeout_s
            )
        try:
            choice = reply.json()["choices"][0]
            tokens = tuple(map(_token, choice["logprobs"]["content"]))
            return ScoredAnswer(text=(choice["message"]["content"] or "").strip(), tokens=tokens)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise unavailable(
                f"{self._url} sent no log-probabilities",
                help="Use a server that supports `logprobs`, such as vLLM.",
                retryable=False,
            ) from error


def _token(item: dict[str, Any]) -> TokenScore:
    top = tuple(float(one["logprob"]) for one in item.get("top_logprobs") or ())
    return TokenScore(float(item["logprob"]), top)
