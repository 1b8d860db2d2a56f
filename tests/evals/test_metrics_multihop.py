"""Multi-hop metrics agree with HotpotQA's program; decompositions pair as well as any pairing can."""

from __future__ import annotations

import itertools
import random

import pytest

from evals.metrics.multihop import (
    MultiHop,
    Step,
    answer_f1,
    decomposition_f1,
    dependency_f1,
    joint_exact,
    joint_f1,
    supporting_exact,
    supporting_f1,
)
from evals.metrics.text import token_f1
from tests.evals.metric_cases import like, random_text, reference


def test_hotpotqas_figures_agree_with_its_program() -> None:
    cases = reference("hotpot")
    assert len(cases) >= 200
    for answer, facts, gold, gold_facts, wanted in cases:
        said = MultiHop(answer, [tuple(fact) for fact in facts])
        true = MultiHop(gold, [tuple(fact) for fact in gold_facts])
        ours = (
            answer_f1(answer, gold),
            supporting_exact(said.facts, true.facts),
            supporting_f1(said.facts, true.facts),
            joint_exact(said, true),
            joint_f1(said, true),
        )
        assert ours == pytest.approx(wanted), (answer, facts, gold, gold_facts)


def test_by_hand() -> None:
    assert answer_f1("yes it is", "yes") == 0
    assert answer_f1("Yes.", "yes") == 1
    assert answer_f1("in old Rome", "Rome") == pytest.approx(0.5)
    assert answer_f1(None, "Rome") == 0
    assert supporting_f1([("A", 0), ("A", 0), ("B", 1)], [("A", 0)]) == pytest.approx(2 / 3)
    assert supporting_f1([], [("A", 0)]) == 0
    assert joint_f1(MultiHop("old Rome", [1, 2]), MultiHop("Rome", [1])) == pytest.approx(0.4)
    assert supporting_exact([["A", 0]], [("A", 0)]) == 1  # as a run file has it
    assert joint_exact(MultiHop("the Rome", [1]), MultiHop("Rome", [1])) == 1


def test_sub_questions_pair_as_well_as_any_pairing_can() -> None:
    rng = random.Random(3)
    for _ in range(200):
        gold = [random_text(rng, 4) for _ in range(rng.randint(1, 3))]
        said = [
            rng.choice([random_text(rng, 4), like(rng, rng.choice(gold))]) for _ in range(rng.randint(1, 3))
        ]
        longer, shorter = (said, gold) if len(said) >= len(gold) else (gold, said)
        best = max(
            sum(token_f1(one, other) or 0.0 for one, other in zip(order, shorter, strict=True))
            for order in itertools.permutations(longer, len(shorter))
        )
        wanted = 2 * best / (len(said) + len(gold))
        assert decomposition_f1(said, gold) == pytest.approx(wanted), (said, gold)


def test_dependencies_follow_the_pairing_and_not_the_order() -> None:
    gold = [Step("Who wrote Emma?"), Step("When was this writer born?", (0,))]
    turned = [Step("When was this writer born?", (1,)), Step("Who wrote Emma?")]
    assert dependency_f1(turned, gold) == 1
    assert dependency_f1([Step("Who wrote Emma?"), Step("When was this writer born?")], gold) == 0
    assert dependency_f1([Step("a", (1,)), Step("b")], gold) == 0
    assert dependency_f1([Step("x")], [Step("x")]) == 1
    assert dependency_f1([], gold) == 0
    assert decomposition_f1([], []) == 1
    assert decomposition_f1([], ["Who?"]) == 0
