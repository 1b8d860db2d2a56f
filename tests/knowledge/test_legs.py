"""The word leg and the fused score: bounds hold, and fusing never hides what one leg is sure of."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contracts import Locator
from knowledge import sparse
from knowledge.fusion import fuse, normalise_dense, normalise_sparse, top
from knowledge.legs import Change, LegRecord
from knowledge.records import Piece, Prepared, SourceDocument
from knowledge.store.manifest import Manifest

TEXTS = ["the cat sat on the mat", "dogs chase cats", "parse_config reads YamlSettings", ""]


def leg_of(folder: Path, texts: list[str]) -> sparse.SparseLeg:
    sparse.build(folder / "1", enumerate(texts, start=10))
    return sparse.SparseLeg(folder / "1")


def test_words_are_stemmed_and_identifiers_split() -> None:
    assert sparse.tokens("The cats' running") == ["cat", "run"]
    assert sparse.tokens("parse_config") == ["parse_config", "pars", "config"]
    assert "yaml" in sparse.tokens("YamlSettings")
    assert "not" not in sparse.tokens("it is")
    assert sparse.tokens("灯塔建于1884年") == ["灯塔", "塔建", "建于", "1884", "年"]
    assert set(sparse.tokens("灯塔多高")) & set(sparse.tokens("这座灯塔"))


def test_scores_follow_the_numbers_given_and_stay_under_their_bound(tmp_path: Path) -> None:
    leg = leg_of(tmp_path, TEXTS)
    assert leg.numbers.tolist() == [10, 11, 12, 13]
    scores, bound = leg.scores("cat chasing")
    assert int(np.argmax(scores)) == 1
    assert 0 < scores.max() <= bound
    assert scores[2] == 0


def test_a_word_that_is_nowhere_lowers_every_normalised_score(tmp_path: Path) -> None:
    leg = leg_of(tmp_path, TEXTS)
    scores, bound = leg.scores("cat")
    _, harder = leg.scores("cat zeppelin")
    assert harder > bound
    assert normalise_sparse(float(scores.max()), harder) < normalise_sparse(float(scores.max()), bound)
    nothing, _ = leg.scores("zeppelin")
    assert not nothing.any()


def test_an_empty_index_and_one_without_words_can_be_asked(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert leg_of(tmp_path / "a", []).scores("cat")[0].shape == (0,)
    assert not leg_of(tmp_path / "b", ["", "..."]).scores("cat")[0].any()


@given(st.floats(-1, 1), st.floats(0, 50), st.floats(0.01, 50), st.floats(0, 1))
def test_fused_scores_stay_in_bounds_and_between_their_parts(
    cosine: float, score: float, bound: float, weight: float
) -> None:
    dense, words = normalise_dense(cosine), normalise_sparse(score, bound)
    fused = fuse(dense, words, weight)
    assert min(dense, words) - 1e-9 <= fused <= max(dense, words) + 1e-9


def test_ties_are_broken_the_same_way_every_time() -> None:
    assert top({"b": 0.5, "a": 0.5, "c": 0.9}, 2) == [("c", 0.9), ("a", 0.5)]


def _manifest_of(folder: Path, texts: list[str]) -> Manifest:
    manifest = Manifest(folder / "manifest.db")
    _write(manifest, 0, texts)
    return manifest


def _write(manifest: Manifest, first: int, texts: list[str]) -> None:
    batch = []
    for place, text in enumerate(texts, start=first):
        document = SourceDocument(f"s{place}", f"s{place}", "", f"{text}", list)
        batch.append(Prepared(document, [Piece(text, "passage", Locator(path=f"s{place}"))]))
    manifest.write(batch, {}, "none")


def _bring(leg: sparse.WordLeg, manifest: Manifest) -> sparse.SparseLeg:
    record = manifest.leg("sparse")
    change = manifest.changes() if record else Change(whole=True)
    state = leg.update(manifest, record.state if record else "", change, None)
    manifest.publish({"sparse": LegRecord(leg.version, manifest.version + 1, state)})
    leg.tidy(manifest, state)
    manifest.purge()
    return leg.open(state)


def test_many_small_adds_with_replacements_score_like_one_build_and_like_bm25s(tmp_path: Path) -> None:
    bm25s = pytest.importorskip("bm25s")
    chosen = random.Random(5)
    words = [f"word{n}" for n in range(60)]
    texts = [" ".join(chosen.choices(words, k=chosen.randint(1, 50))) for _ in range(240)]
    manifest, leg = _manifest_of(tmp_path / "many", texts[:100]), sparse.WordLeg(tmp_path / "many" / "sparse")
    opened = _bring(leg, manifest)
    for start in range(100, 200, 5):
        _write(manifest, start, texts[start : start + 5])
        opened = _bring(leg, manifest)
    # Some of the first are replaced, which leaves their old numbers in the large segment.
    for place in range(20):
        _write(manifest, place, [texts[200 + place]])
    opened = _bring(leg, manifest)
    assert len(list((tmp_path / "many" / "sparse").glob("*/segment.json"))) <= 6
    kept = [*texts[20:200], *texts[200:220]]
    reference = bm25s.BM25(k1=1.2, b=0.75, method="lucene")
    reference.index([sparse.tokens(text) for text in kept], show_progress=False)
    whole = leg_of(tmp_path, kept)
    for query in ("word3 word7", "word1 word2 word3 word59", "word11"):
        scores, bound = opened.scores(query)
        expected, one_bound = whole.scores(query)
        assert np.allclose(scores, expected, atol=1e-6)
        assert bound == pytest.approx(one_bound)
        assert np.allclose(scores, reference.get_scores(sparse.tokens(query)), atol=1e-5)
    assert (np.diff(opened.numbers) > 0).all()
    assert not leg.check(manifest, manifest.leg("sparse").state)  # type: ignore[union-attr]
    manifest.close()


def test_a_damaged_segment_is_found_by_its_checksum(tmp_path: Path) -> None:
    manifest, leg = (
        _manifest_of(tmp_path, ["the cat", "a dog and a cat"]),
        sparse.WordLeg(tmp_path / "sparse"),
    )
    _bring(leg, manifest)
    record = manifest.leg("sparse")
    assert record is not None
    [body] = (tmp_path / "sparse").glob("*/counts.npy")
    data = bytearray(body.read_bytes())
    data[-1] ^= 1
    body.write_bytes(bytes(data))
    assert leg.check(manifest, record.state).whole
    assert leg.sound(manifest, record.state)
    manifest.close()
