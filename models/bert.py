"""A BERT encoder in numpy: the forward pass of MiniLM without torch.

Sequences are packed, not padded: the linear layers run once over all tokens of a batch, attention runs
by sequence. Architecture: Devlin et al. 2018 (BERT), sections 3 and A.2; pooling and normalisation as in
Reimers and Gurevych 2019 (Sentence-BERT), section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

_EPSILON = np.float32(1e-12)
_BLOCK = 64
"""Rows of the wide layer that GELU works on at a time, so that its passes stay in the cache."""


@dataclass(frozen=True)
class _Layer:
    qkv_w: Array
    qkv_b: Array
    out_w: Array
    out_b: Array
    norm1: tuple[Array, Array]
    up_w: Array
    up_b: Array
    down_w: Array
    down_b: Array
    norm2: tuple[Array, Array]


class BertEncoder:
    """Token ids in, token vectors out.

    Args:
        weights: Tensors by the names that transformers gives `BertModel`, float32.
        layers: Number of transformer layers.
        heads: Number of attention heads.
        branch: Other weights of the layers from `shared` on, which `both` runs beside the model's own.
        shared: How many layers, from the first, the two have in common.
    """

    def __init__(
        self,
        weights: Mapping[str, Array],
        *,
        layers: int,
        heads: int,
        branch: Mapping[str, Array] | None = None,
        shared: int = 0,
    ) -> None:
        self._heads = heads
        self._shared = shared
        self._words = weights["embeddings.word_embeddings.weight"]
        # Every input is one segment, so the segment's vector belongs to the position's.
        self._positions = (
            weights["embeddings.position_embeddings.weight"]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = _norm_of(weights, "embeddings.LayerNorm")
        names = [f"encoder.layer.{index}" for index in range(layers)]
        self._layers = [_layer_of(weights, name, heads) for name in names]
        self._branch = [_layer_of(branch, name, heads) for name in names[shared:]] if branch else None
        self.dim = int(self._words.shape[1])

    def hidden(self, sequences: Sequence[Sequence[int]]) -> Array:
        """Return the last layer's vectors of all tokens, packed: shape (sum of lengths, dim).

        Args:
            sequences: Token ids with the special tokens, each at least one long.
        """
        hidden, spans = self._embedded(sequences)
        return self._run(hidden, self._layers, spans)

    def both(self, sequences: Sequence[Sequence[int]]) -> tuple[Array, Array]:
        """Return the last layer's vectors, packed as `hidden` does, and those of the branch."""
        if self._branch is None:
            hidden = self.hidden(sequences)
            return hidden, hidden
        hidden, spans = self._embedded(sequences)
        lower = self._run(hidden, self._layers[: self._shared], spans)
        upper = self._layers[self._shared :]
        return self._run(lower, upper, spans), self._run(lower, self._branch, spans)

    def _embedded(self, sequences: Sequence[Sequence[int]]) -> tuple[Array, list[tuple[int, int]]]:
        ids = np.concatenate([np.asarray(ids, dtype=np.int64) for ids in sequences])
        lengths = [len(ids) for ids in sequences]
        ends = np.cumsum(lengths)
        spans = [(int(end) - length, int(end)) for end, length in zip(ends, lengths, strict=True)]
        places = np.concatenate([np.arange(length) for length in lengths])
        return _layer_norm(self._words[ids] + self._positions[places], self._norm), spans

    def _run(self, hidden: Array, layers: Sequence[_Layer], spans: list[tuple[int, int]]) -> Array:
        for layer in layers:
            hidden = _forward(hidden, layer, spans, self._heads)
        return hidden


def pool(hidden: Array, lengths: Sequence[int]) -> Array:
    """Return the mean-pooled unit vector of each sequence, shape (n, dim), from packed token vectors."""
    sums = np.add.reduceat(hidden, np.cumsum([0, *lengths[:-1]]), axis=0)
    means = sums / np.asarray(lengths, dtype=np.float32)[:, None]
    return unit(means.astype(np.float32))


