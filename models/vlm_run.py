"""Answering with an assembled checkpoint by onnxruntime: greedy, with the probability of every token."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import unavailable
from models.vlm_base import IMAGE_TOKEN_ID, TextShape
from models.vlm_config import END_TOKEN_ID, MEAN, STD, prompt_of
from models.vlm_parts import HEAD_DIM, TowerShape, lacks_package

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Cache = dict[str, NDArray[np.float32]]

_TEXT, _TOWER, _PROJECTOR = "language_model.model.", "vision_tower.vision_model.", "multi_modal_projector."


@dataclass(frozen=True)
class Said:
    """An answer: its text, its tokens and the probability that each had, the end of the turn left out."""

    text: str
    tokens: tuple[int, ...]
    probabilities: tuple[float, ...]
    tokens_in: int

    @property
    def confidence(self) -> float:
        """The geometric mean of the tokens' probabilities, 0 for an empty answer."""
        import math

        if not self.probabilities:
            return 0.0
        logs = [math.log(max(value, 1e-12)) for value in self.probabilities]
        return math.exp(sum(logs) / len(logs))


class Checkpoint:
    """An open checkpoint folder. Not for two threads at once: each answer runs on its own.

    Args:
        folder: As `models.vlm_assemble` writes it.
        threads: Of each product.
        bits: Of the text model's weights, 8 or 32.

    Raises:
        VidenceError: `unavailable` when a package is missing or the folder cannot be read.
    """

    def __init__(self, folder: Path, *, threads: int = 1, bits: int = 8) -> None:
        try:
            import onnx  # noqa: F401
            import onnxruntime  # noqa: F401
            from safetensors.numpy import load_file
            from tokenizers import Tokenizer
        except ImportError as error:
            raise lacks_package(error) from error
        from models import vlm_graph

        try:
            tensors = load_file(str(folder / "model.safetensors"))
            config = json.loads((folder / "config.json").read_text())
            self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:
            raise unavailable(
                f"The embedded VLM in {folder} cannot be read: {error}",
                help="Delete the folder; it is made again at the next use.",
                retryable=False,
            ) from error
        self._shape, tower = shapes(config)
        self._side, self._patches = tower.image, tower.patches
        parts = {prefix: _under(tensors, prefix) for prefix in (_TEXT, _TOWER, _PROJECTOR)}
        self._vectors = parts[_TEXT]["embed_tokens.weight"]
        self._see = vlm_graph.see(_wide(parts[_TOWER]), _wide(parts[_PROJECTOR]), tower, threads)
        self._last: tuple[bytes, Cache] | None = None
        self._speak = vlm_graph.speak(parts[_TEXT], self._shape, threads, bits=bits)

    @classmethod
    def of_sessions(
        cls, see: Any, speak: Any, vectors: Any, tokenizer: Any, config: dict[str, Any]
    ) -> Checkpoint:
        """Make one of open graphs, as an export wrote them.

        Args:
            see: As `models.vlm_graph.see`: has `run(feeds)`.
            speak: As `models.vlm_graph.speak`.
            vectors: Word vectors, shape (vocabulary, hidden).
            tokenizer: The checkpoint's, of the package `tokenizers`.
            config: The checkpoint's config.json.
        """
        made = cls.__new__(cls)
        made._tokenizer, made._vectors, made._see, made._speak = tokenizer, vectors, see, speak
        made._shape, tower = shapes(config)
        made._side, made._patches, made._last = tower.image, tower.patches, None
        return made

    def answer(self, pixels: NDArray[np.uint8], question: str, *, longest: int = 24) -> Said:
        """Answer a question about an RGB image, shape (height, width, 3), in at most `longest` tokens."""
        import numpy as np

        prompt = self._tokenizer.encode(prompt_of(question, self._patches), add_special_tokens=False).ids
        begun, cache = self._begun(pixels, prompt)
        tokens: list[int] = []
        probabilities: list[float] = []
        new, total = prompt[begun:], len(prompt)
        while len(tokens) < longest:
            scores, cache = self._next(self._vectors[new].astype(np.float32), total, cache)
            token = int(scores.argmax())
            if token == END_TOKEN_ID:
                break
            tokens.append(token)
            probabilities.append(_probability(scores, token))
            new, total = [token], total + 1
        text = self._tokenizer.decode(tokens).strip()
        return Said(text, tuple(tokens), tuple(probabilities), len(prompt))

    def _begun(self, pixels: NDArray[np.uint8], prompt: list[int]) -> tuple[int, Cache]:
        """Return how many tokens, up to the end of the image, are done, and their keys and values.

        They are the same for every question about an image; those of the last image are kept.
        """
        import numpy as np

        from models.vlm_graph import empty_cache

        key = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest()
        end = len(prompt) - prompt[::-1].index(IMAGE_TOKEN_ID)
        if self._last is None or self._last[0] != key:
            ids = np.asarray(prompt[:end])
            vectors = self._vectors[ids].astype(np.float32)
            vectors[ids == IMAGE_TOKEN_ID] = self._see.run({"pixels": prepare(pixels, self._side)})[0][0]
            self._last = (key, self._next(vectors, end, empty_cache(self._shape))[1])
        return end, self._last[1]

    def _next(
        self, vectors: NDArray[np.float32], total: int, cache: Cache
    ) -> tuple[NDArray[np.float32], Cache]:
        """Return the scores of the token after `total` ones, of which `vectors` are new, and the cache."""
        from models.vlm_graph import cache_feeds

        scores, *caches = self._speak.run({"vectors": vectors[None], **cache_feeds(total), **cache})
        return scores[0, 0], dict(zip(cache, caches, strict=True))


def prepare(pixels: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """Return an RGB image as the tower's input, shape (1, 3, side, side), -1 to 1.

    The same as the checkpoint's own image processor: squeezed to a square with Pillow's bilinear filter.
    """
    import numpy as np
    from PIL import Image

    resized = Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR)
    values = (np.asarray(resized, dtype=np.float32) / 255.0 - MEAN) / STD
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None], dtype=np.float32)


def shapes(config: dict[str, Any]) -> tuple[TextShape, TowerShape]:
    """Read the sizes of text model and tower out of a checkpoint's config.json."""
    text, tower = config["text_config"], config["vision_config"]
    return (
        TextShape(
            layers=text["num_hidden_layers"],
            hidden=text["hidden_size"],
            wide=text["intermediate_size"],
            heads=text["num_attention_heads"],
            kv_heads=text["num_key_value_heads"],
            head_dim=text["head_dim"],
            vocabulary=text["vocab_size"],
            context=text["max_position_embeddings"],
            rope_theta=text["rope_parameters"]["rope_theta"],
            epsilon=text["rms_norm_eps"],
        ),
        TowerShape(
            # The last layer is the identity that LLaVA's counting asks for.
            layers=tower["num_hidden_layers"] - 1,
            hidden=tower["hidden_size"],
            wide=tower["intermediate_size"],
            heads=max(1, tower["hidden_size"] // HEAD_DIM),
            image=tower["image_size"],
            patch=tower["patch_size"],
        ),
    )


def _probability(scores: NDArray[np.float32], token: int) -> float:
    import numpy as np

    top = float(scores.max())
    return float(np.exp(scores[token] - top) / np.exp(scores - top).sum())


def _under(tensors: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _wide(tensors: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    return {name: np.asarray(value, dtype=np.float32) for name, value in tensors.items()}
