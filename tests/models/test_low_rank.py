"""A branch of changed layers gives other token vectors and leaves the sentence vectors as they are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import VidenceError
from core.settings import Settings
from models.embeddings import TokenEmbedder, open_embedder
from models.low_rank import changed, targets
from models.minilm import TOKENS_FILE, MiniLm, minilm_folder

TEXTS = ["Aspirin lowers the risk of stroke.", "A longer text about retrieval, read twice. " * 12]


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """Token weights with changes of the two upper layers."""
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {"projection": rng.normal(size=(128, 384)).astype(np.float16)}
    for layer in (4, 5):
        for name, out, into in (
            (f"encoder.layer.{layer}.attention.self.query", 384, 384),
            (f"encoder.layer.{layer}.output.dense", 384, 1536),
        ):
            arrays[f"{name}.lora_A"] = (rng.normal(size=(4, into)) * 0.05).astype(np.float16)
            arrays[f"{name}.lora_B"] = (rng.normal(size=(out, 4)) * 0.05).astype(np.float16)
    file = tmp_path / "tokens.npz"
    np.savez(file, **arrays)
    return file


def test_factors_are_added_to_their_matrix_alone() -> None:
    weights = {"a.weight": np.ones((2, 3), dtype=np.float32), "b.weight": np.zeros((2, 3), dtype=np.float32)}
    down, up = np.full((1, 3), 2.0, dtype=np.float32), np.full((2, 1), 3.0, dtype=np.float32)
    factors = {"a.lora_A": down, "a.lora_B": up, "projection": down}
    assert targets(factors) == ["a"]
    found = changed(weights, factors)
    np.testing.assert_array_equal(found["a.weight"], np.full((2, 3), 7.0))
    assert found["b.weight"] is weights["b.weight"]
    np.testing.assert_array_equal(weights["a.weight"], np.ones((2, 3)))


def test_a_branch_leaves_sentence_vectors_alone_and_moves_tokens(trained: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.npz"
    with np.load(trained) as file:
        np.savez(plain, projection=file["projection"])
    without, model = MiniLm(minilm_folder(), plain), MiniLm(minilm_folder(), trained)
    vectors, codes = model.embed_passages(TEXTS)
    np.testing.assert_allclose(vectors, without.embed(TEXTS), atol=1e-5)
    np.testing.assert_allclose(model.embed(TEXTS), vectors, atol=1e-5)
    before = without.embed_passages(TEXTS)[1]
    assert [code.shape for code in codes] == [code.shape for code in before]
    assert all((code != old).any() for code, old in zip(codes, before, strict=True))


def test_numpy_runs_the_branch_as_onnxruntime_does(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = MiniLm(minilm_folder(), trained).embed_queries(TEXTS)[1]
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    slow = MiniLm(minilm_folder(), trained).embed_queries(TEXTS)[1]
    for one, other in zip(fast, slow, strict=True):
        np.testing.assert_allclose(one.vectors, other.vectors, atol=1e-4)


def test_other_token_weights_have_another_hash_and_the_same_sentence_model(trained: Path) -> None:
    shipped, other = MiniLm(minilm_folder(), TOKENS_FILE), MiniLm(minilm_folder(), trained)
    assert shipped.hash == other.hash
    assert shipped.token_hash != other.token_hash


def test_the_setting_names_other_token_weights(trained: Path, tmp_path: Path) -> None:
    chosen = open_embedder(Settings(token_encoder=str(trained)))
    assert isinstance(chosen, TokenEmbedder)
    assert chosen.token_hash == MiniLm(minilm_folder(), trained).token_hash
    with pytest.raises(VidenceError, match="names no file") as caught:
        open_embedder(Settings(token_encoder=str(tmp_path / "missing.npz")))
    assert caught.value.kind == "invalid_input"


@pytest.mark.parametrize("body", [b"no arrays", None])
def test_a_file_of_something_else_is_a_typed_error(body: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "other.npz"
    if body is None:
        np.savez(file, projection=np.zeros((3, 4)))
    else:
        file.write_bytes(body)
    with pytest.raises(VidenceError, match="token weights") as caught:
        open_embedder(Settings(token_encoder=str(file))).embed(["text"])
    assert caught.value.kind == "invalid_input"
