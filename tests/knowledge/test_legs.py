"""The word leg and the fused score: bounds hold, and fusing never hides what one leg is sure of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from knowledge import sparse
from knowledge.fusion import fuse, normalise_dense, normalise_sparse, top

TEXTS = ["the cat sat on the mat", "dogs chase cats", "parse_config reads YamlSettings", ""]


def leg_of(folder: Path, texts: list[str]) -> sparse.SparseLeg:
    sparse.build(folder / "1", enumerate(texts, start=10))
    return sparse.SparseLeg(folder / "1")


def test_words_are_stemmed_and_identifiers_split() -> None:
    assert sparse.tokens("The cats' running") == ["cat", "run"]
    assert sparse.tokens("parse_config") == ["parse_config", "pars", "config"]
    assert "yaml" in sparse.tokens("YamlSettings")
    assert "not" not in sparse.tokens("it is")


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