def unit(rows: Array) -> Array:
    """Return rows at length 1."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-12), dtype=np.float32)


def _forward(hidden: Array, layer: _Layer, spans: list[tuple[int, int]], heads: int) -> Array:
    heard = _attention(hidden @ layer.qkv_w + layer.qkv_b, spans, heads)
    mixed: Array = heard @ layer.out_w
    mixed += layer.out_b
    mixed += hidden
    hidden = _layer_norm(mixed, layer.norm1)
    wide: Array = hidden @ layer.up_w
    wide += layer.up_b
    _gelu(wide)
    down: Array = wide @ layer.down_w
    down += layer.down_b
    down += hidden
    return _layer_norm(down, layer.norm2)


def _attention(qkv: Array, spans: list[tuple[int, int]], heads: int) -> Array:
    """Scaled dot-product attention by sequence; the scale is already in the query weights."""
    width = qkv.shape[1] // 3
    size = width // heads
    out = np.empty((qkv.shape[0], width), dtype=np.float32)
    for start, end in spans:
        part = qkv[start:end].reshape(end - start, 3, heads, size).transpose(1, 2, 0, 3)
        query, key, value = np.ascontiguousarray(part)
        scores = query @ key.transpose(0, 2, 1)
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        mixed = scores @ value
        mixed /= scores.sum(axis=-1, keepdims=True)
        out[start:end] = mixed.transpose(1, 0, 2).reshape(end - start, width)
    return out


def _layer_norm(values: Array, norm: tuple[Array, Array]) -> Array:
    gain, bias = norm
    values = values - values.mean(axis=1, keepdims=True)
    variance = np.einsum("ij,ij->i", values, values)[:, None] / np.float32(values.shape[1])
    values /= np.sqrt(variance + _EPSILON)
    values *= gain
    values += bias
    return values


def _gelu(values: Array) -> None:
    """GELU in place, with erf by Abramowitz and Stegun 7.1.26 (absolute error below 2e-7)."""
    for start in range(0, values.shape[0], _BLOCK):
        block = values[start : start + _BLOCK]
        scaled = np.abs(block)
        scaled *= np.float32(0.7071067811865476)
        t = scaled * np.float32(0.3275911)
        t += np.float32(1.0)
        np.reciprocal(t, out=t)
        poly = t * np.float32(1.061405429)
        for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
            poly += np.float32(coefficient)
            poly *= t
        np.square(scaled, out=scaled)
        np.negative(scaled, out=scaled)
        np.exp(scaled, out=scaled)
        poly *= scaled
        # poly is 1 - erf(|x| / sqrt 2), so GELU is max(x, 0) - |x| * poly / 2.
        poly *= np.abs(block)
        poly *= np.float32(0.5)
        np.maximum(block, np.float32(0.0), out=block)
        block -= poly


def _norm_of(weights: Mapping[str, Array], name: str) -> tuple[Array, Array]:
    return weights[f"{name}.weight"], weights[f"{name}.bias"]


def _layer_of(weights: Mapping[str, Array], name: str, heads: int) -> _Layer:
    self_name = f"{name}.attention.self"
    query_w = weights[f"{self_name}.query.weight"]
    scale = np.float32((query_w.shape[0] // heads) ** -0.5)
    rest = [weights[f"{self_name}.{part}.weight"] for part in ("key", "value")]
    rest_b = [weights[f"{self_name}.{part}.bias"] for part in ("key", "value")]
    return _Layer(
        qkv_w=_turned(np.concatenate([query_w * scale, *rest])),
        qkv_b=np.concatenate([weights[f"{self_name}.query.bias"] * scale, *rest_b]),
        out_w=_turned(weights[f"{name}.attention.output.dense.weight"]),
        out_b=weights[f"{name}.attention.output.dense.bias"],
        norm1=_norm_of(weights, f"{name}.attention.output.LayerNorm"),
        up_w=_turned(weights[f"{name}.intermediate.dense.weight"]),
        up_b=weights[f"{name}.intermediate.dense.bias"],
        down_w=_turned(weights[f"{name}.output.dense.weight"]),
        down_b=weights[f"{name}.output.dense.bias"],
        norm2=_norm_of(weights, f"{name}.output.LayerNorm"),
    )


def _turned(weight: Array) -> Array:
    """Return a (out, in) weight as contiguous (in, out), for `x @ w`."""
    return np.ascontiguousarray(weight.T)
