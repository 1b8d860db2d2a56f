"""A checkpoint like the embedded VLM's in every file and name, small enough for tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.vlm.random_parts import random_projector, random_tower, write_parts
from models.vlm_assemble import write_checkpoint
from models.vlm_base import IMAGE_TOKEN, IMAGE_TOKEN_ID, TextShape
from models.vlm_parts import Parts, TowerShape, read_parts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WORDS = (
    "what is the there a shape colour color yes no not circle rectangle triangle red blue green chart bar"
)
_NAMED = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TOWER = TowerShape(layers=2, hidden=64, wide=128, heads=1)


class TinyText:
    """A random Llama of two layers over bytes and a few words."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._tokenizer = _tokenizer()
        self.shape = TextShape(
            layers=2,
            hidden=64,
            wide=128,
            heads=2,
            kv_heads=1,
            head_dim=32,
            vocabulary=self._tokenizer.get_vocab_size(),
            context=1024,
            rope_theta=10_000.0,
            epsilon=1e-5,
        )

    def tensors(self) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Yield the tensors by the names that transformers gives `LlamaModel`."""
        import numpy as np

        rng = np.random.default_rng(self._seed)
        shape = self.shape
        kv = shape.kv_heads * shape.head_dim
        sizes = {
            "self_attn.q_proj": (shape.hidden, shape.hidden),
            "self_attn.k_proj": (kv, shape.hidden),
            "self_attn.v_proj": (kv, shape.hidden),
            "self_attn.o_proj": (shape.hidden, shape.hidden),
            "mlp.gate_proj": (shape.wide, shape.hidden),
            "mlp.up_proj": (shape.wide, shape.hidden),
            "mlp.down_proj": (shape.hidden, shape.wide),
        }
        words = rng.standard_normal((shape.vocabulary, shape.hidden)) * 0.2
        yield "embed_tokens.weight", words.astype(np.float32)
        for layer in range(shape.layers):
            for part, size in sizes.items():
                values = rng.standard_normal(size) * size[1] ** -0.5
                yield f"layers.{layer}.{part}.weight", values.astype(np.float32)
            for norm in ("input_layernorm", "post_attention_layernorm"):
                yield f"layers.{layer}.{norm}.weight", np.ones(shape.hidden, np.float32)
        yield "norm.weight", np.ones(shape.hidden, np.float32)

    def tokenizer_json(self) -> str:
        """Return the tokenizer as the `tokenizers` package writes it."""
        text: str = self._tokenizer.to_str()
        return text


def tiny_parts(seed: int = 0) -> Parts:
    """Return a random tower and projector that fit `TinyText`."""
    return Parts(random_tower(TOWER, seed), random_projector(TOWER.hidden, 64, seed + 1), {})


def tiny_parts_folder(folder: Path, seed: int = 0) -> Path:
    """Write a parts folder that fits `TinyText`: where a training run of a tiny model can start."""
    parts = tiny_parts(seed)
    return write_parts(folder, parts.tower, parts.projector)


def tiny_checkpoint(
    folder: Path, *, parts_folder: Path | None = None, seed: int = 0, merge: bool = True
) -> Path:
    """Write a random checkpoint folder that transformers loads in a moment, and return it.

    Args:
        folder: Where to write; a checkpoint that is there is replaced.
        parts_folder: Trained parts of a tiny model, adapter included, to assemble; random ones without it.
        seed: Of every random weight.
        merge: See `models.vlm_assemble.assemble`.
    """
    parts = read_parts(parts_folder) if parts_folder is not None else tiny_parts(seed)
    return write_checkpoint(TinyText(seed), parts, folder, merge=merge)


def _tokenizer() -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    names = [*_NAMED, *(f"<reserved_{i}>" for i in range(len(_NAMED), IMAGE_TOKEN_ID)), IMAGE_TOKEN]
    symbols = names + sorted(pre_tokenizers.ByteLevel.alphabet())
    merges: list[tuple[str, str]] = []
    for word in _WORDS.split():
        done = "Ġ"
        for letter in word:
            if done + letter not in symbols:
                merges.append((done, letter))
                symbols.append(done + letter)
            done += letter
    tokenizer = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(symbols)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in names])
    return tokenizer
