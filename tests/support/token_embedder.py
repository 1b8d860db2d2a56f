"""The deterministic embedder with token vectors: a word is met by itself, and by words that begin like it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.late_interaction import QueryTokens, to_codes
from tests.support.hash_embedder import HashEmbedder


class HashTokens(HashEmbedder):
    """Each word is a vector made from its first five letters."""

    token_dim = 32

    @property
    def token_hash(self) -> str:
        return f"tokens-{self.hash}"

    def embed_passages(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[NDArray[np.int8]]]:
        return self.embed(texts), [to_codes(self._tokens(text).vectors) for text in texts]

    def embed_queries(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[QueryTokens]]:
        return self.embed(texts), [self._tokens(text) for text in texts]

    def _tokens(self, text: str) -> QueryTokens:
        words = list(re.finditer(r"\w+", text))
        rows = [
            np.random.default_rng(zlib.crc32(word[0][:5].lower().encode())).normal(size=self.token_dim)
            for word in words
        ]
        vectors = np.asarray(rows, dtype=np.float32).reshape(-1, self.token_dim)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        return QueryTokens(vectors, [match.span() for match in words])
