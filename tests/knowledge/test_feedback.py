from __future__ import annotations

import numpy as np
import pytest

from knowledge.feedback import likeness, reordered

BEST, TWIN, OTHER = [1.0, 0.0], [0.96, 0.28], [0.0, 1.0]


def test_a_piece_like_the_best_one_passes_an_equal_one_that_is_not() -> None:
    scores = np.asarray([0.8, 0.5, 0.49], dtype=np.float32)
    vectors = np.asarray([BEST, OTHER, TWIN], dtype=np.float32)
    assert reordered(scores, vectors).tolist() == pytest.approx([0.8, 0.49, 0.5])


def test_the_level_of_the_scores_stays_whatever_the_order() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(40).astype(np.float32)
    vectors = rng.normal(size=(40, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert sorted(reordered(scores, vectors)) == pytest.approx(sorted(scores))


def test_a_candidate_far_behind_the_best_hardly_steers_the_second_query() -> None:
    scores = np.asarray([0.8, 0.3], dtype=np.float32)
    assert likeness(scores, np.asarray([BEST, OTHER], dtype=np.float32)) == pytest.approx(
        [1.0, 0.0], abs=1e-6
    )
