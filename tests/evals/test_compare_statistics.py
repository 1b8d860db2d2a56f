"""The statistics of comparisons, against definitions, references and simulations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from evals.compare.holm import holm
from evals.compare.mde import detectable, needed, observed
from evals.compare.signflip import p_value
from evals.paired import bootstrap_mean, mean_interval, wilson, wilson_share


@pytest.mark.parametrize("count", [1, 4, 9, 13])
def test_all_flips_are_tried_where_they_are_few(count: int) -> None:
    values = np.random.default_rng(count).normal(0.3, 1, count)
    seen = abs(values.sum())
    flips = [abs(float(np.dot(signs, values))) for signs in itertools.product((1, -1), repeat=count)]
    assert p_value(values) == pytest.approx(np.mean([flip >= seen - 1e-9 for flip in flips]))


@pytest.mark.parametrize(("better", "worse"), [(0, 0), (0, 1), (3, 9), (20, 20), (2, 30), (500, 600)])
def test_right_and_wrong_answers_get_mcnemars_exact_test(better: int, worse: int) -> None:
    from scipy.stats import binomtest

    values = np.asarray([1.0] * better + [-1.0] * worse + [0.0] * 50)
    wanted = binomtest(worse, better + worse, 0.5).pvalue if better + worse else 1.0
    assert p_value(values) == pytest.approx(wanted, rel=1e-9)


def test_drawn_flips_come_near_to_the_exact_value_and_repeat_by_seed() -> None:
    from scipy.stats import permutation_test

    values = np.random.default_rng(5).normal(0.25, 1, 60)
    reference = permutation_test(
        (values,), np.sum, permutation_type="samples", n_resamples=50_000, rng=np.random.default_rng(1)
    ).pvalue
    assert p_value(values, seed=3) == pytest.approx(reference, abs=0.012)
    assert p_value(values, seed=3) == p_value(values, seed=3)
    assert p_value(values) == p_value(-values)


def test_p_values_of_equally_good_versions_are_at_most_what_they_say() -> None:
    rng = np.random.default_rng(11)
    found = np.asarray([p_value(rng.normal(0, 1, 25), draws=999, seed=0) for _ in range(1000)])
    for level in (0.01, 0.05, 0.2):
        assert (found <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / 1000)


def test_holm_is_holms() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_the_detectable_fall_is_detected_with_its_power() -> None:
    rng = np.random.default_rng(2)
    count, level, churn = 200, 0.05 / 20, 0.06
    fall = detectable(count, churn, 1.0, level)
    caught = 0
    for _ in range(400):
        base = (rng.random(count) < 0.8).astype(float)
        flips = np.where(rng.random(count) < churn, rng.choice([1.0, -1.0], count), 0.0)
        lost = -(rng.random(count) < fall).astype(float)
        values = np.where(flips != 0, flips, lost)
        shown = np.where(flips != 0, 0, lost).sum() / count
        caught += p_value(values) < level
        assert base.size == values.size
        assert shown <= 0
    assert caught / 400 == pytest.approx(0.95, abs=0.05)


@pytest.mark.parametrize("fall", [0.05, 0.1, 0.2])
def test_the_needed_samples_are_those_that_detect_the_fall(fall: float) -> None:
    count = needed(fall, 0.05, 1.0, 0.001)
    assert detectable(count, 0.05, 1.0, 0.001) <= fall < detectable(count - 2, 0.05, 1.0, 0.001)


def test_samples_that_change_together_are_worth_their_groups() -> None:
    rng = np.random.default_rng(4)
    shared = np.repeat(rng.choice([0.0, 1.0, -1.0], 30), 5)
    groups = [str(place // 5) for place in range(150)]
    base = np.ones(150)
    assert observed(base, shared, groups)[0] == pytest.approx(30, abs=1)
    alone = rng.choice([0.0, 1.0, -1.0], 150)
    assert observed(base, alone, groups)[0] > 90
    assert observed(base, np.zeros(150), groups) == (30.0, 0.0, 1.0)


def test_grouped_answers_have_the_interval_of_their_groups() -> None:
    values = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0] * 10
    groups = [str(place // 4) for place in range(80)]
    found, few = mean_interval(values, groups), wilson(10, 20)
    assert (found.low, found.high) == pytest.approx((few.low, few.high), abs=0.02)
    assert mean_interval(values) == wilson(40, 80)


def test_all_right_is_no_certainty() -> None:
    assert mean_interval([1.0] * 10).low == wilson(10, 10).low < 0.75
    assert mean_interval([0.5] * 10).low < 0.5 < mean_interval([0.5] * 10).high


def test_other_scores_get_a_bootstrap_over_groups() -> None:
    values = np.random.default_rng(1).random(40).tolist()
    groups = [str(place // 2) for place in range(40)]
    assert mean_interval(values, groups) == bootstrap_mean(values, groups, resamples=2_000)


def test_a_share_outside_of_0_to_1_has_no_interval() -> None:
    with pytest.raises(ValueError, match="a share of"):
        wilson_share(1.2, 10)
