from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.loop.density import combined, density, pick_diverse
from finetune.loop.uncertainty import MEASURES, TokenScore, entropy, least_confidence, margin


def token(*shares: float) -> TokenScore:
    logs = tuple(math.log(share) for share in shares)
    return TokenScore(logs[0], logs)


def test_a_sure_answer_scores_nothing_and_an_even_choice_scores_all() -> None:
    sure = [TokenScore(0.0, (0.0, -60.0))]
    even = [token(0.25, 0.25, 0.25, 0.25)]
    for measure in MEASURES.values():
        assert measure(sure) == pytest.approx(0.0, abs=1e-9)
    assert entropy(even) == pytest.approx(1.0)
    assert margin(even) == pytest.approx(1.0)
    assert least_confidence(even) == pytest.approx(0.75)


def test_the_measures_follow_their_formulas() -> None:
    answer = [token(0.7, 0.3), token(0.9, 0.1)]
    assert least_confidence(answer) == pytest.approx(1 - math.sqrt(0.7 * 0.9))
    assert margin(answer) == pytest.approx(1 - (0.4 + 0.8) / 2)
    bits = [-(0.7 * math.log(0.7) + 0.3 * math.log(0.3)), -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))]
    assert entropy(answer) == pytest.approx(sum(bits) / 2 / math.log(2))


def test_what_the_best_few_leave_counts_as_one_more_choice() -> None:
    assert entropy([token(0.5)]) == pytest.approx(1.0)
    assert margin([token(0.6, 0.1)]) == pytest.approx(1 - (0.6 - 0.3))
    assert margin([TokenScore(math.log(0.6))]) == pytest.approx(1 - (0.6 - 0.4))


def test_an_answer_without_tokens_is_as_unsure_as_can_be() -> None:
    assert {measure([]) for measure in MEASURES.values()} == {1.0}


@given(st.lists(st.floats(-20, 0), min_size=1, max_size=8), st.integers(1, 5))
def test_every_measure_stays_within_its_bounds_and_ignores_length(logs: list[float], times: int) -> None:
    answer = [TokenScore(log, (log,)) for log in logs]
    for measure in MEASURES.values():
        assert 0.0 <= measure(answer) <= 1.0
        assert measure(answer * times) == pytest.approx(measure(answer), abs=1e-9)


def unit(rows: list[list[float]]) -> np.ndarray:
    array = np.array(rows, dtype=np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def test_density_counts_near_neighbours_and_nobody_has_none() -> None:
    vectors = unit([[1, 0], [1, 0.1], [1, -0.1], [0, 1]])
    assert density(vectors, near=0.9).tolist() == pytest.approx([1.0, 1.0, 1.0, 1 / 3])
    assert density(vectors[3:], unit([[0, 1]] * 9), near=0.9).tolist() == [1.0]
    assert density(np.zeros((0, 2), dtype=np.float32)).shape == (0,)


def test_beta_says_how_much_density_counts() -> None:
    unsure, typical = np.array([0.9, 0.8], np.float32), np.array([0.1, 1.0], np.float32)
    assert combined(unsure, typical, beta=0.0).argmax() == 0
    assert combined(unsure, typical, beta=1.0).argmax() == 1


def test_a_batch_does_not_repeat_one_question() -> None:
    vectors = unit([[1, 0], [1, 0.01], [0, 1]])
    scores = np.array([1.0, 0.95, 0.5], np.float32)
    assert pick_diverse(scores, vectors, 2, weight=0.9) == [0, 2]
    assert pick_diverse(scores, vectors, 2, weight=0.0) == [0, 1]
    assert pick_diverse(scores, vectors, 9, weight=0.9) == [0, 2, 1]
