"""Re-ranking changes the order and keeps the scale; a failing server changes nothing and is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import numpy as np
import pytest

from core.errors import VidenceError
from knowledge.collections import Collections
from knowledge.rerank import combine, expected, late_interaction, word_weights
from knowledge.tokens import TokenLeg
from models.late_interaction import QueryTokens, best_matches, to_codes
from models.reranker import ServedReranker
from tests.support.hash_embedder import HashEmbedder
from tests.support.token_embedder import HashTokens


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.txt").write_text("The pump of the boiler was replaced in spring.")
    (folder / "b.txt").write_text("The pump in the garden, beside the boiler house, waters the roses.")
    (folder / "c.txt").write_text("Roses need water and sun.")
    return folder


@pytest.fixture
def opened(tmp_path: Path, notes: Path) -> Iterator[Callable[..., Collections]]:
    made: list[Collections] = []

    def make(**options: object) -> Collections:
        collections = Collections(tmp_path / "c", HashTokens, **options)  # type: ignore[arg-type]
        made.append(collections)
        if "notes" not in collections.names():
            collections.add("notes", [notes])
        return collections

    yield make
    for collections in made:
        collections.close()


def server(reply: Callable[[list[str]], httpx.Response]) -> ServedReranker:
    def handle(request: httpx.Request) -> httpx.Response:
        import json

        body = json.loads(request.content)
        assert request.url.path == "/v1/rerank"
        assert body["model"] == "cross"
        return reply(body["documents"])

    return ServedReranker("http://models.test/v1", "cross", transport=httpx.MockTransport(handle))


def results(scores: Sequence[float]) -> httpx.Response:
    rows = [{"index": place, "relevance_score": score} for place, score in enumerate(scores)]
    return httpx.Response(200, json={"results": rows[::-1]})


class FixedWeights:
    def weight(self, word: str) -> float:
        return {"rare": 6.0, "the": 1.0}[word]


def test_codes_keep_directions() -> None:
    vectors = np.random.default_rng(0).normal(size=(20, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    codes = to_codes(vectors)
    assert codes.dtype == np.int8
    np.testing.assert_allclose(np.diag(best_matches(vectors, [code[None] for code in codes])), 1.0, atol=1e-3)


def test_each_query_token_takes_its_best_token_of_each_passage() -> None:
    query = np.eye(3, dtype=np.float32)[:2]
    passages = [to_codes(np.eye(3, dtype=np.float32)[[2, 0]]), to_codes(np.eye(3, dtype=np.float32)[[1]])]
    np.testing.assert_allclose(best_matches(query, passages), [[1, 0], [0, 1]], atol=1e-6)


def test_a_word_counts_by_its_rarity_however_many_pieces_it_has() -> None:
    weights = word_weights("the rare", [(0, 3), (4, 6), (6, 8)], FixedWeights())  # type: ignore[arg-type]
    np.testing.assert_allclose(weights, [1 / 7, 3 / 7, 3 / 7], atol=1e-6)


def test_pieces_without_tokens_are_left_out() -> None:
    tokens = QueryTokens(np.eye(2, dtype=np.float32)[:1], [(0, 3)])
    codes = {"none": np.zeros((0, 2), dtype=np.int8), "one": to_codes(np.eye(2, dtype=np.float32)[:1])}
    assert late_interaction(tokens, np.ones(1, dtype=np.float32), codes) == {"one": pytest.approx(1.0)}


def test_what_meets_expectations_keeps_its_score_and_the_rest_moves_with_it() -> None:
    for fused in (0.1, 0.4, 0.8):
        assert combine(fused, expected(fused)) == pytest.approx(fused)
        assert combine(fused, None) == fused
        assert combine(fused, expected(fused) + 0.1) > fused > combine(fused, expected(fused) - 0.1)
    assert 0.0 <= combine(0.0, 0.0) <= combine(1.0, 1.0) <= 1.0


def test_token_vectors_are_stored_with_an_add_and_searched(opened: Callable[..., Collections]) -> None:
    collections = opened()
    hits = collections.search("notes", "boiler pump", 3)
    assert all("tokens" in hit.parts for hit in hits)
    assert all(
        "tokens" not in hit.parts for hit in collections.search("notes", "boiler pump", 3, rerank=False)
    )
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_lost_token_vectors_are_found_and_made_again(
    opened: Callable[..., Collections], tmp_path: Path
) -> None:
    collections = opened()
    leg = TokenLeg(tmp_path / "c" / "notes" / "tokens.db")
    before = leg.get(sorted(leg.ids()), HashTokens().token_dim)
    leg.delete(sorted(before)[:1])
    leg.put({"c-of-nothing": np.zeros((1, HashTokens.token_dim), dtype=np.int8)}, HashTokens().token_hash)
    report = collections.verify("notes")
    assert (report.ok, report.missing_tokens, report.extra_tokens) == (False, 1, 1)
    assert collections.verify("notes", repair=True).ok
    assert collections.verify("notes").ok
    after = leg.get(sorted(leg.ids()), HashTokens.token_dim)
    assert after.keys() == before.keys()
    assert all(np.array_equal(after[id_], before[id_]) for id_ in before)
    leg.close()


def test_an_index_of_another_token_model_is_searched_without_it_and_says_so_until_it_is_mended(
    opened: Callable[..., Collections], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opened().close()
    leg = TokenLeg(tmp_path / "c" / "notes" / "tokens.db")
    leg.put({}, "another")
    leg.close()
    collections = opened()
    hits = collections.search("notes", "boiler pump", 3)
    assert all("tokens" not in hit.parts for hit in hits)
    assert all("another encoder" in hit.note and "verify notes --repair" in hit.note for hit in hits)
    assert "another encoder" in caplog.text
    report = collections.verify("notes")
    assert not report.ok
    assert report.missing_tokens == 3
    assert collections.verify("notes", repair=True).ok
    mended = collections.search("notes", "boiler pump", 3)
    assert all("tokens" in hit.parts and not hit.note for hit in mended)


def test_a_served_reranker_gives_the_order_and_leaves_the_scale(opened: Callable[..., Collections]) -> None:
    plain = opened().search("notes", "boiler pump", 3)
    last = plain[-1].text
    reranker = server(lambda texts: results([9.0 if text.endswith(last) else -3.0 for text in texts]))
    hits = opened(reranker=reranker).search("notes", "boiler pump", 3)
    assert hits[0].text == last
    assert hits[0].parts["reranker"] == 9.0
    assert [hit.score for hit in hits] == [hit.score for hit in plain]


@pytest.mark.parametrize(
    "reply",
    [
        lambda texts: httpx.Response(500, text="out of memory"),
        lambda texts: httpx.Response(200, json={"data": []}),
        lambda texts: results([0.5] * (len(texts) - 1)),
        lambda texts: httpx.Response(
            200,
            content=b'{"results": ['
            + b",".join(b'{"index": %d, "relevance_score": NaN}' % n for n in range(len(texts)))
            + b"]}",
        ),
    ],
)
def test_a_failing_server_leaves_the_embedded_order_and_is_named(
    opened: Callable[..., Collections],
    reply: Callable[[list[str]], httpx.Response],
    caplog: pytest.LogCaptureFixture,
) -> None:
    plain = opened().search("notes", "boiler pump", 3)
    hits = opened(reranker=server(reply)).search("notes", "boiler pump", 3)
    assert [hit.id for hit in hits] == [hit.id for hit in plain]
    assert all("cross" in hit.note for hit in hits)
    assert "not re-ranked by cross" in caplog.text


def test_a_server_is_not_asked_without_rerank(opened: Callable[..., Collections]) -> None:
    def refuse(texts: list[str]) -> httpx.Response:
        raise AssertionError("asked")

    assert opened(reranker=server(refuse)).search("notes", "boiler pump", 3, rerank=False)


def test_a_busy_server_is_typed() -> None:
    reranker = server(lambda texts: httpx.Response(429))
    with pytest.raises(VidenceError) as caught:
        reranker.relevance("q", ["a"])
    assert caught.value.kind == "rate_limited"


def test_diversity_puts_the_unlike_before_the_nearly_same(tmp_path: Path) -> None:
    folder = tmp_path / "twins"
    folder.mkdir()
    (folder / "a.txt").write_text("The boiler pump needs oil every month.")
    (folder / "b.txt").write_text("The boiler pump needs oil every month, always.")
    (folder / "c.txt").write_text("Replace a broken boiler valve at once.")
    collections = Collections(tmp_path / "c", HashEmbedder)
    collections.add("twins", [folder])
    plain = [hit.doc_id for hit in collections.search("twins", "boiler pump oil", 2)]
    diverse = [hit.doc_id for hit in collections.search("twins", "boiler pump oil", 2, diversity=0.6)]
    assert set(plain) == {"a.txt", "b.txt"}
    assert diverse[0] == plain[0]
    assert diverse[1] == "c.txt"
    with pytest.raises(VidenceError, match="diversity"):
        collections.search("twins", "boiler", 2, diversity=1.5)
    collections.close()
