"""A reranker on a server, in the shape that Jina, Cohere and vLLM share: `POST BASE/rerank`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

from core.certificates import trusted
from core.errors import unavailable
from core.settings import Settings
from models.served import post_json


class Reranker(Protocol):
    """Says how relevant texts are to a query."""

    @property
    def name(self) -> str:
        """The model's name, for people."""
        ...

    def relevance(self, query: str, texts: Sequence[str]) -> list[float]:
        """Return a finite number a text, higher for what is more relevant."""
        ...


def open_reranker(settings: Settings) -> Reranker | None:
    """Return the reranker that the settings name, or None for the one built into the index."""
    if settings.reranker == "embedded":
        return None
    base, model = settings.reranker.removeprefix("openai:").split("#", 1)
    return ServedReranker(base, model, api_key=settings.model_api_key, timeout_s=settings.model_timeout_s)


class ServedReranker:
    """Relevance from a server: `{model, query, documents}` to `{results: [{index, relevance_score}]}`."""

    def __init__(
        self, base_url: str, model: str, *, api_key: str = "", timeout_s: float = 60.0, transport: Any = None
    ) -> None:
        self.name = model
        self._url = base_url.rstrip("/") + "/rerank"
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout_s = timeout_s
        self._transport = transport

    def relevance(self, query: str, texts: Sequence[str]) -> list[float]:
        """Return the server's relevance of each text.

        Raises:
            VidenceError: `unavailable`, `timeout` or `rate_limited`, as the server fails.
        """
        import httpx

        body = {
            "model": self.name,
            "query": query,
            "documents": list(texts),
            "top_n": len(texts),
            "return_documents": False,
        }
        with httpx.Client(
            timeout=self._timeout_s, headers=self._headers, transport=self._transport, verify=trusted()
        ) as client:
            reply = post_json(
                client,
                self._url,
                body,
                role="reranking",
                setting="VIDENCE_RERANKER",
                timeout_s=self._timeout_s,
            )
        return _scores(reply, len(texts), self._url)


def _scores(reply: Any, expected: int, url: str) -> list[float]:
    try:
        found = {int(row["index"]): float(row["relevance_score"]) for row in reply.json()["results"]}
    except (ValueError, KeyError, TypeError) as error:
        raise unavailable(
            f"{url} did not answer as a reranking server does", help="Check the address after `openai:`."
        ) from error
    if set(found) != set(range(expected)) or not all(map(math.isfinite, found.values())):
        raise unavailable(
            f"{url} did not give a finite score to each of {expected} texts", help="Check the server's model."
        )
    return [found[index] for index in range(expected)]
