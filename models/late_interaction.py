"""Late interaction: token vectors small enough to keep, and the similarity of a query to them.

Khattab and Zaharia 2020 (ColBERT), section 3.2: a query bears on a passage as far as each of its tokens
finds a like token there. The vectors are the encoder's last layer, projected, at length 1 and in 8 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from models.bert import unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]
    Codes = NDArray[np.int8]


@dataclass(frozen=True)
class QueryTokens:
    """The tokens of one query: unit vectors, shape (n, dims), and the characters that each covers."""

    vectors: Array
    spans: Sequence[tuple[int, int]]


def to_codes(vectors: Array) -> Codes:
    """Return vectors in 8 bits, shape (n, dims); their length is lost, their direction kept."""
    peak = np.maximum(np.abs(vectors).max(axis=1, keepdims=True), 1e-12)
    return np.asarray(np.rint(vectors * (127.0 / peak)), dtype=np.int8)


def best_matches(query: Array, passages: Sequence[Codes]) -> Array:
    """Return each query token's highest cosine in each passage, shape (tokens, passages).

    Args:
        query: Unit vectors, shape (tokens, dims).
        passages: Codes of `to_codes`, shape (n, dims) each, none empty.
    """
    codes = np.concatenate(passages).astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", codes, codes))
    # BLAS's own threads spin while they wait, which costs more than it gains on cores that others share.
    with _blas().limit(limits=1, user_api="blas"):
        cosines = (query @ codes.T) / np.maximum(lengths, 1e-12)
    starts = np.cumsum([0, *(len(passage) for passage in passages[:-1])])
    return np.asarray(np.maximum.reduceat(cosines, starts, axis=1), dtype=np.float32)


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def project(hidden: Array, projection: Array) -> Array:
    """Return the unit vectors of tokens, shape (n, dims), from the encoder's, shape (n, dim)."""
    return unit(hidden @ projection.T)
