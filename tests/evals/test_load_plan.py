"""Traffic is drawn as asked, and its figures are what they should be."""

from __future__ import annotations

import random
from itertools import islice, pairwise

import pytest
from pydantic import ValidationError

from evals.load.measures import measure
from evals.load.outcome import Outcome
from evals.load.plan import LoadPlan, Visit, arrivals, visits
from evals.load.quantiles import quantile
from evals.load.simulate import Traffic
from evals.personas.canaries import canaries
from evals.personas.checks import Reply


def test_arrivals_come_at_the_rate_asked_for_and_not_evenly() -> None:
    times = arrivals(LoadPlan(seconds=400, rate=(5, 5)))
    assert 1_850 < len(times) < 2_150
    assert times == sorted(times)
    gaps = [b - a for a, b in pairwise(times)]
    mean = sum(gaps) / len(gaps)
    spread = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert 0.9 < spread / mean < 1.1, "gaps of a Poisson process vary as much as their mean"


def test_a_ramp_begins_and_ends_at_its_rates() -> None:
    times = arrivals(LoadPlan(seconds=400, rate=(1, 9)))
    first, last = sum(at < 100 for at in times), sum(at >= 300 for at in times)
    assert 150 < first < 250  # 1 to 3 a second over 100 s: 200
    assert 710 < last < 890  # 7 to 9: 800
    down = arrivals(LoadPlan(seconds=100, rate=(4, 0)))
    assert 160 < len(down) < 240
    assert max(down) < 100


def test_the_same_seed_draws_the_same_traffic_and_another_seed_another() -> None:
    plan = LoadPlan(seconds=20, rate=(2, 2), drop=0.5, cancel=0.5)
    assert arrivals(plan) == arrivals(plan)
    assert arrivals(plan) != arrivals(plan.model_copy(update={"seed": 1}))
    asked = canaries()[:10]
    assert list(islice(visits(plan, asked), 30)) == list(islice(visits(plan, asked), 30))


def test_every_canary_is_asked_before_any_is_asked_again() -> None:
    asked = canaries()[:10]
    found = list(islice(visits(LoadPlan(users=1), asked), 30))
    for turn in range(3):
        assert {one.canary.id for one in found[10 * turn : 10 * turn + 10]} == {one.id for one in asked}


def test_the_share_of_users_who_leave_or_cancel_is_the_one_asked_for() -> None:
    found = list(islice(visits(LoadPlan(users=1, drop=0.3, cancel=0.1), canaries()), 2_000))
    assert 500 < sum(one.drop_after > 0 for one in found) < 700
    assert 150 < sum(one.cancel_after > 0 for one in found) < 250
    assert not any(one.drop_after for one in islice(visits(LoadPlan(users=1, drop=0), canaries()), 300))


@pytest.mark.parametrize(
    "bad", [{}, {"rate": (-1, 2)}, {"rate": (0, 0)}, {"users": 0}, {"users": 1, "drop": 2}]
)
def test_traffic_that_is_none_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LoadPlan(**bad)


def test_the_interval_of_a_quantile_holds_the_true_one_as_often_as_it_says() -> None:
    rng = random.Random(7)
    held = 0
    for _ in range(400):
        found = quantile([rng.expovariate(1.0) for _ in range(80)], 0.5)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.6931 <= found.high
    assert held >= 0.93 * 400


def test_a_quantile_of_few_values_does_not_claim_an_interval() -> None:
    found = quantile([1.0, 2.0, 3.0, 4.0], 0.99)
    assert found is not None
    assert (found.value, found.high) == (4.0, None)
    assert quantile([], 0.5) is None


def outcome(**more: object) -> Outcome:
    one = Outcome(Visit(0, canaries(["expert"], ["general"])[0]), due=0.0)
    for name, value in more.items():
        setattr(one, name, value)
    return one


def test_figures_count_what_happened() -> None:
    right = Reply(status="done", short="47 metres", citations=1)
    traffic = Traffic(
        (
            outcome(status="done", first=0.1, planned=0.2, final=0.5, events=6, reply=right),
            outcome(
                status="done",
                first=0.3,
                final=0.7,
                events=7,
                repeated=1,
                reply=Reply(status="done", short="9"),
            ),
            outcome(status="cancelled", first=0.1, cancel_s=0.05, events=3, drops=1),
            outcome(status="error", code="rate_limited", lost=2),
        ),
        seconds=4.0,
        lag_s=(0.001,) * 100,
    )
    found = measure(traffic, 2.0)
    assert (found.visits, found.finished, found.cancelled) == (4, 2, 1)
    assert found.errors == {"rate_limited": 1}
    assert (found.offered_per_s, found.finished_per_s) == (2.0, 0.5)
    assert (found.events, found.lost_events, found.repeated_events, found.drops) == (16, 2, 1, 1)
    assert found.latency_ms["first_event"].n == 3
    assert found.latency_ms["final_answer"].quantiles[0].value == 500.0
    assert found.latency_ms["cancel"].quantiles[0].value == 50.0
    assert found.judged["as_expected"].share == 0.5
    assert found.wrong == ("exp-gen-01",)
