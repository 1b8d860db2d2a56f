"""Embeddings without a model: words hashed into a small space, deterministic everywhere."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.text import content_words


class HashEmbedder:
    """Texts that share words are near; `name` may differ to stand for another model."""

    dim = 64

    def __init__(self, name: str = "hash-words") -> None:
        self.name = name
        self.hash = f"{zlib.crc32(name.encode()):08x}"
        self.embedded = 0

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += len(texts)
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            row[0] = 0.1
            for word in content_words(text):
                row[1 + zlib.crc32(word.encode()) % (self.dim - 1)] += 1.0
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
