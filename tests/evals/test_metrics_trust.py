"""Calibration, abstention, citations, judges and consistency against scipy, scikit-learn and brute force."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.metrics import brier_score_loss, ndcg_score

from evals.metrics.calibration import (
    aurc,
    brier,
    coverage_at_risk,
    ece,
    ece_equal_mass,
    excess_aurc,
    risk_coverage,
)
from evals.metrics.citations import (
    citation_precision,
    citation_recall,
    corpus_invented,
    invented_citations,
    invented_share,
)
from evals.metrics.consistency import kept_right, same_answer
from evals.metrics.judging import best_chosen, judged_ndcg, kendall_tau, pairwise_accuracy

Sure = tuple[list[float], list[bool]]


def drawn(seed: int, most: int = 40) -> Sure:
    rng = random.Random(seed)
    size = rng.randint(2, most)
    confidence = [rng.choice([0.0, 1.0, 0.1, 0.3, 0.5, rng.random(), rng.random()]) for _ in range(size)]
    return confidence, [rng.random() < 0.6 for _ in range(size)]


def ece_sample_by_sample(confidence: list[float], right: list[bool], bins: int) -> float:
    total = 0.0
    for low in range(bins):
        own = [
            (c, r)
            for c, r in zip(confidence, right, strict=True)
            if low / bins < c <= (low + 1) / bins or (low == 0 and c == 0)
        ]
        if own:
            total += len(own) * abs(sum(r for _, r in own) / len(own) - sum(c for c, _ in own) / len(own))
    return total / len(confidence)


def aurc_in_order(confidence: list[float], right: list[bool]) -> float:
    order = sorted(range(len(right)), key=lambda at: -confidence[at])
    wrong = [not right[at] for at in order]
    return sum(sum(wrong[:n]) / n for n in range(1, len(wrong) + 1)) / len(wrong)


def test_brier_agrees_with_scikit_learn() -> None:
    for seed in range(200):
        confidence, right = drawn(seed)
        assert brier(confidence, right) == pytest.approx(
            brier_score_loss(right, confidence, labels=[False, True])
        )


def test_calibration_error_agrees_with_its_definition() -> None:
    for seed in range(200):
        confidence, right = drawn(seed)
        for bins in (1, 5, 10):
            assert ece(confidence, right, bins) == pytest.approx(
                ece_sample_by_sample(confidence, right, bins)
            )


def test_equal_mass_agrees_with_its_definition_where_no_two_are_equal() -> None:
    for seed in range(200):
        _, right = drawn(seed)
        confidence = [
            float(value) for value in np.random.default_rng(seed).permutation(len(right)) / len(right)
        ]
        order = sorted(range(len(right)), key=lambda at: confidence[at])
        wanted = 0.0
        for part in np.array_split(order, min(10, len(order))):
            own = [int(at) for at in part]
            wanted += abs(sum(confidence[at] for at in own) - sum(right[at] for at in own))
        assert ece_equal_mass(confidence, right) == pytest.approx(wanted / len(right))


def test_equal_mass_does_not_depend_on_the_order_of_equals() -> None:
    confidence, right = (
        [0.5] * 6 + [0.9] * 5,
        [True, False, True, False, False, True, True, True, True, False, True],
    )
    told = ece_equal_mass(confidence, right, 4)
    turned = list(zip(confidence, right, strict=True))[::-1]
    assert ece_equal_mass([c for c, _ in turned], [r for _, r in turned], 4) == pytest.approx(told)
    assert ece_equal_mass([0.7] * 4, [True, True, False, True]) == pytest.approx(0.05)


def test_aurc_agrees_with_its_definition_where_no_two_are_equal() -> None:
    for seed in range(200):
        _, right = drawn(seed)
        confidence = [float(value) for value in np.random.default_rng(seed).permutation(len(right))]
        assert aurc(confidence, right) == pytest.approx(aurc_in_order(confidence, right))


def test_aurc_of_equals_is_the_mean_over_their_orders() -> None:
    confidence, right = [0.9, 0.5, 0.5, 0.5, 0.2], [True, False, True, True, False]
    every = []
    for order in itertools.permutations(range(5)):
        places = sorted(order, key=lambda at: -confidence[at])
        every.append(aurc_in_order([float(-n) for n in range(5)], [right[at] for at in places]))
    assert aurc(confidence, right) == pytest.approx(sum(every) / len(every))


def test_aurc_by_hand() -> None:
    # Most confident first: right, wrong, right, wrong: risks 0, 1/2, 1/3, 1/2.
    assert aurc([0.9, 0.8, 0.7, 0.6], [True, False, True, False]) == pytest.approx(
        (0 + 1 / 2 + 1 / 3 + 1 / 2) / 4
    )
    curve = risk_coverage([0.9, 0.8], [True, False])
    assert (curve.coverage, curve.risk) == ((0.5, 1.0), (0.0, 0.5))
    assert aurc([0.5] * 4, [True, True, False, True]) == pytest.approx(0.25)
    assert excess_aurc([0.9, 0.1], [True, False]) == 0
    assert excess_aurc([0.1, 0.9], [True, False]) == pytest.approx((1 + 0.5) / 2 - 0.25)


def test_the_best_aurc_is_near_its_published_approximation() -> None:
    risk = 0.2
    right = [True] * 8000 + [False] * 2000
    confidence = [float(at) for at in range(10000)]
    area, excess = aurc(confidence, right), excess_aurc(confidence, right)
    assert area is not None
    assert excess is not None
    assert area - excess == pytest.approx(risk + (1 - risk) * math.log(1 - risk), abs=1e-3)


def test_coverage_at_a_risk_keeps_equals_together() -> None:
    assert coverage_at_risk([0.9, 0.8, 0.7], [True, True, False]) == pytest.approx(2 / 3)
    assert coverage_at_risk([0.9, 0.7, 0.7], [True, True, False]) == pytest.approx(1 / 3)
    assert coverage_at_risk([0.9, 0.7, 0.7], [True, True, False], 0.4) == 1
    assert coverage_at_risk([0.9], [False]) == 0


@pytest.mark.parametrize("metric", [brier, ece, ece_equal_mass, aurc, excess_aurc, coverage_at_risk])
def test_confidence_must_be_a_number(metric: object) -> None:
    assert metric([], []) is None  # type: ignore[operator]
    with pytest.raises(ValueError, match="NaN"):
        metric([float("nan")], [True])  # type: ignore[operator]
    with pytest.raises(ValueError, match="2 confidences"):
        metric([0.1, 0.2], [True])  # type: ignore[operator]


def test_a_probability_lies_between_0_and_1() -> None:
    with pytest.raises(ValueError, match="outside"):
        brier([1.2], [True])
    assert aurc([-math.inf, 3.0], [False, True]) == 0.25


def test_kendalls_tau_agrees_with_scipy() -> None:
    rng = random.Random(2)
    compared = 0
    for _ in range(300):
        size = rng.randint(2, 9)
        one, gold = ([rng.choice([1, 2, 3, 4.5]) for _ in range(size)] for _ in range(2))
        theirs = kendalltau(one, gold).statistic
        ours = kendall_tau(one, gold)
        if math.isnan(theirs):
            assert ours is None
        else:
            compared += 1
            assert ours == pytest.approx(theirs)
    assert compared >= 200


def test_the_judges_ndcg_agrees_with_scikit_learn() -> None:
    rng = random.Random(5)
    for _ in range(250):
        size = rng.randint(2, 8)
        gold = [rng.choice([0, 1, 2, 3]) for _ in range(size)]
        said = [rng.choice([0.1, 0.5, rng.random()]) for _ in range(size)]
        k = rng.choice([None, 1, 3])
        if not any(gold):
            assert judged_ndcg(said, gold, k) is None
        else:
            assert judged_ndcg(said, gold, k) == pytest.approx(ndcg_score([gold], [said], k=k))


def test_pairs_agree_with_counting_them() -> None:
    rng = random.Random(6)
    for _ in range(200):
        size = rng.randint(2, 7)
        one, gold = ([rng.randint(0, 3) for _ in range(size)] for _ in range(2))
        marks = []
        for a in range(size):
            for b in range(size):
                if gold[a] > gold[b]:
                    marks.append(1.0 if one[a] > one[b] else 0.5 if one[a] == one[b] else 0.0)
        assert pairwise_accuracy(one, gold) == (pytest.approx(sum(marks) / len(marks)) if marks else None)


def test_judging_by_hand() -> None:
    assert pairwise_accuracy([3, 2, 1], [1, 2, 3]) == 0
    assert pairwise_accuracy([1, 1], [1, 2]) == 0.5
    assert best_chosen([2, 2, 1], [5, 1, 5]) == 0.5
    assert best_chosen([], []) is None
    with pytest.raises(ValueError, match="NaN"):
        pairwise_accuracy([float("nan"), 1], [1, 2])
    with pytest.raises(ValueError, match="candidates"):
        kendall_tau([1], [1, 2])
    with pytest.raises(ValueError, match="below 0"):
        judged_ndcg([1], [-1])


def test_citations_agree_with_counting_them() -> None:
    rng = random.Random(7)
    ids = [f"e{n}" for n in range(6)]
    answers, known = [], []
    for _ in range(200):
        cited = [rng.choice(ids) for _ in range(rng.randint(0, 5))]
        gold = rng.sample(ids, rng.randint(0, 4))
        distinct = sorted(set(cited))
        good = [one for one in distinct if one in gold]
        assert citation_precision(cited, gold) == (len(good) / len(distinct) if distinct else None)
        assert citation_recall(cited, gold) == (len(good) / len(gold) if gold else None)
        assert invented_citations(cited, gold) == [one for one in distinct if one not in gold]
        if distinct:
            assert invented_share(cited, gold) == pytest.approx(1 - len(good) / len(distinct))
        answers.append(cited)
        known.append(gold)
    pairs = [(one, gold) for cited, gold in zip(answers, known, strict=True) for one in set(cited)]
    assert corpus_invented(answers, known) == pytest.approx(
        sum(one not in gold for one, gold in pairs) / len(pairs)
    )
    assert corpus_invented([None, []], [["e"], []]) is None


def test_consistency_by_hand() -> None:
    assert kept_right([1, 0, 1, 0.5], [1, 1, 0, 1]) == pytest.approx(1 / 3)
    assert kept_right([1.0], [0.0]) is None
    assert same_answer("The cat.", "cat") == 1
    assert same_answer(None, "cat") == 0
    with pytest.raises(ValueError, match="zip"):
        kept_right([1.0], [])
