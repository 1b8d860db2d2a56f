"""Vectors that are kept: the same as the model's, and no text is embedded twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.embeddings import TokenEmbedder
from models.kept import keeping
from tests.support.hash_embedder import HashEmbedder
from tests.support.token_embedder import HashTokens

TEXTS = ["the ferry runs on diesel", "a lamp of brass", "", "the ferry runs on diesel"]


class Counting(HashTokens):
    """Counts the texts that it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def embed_passages(self, texts: Sequence[str]) -> Any:
        self.asked += texts
        return super().embed_passages(texts)


def test_kept_vectors_and_tokens_are_the_models_and_outlive_the_process(tmp_path: Path) -> None:
    plain, counting = HashTokens(), Counting()
    for wrapped in (keeping(tmp_path / "v.sqlite")(counting), keeping(tmp_path / "v.sqlite")(counting)):
        assert isinstance(wrapped, TokenEmbedder)
        vectors, codes = wrapped.embed_passages(TEXTS)
        wanted, wanted_codes = plain.embed_passages(TEXTS)
        np.testing.assert_array_equal(vectors, wanted)
        assert all(np.array_equal(one, other) for one, other in zip(codes, wanted_codes, strict=True))
    assert sorted(counting.asked) == sorted(set(TEXTS))


def test_only_new_texts_are_embedded_and_each_comes_back_in_its_place(tmp_path: Path) -> None:
    counting = Counting()
    wrapped: Any = keeping(tmp_path / "v.sqlite")(counting)
    wrapped.embed_passages(TEXTS[:2])
    vectors, _ = wrapped.embed_passages([TEXTS[1], "new", TEXTS[0]])
    assert counting.asked == [*TEXTS[:2], "new"]
    np.testing.assert_array_equal(vectors, HashTokens().embed([TEXTS[1], "new", TEXTS[0]]))


def test_another_model_gets_none_of_its_vectors(tmp_path: Path) -> None:
    class Other(Counting):
        @property
        def token_hash(self) -> str:
            return "another"

    first, second = Counting(), Other()
    for model in (first, second):
        wrapped: Any = keeping(tmp_path / "v.sqlite")(model)
        wrapped.embed_passages(TEXTS[:2])
    assert second.asked == TEXTS[:2]


def test_a_model_without_token_vectors_stays_one(tmp_path: Path) -> None:
    wrapped = keeping(tmp_path / "v.sqlite")(HashEmbedder())
    assert not isinstance(wrapped, TokenEmbedder)
    for _ in range(2):
        np.testing.assert_array_equal(wrapped.embed(TEXTS), HashEmbedder().embed(TEXTS))
    assert wrapped.embed([]).shape == (0, wrapped.dim)
