"""Text embeddings: MiniLM-L6 in process without torch, or any OpenAI-compatible server by setting.

`models.minilm` has the embedded one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from core.certificates import trusted
from core.errors import invalid_input, unavailable
from core.settings import Settings
from models.served import post_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.late_interaction import QueryTokens

_SERVER_BATCH = 64


class Embedder(Protocol):
    """Turns texts into unit vectors. `hash` names the exact model that an index was built with."""

    @property
    def name(self) -> str:
        """The model's name, for people."""
        ...

    @property
    def hash(self) -> str:
        """A hash that changes whenever the vectors would."""
        ...

    @property
    def dim(self) -> int:
        """The length of a vector."""
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, shape (n, dim)."""
        ...


@runtime_checkable
class TokenEmbedder(Embedder, Protocol):
    """An embedder that also gives a vector for each token, from the same pass; `models.late_interaction`."""

    @property
    def token_hash(self) -> str:
        """A hash that changes whenever the token vectors would."""
        ...

    @property
    def token_dim(self) -> int:
        """The length of a token's vector."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[NDArray[np.int8]]]:
        """Return one unit vector a text, shape (n, dim), and its tokens' codes, shape (tokens, token_dim)."""
        ...

    def embed_queries(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[QueryTokens]]:
        """Return one unit vector a query, shape (n, dim), and its tokens."""
        ...


def open_embedder(settings: Settings) -> Embedder:
    """Return the embedder that the settings name; weights load on first use.

    Raises:
        VidenceError: `unavailable` when the embedded model's package is not installed, `invalid_input` when
            the token encoder's file is not there.
    """
    if settings.embeddings == "embedded":
        from models.minilm import TOKENS_FILE, MiniLm, minilm_folder

        fitted = settings.token_encoder != "embedded"  # noqa: S105 (tokens of text)
        tokens = Path(settings.token_encoder).expanduser() if fitted else TOKENS_FILE
        if not tokens.is_file():
            raise invalid_input(
                f"The setting `token_encoder` names no file: {tokens}",
                help="Set VIDENCE_TOKEN_ENCODER to `embedded`, or to a file of `benchmarks.fit_tokens`.",
            )
        return MiniLm(minilm_folder(), tokens)
    base, model = settings.embeddings.removeprefix("openai:").split("#", 1)
    return ServedEmbedder(base, model, api_key=settings.model_api_key, timeout_s=settings.model_timeout_s)


class ServedEmbedder:
    """Embeddings from an OpenAI-compatible server (`POST BASE/embeddings`)."""

    def __init__(
        self, base_url: str, model: str, *, api_key: str = "", timeout_s: float = 60.0, transport: Any = None
    ) -> None:
        self.name = model
        self._url = base_url.rstrip("/") + "/embeddings"
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout_s = timeout_s
        self._transport = transport
        self._dim = 0

    @property
    def hash(self) -> str:
        """Hash of the model's name: a server may move, its model is the same."""
        return hashlib.sha256(f"served:{self.name}".encode()).hexdigest()[:32]

    @property
    def dim(self) -> int:
        """The length of a vector, asked of the server once."""
        return self._dim or int(self.embed(["dimension"]).shape[1])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, shape (n, dim).

        Raises:
            VidenceError: `unavailable`, `timeout` or `rate_limited`, as the server fails.
        """
        import httpx
        import numpy as np

        rows: list[Any] = []
        with httpx.Client(
            timeout=self._timeout_s, headers=self._headers, transport=self._transport, verify=trusted()
        ) as client:
            for start in range(0, len(texts), _SERVER_BATCH):
                rows += self._post(client, [text or " " for text in texts[start : start + _SERVER_BATCH]])
        vectors = np.asarray(rows, dtype=np.float32).reshape(len(rows), -1 if rows else self._dim)
        if not np.isfinite(vectors).all():
            raise unavailable(
                f"{self._url} returned numbers that are not finite", "Check the server's model."
            )
        self._dim = self._dim or int(vectors.shape[1])
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)

    def _post(self, client: Any, texts: list[str]) -> list[list[float]]:
        reply = post_json(
            client,
            self._url,
            {"model": self.name, "input": texts},
            role="embedding",
            setting="VIDENCE_EMBEDDINGS",
            timeout_s=self._timeout_s,
        )
        return _vectors(reply, len(texts), self._url)


def _vectors(reply: Any, expected: int, url: str) -> list[list[float]]:
    try:
        data = sorted(reply.json()["data"], key=lambda item: item["index"])
        found = [[float(value) for value in item["embedding"]] for item in data]
    except (ValueError, KeyError, TypeError) as error:
        raise unavailable(
            f"{url} did not answer as an embedding server does", help="Check the address after `openai:`."
        ) from error
    if len(found) != expected or len({len(vector) for vector in found}) > 1:
        raise unavailable(
            f"{url} returned {len(found)} vectors for {expected} texts", help="Check the server's model."
        )
    return found
