"""The embedding model: the vectors are the published model's, and a server's failures are typed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import httpx
import numpy as np
import pytest

from core.errors import VidenceError
from core.settings import Settings
from models import minilm
from models.embeddings import ServedEmbedder, TokenEmbedder, open_embedder


def served(reply: Callable[[httpx.Request], httpx.Response]) -> ServedEmbedder:
    return ServedEmbedder("http://models.test/v1", "tiny", transport=httpx.MockTransport(reply))


def test_minilm_gives_the_similarities_of_its_model_card() -> None:
    embedder = open_embedder(Settings())
    vectors = embedder.embed(
        [
            "That is a happy person",
            "That is a happy dog",
            "That is a very happy person",
            "Today is a sunny day",
        ]
    )
    assert vectors.dtype == np.float32
    assert vectors.shape == (4, embedder.dim)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(vectors[0] @ vectors.T, [1.0, 0.695, 0.943, 0.257], atol=1e-3)


def test_a_batch_gives_the_same_vectors_as_one_text_at_a_time() -> None:
    embedder = open_embedder(Settings())
    texts = ["short", "a much longer text about retrieval " * 60, "", "ünïcode 中文"]
    together = embedder.embed(texts)
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_missing_model_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "MINILM_PACKAGE", "no_such_package_of_weights")
    with pytest.raises(VidenceError, match="not installed") as caught:
        open_embedder(Settings())
    assert caught.value.kind == "unavailable"
    assert "requirements-models.txt" in caught.value.help


def test_served_vectors_are_put_in_order_and_made_unit_length() -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        assert body["model"] == "tiny"
        rows = [{"index": index, "embedding": [index + 1.0, 0.0]} for index in range(len(body["input"]))]
        return httpx.Response(200, json={"data": rows[::-1]})

    embedder = served(reply)
    np.testing.assert_allclose(embedder.embed(["a", "b"]), [[1.0, 0.0], [1.0, 0.0]])
    assert embedder.dim == 2
    assert embedder.embed([]).shape == (0, 2)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (httpx.Response(429), "rate_limited"),
        (httpx.Response(500, text="boom"), "unavailable"),
        (httpx.Response(200, text="<html>"), "unavailable"),
        (httpx.Response(200, json={"data": []}), "unavailable"),
        (httpx.ConnectError("refused"), "unavailable"),
        (httpx.ReadTimeout("slow"), "timeout"),
    ],
)
def test_a_failing_server_is_a_typed_error(reply: httpx.Response | Exception, kind: str) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        if isinstance(reply, Exception):
            raise reply
        return reply

    with pytest.raises(VidenceError) as caught:
        served(answer).embed(["a"])
    assert caught.value.kind == kind


def test_numpy_gives_the_same_vectors_as_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["short", "a longer text about retrieval " * 30]
    fast = open_embedder(Settings()).embed(texts)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    np.testing.assert_allclose(open_embedder(Settings()).embed(texts), fast, atol=1e-5)


def test_tokens_come_with_the_characters_they_cover_and_without_marks() -> None:
    embedder = open_embedder(Settings())
    assert isinstance(embedder, TokenEmbedder)
    query = "Aspirin, (daily)!"
    vectors, (tokens,) = embedder.embed_queries([query])
    np.testing.assert_allclose(vectors, embedder.embed([query]), atol=1e-5)
    assert "".join(query[start:end] for start, end in tokens.spans) == "Aspirindaily"
    assert tokens.vectors.shape == (len(tokens.spans), embedder.token_dim)
    np.testing.assert_allclose(np.linalg.norm(tokens.vectors, axis=1), 1.0, atol=1e-5)


def test_a_passage_without_words_has_no_tokens() -> None:
    embedder = open_embedder(Settings())
    assert isinstance(embedder, TokenEmbedder)
    _, codes = embedder.embed_passages(["...", "words"])
    assert [len(code) for code in codes] == [0, 1]
