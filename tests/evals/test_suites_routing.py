"""Requests made from ways to ask: each is one of its kind, and there are enough to notice five points."""

from __future__ import annotations

from agents.router import ACTIONS
from core.settings import Settings
from evals.run.registry import Place
from evals.run.sample import Output
from evals.suites.routing import context_of, made_routing, read_rows

NOWHERE = Place(Settings())


def test_made_requests_are_many_different_and_of_every_action() -> None:
    rows = made_routing.samples(NOWHERE)
    texts = [row.input["question"] for row in rows]
    assert len(rows) > 1_000
    assert len(set(texts)) > 0.97 * len(texts)
    assert len({row.unit for row in rows}) >= 80
    assert {row.target for row in rows} == {row["action"] for row in read_rows()} <= set(ACTIONS)
    fixed = {text for row in read_rows() for text in (row["question"], *row["paraphrases"])}
    assert not fixed & set(texts)


def test_the_context_of_a_request_is_what_its_action_needs() -> None:
    for row in made_routing.samples(NOWHERE):
        context = context_of(row.input)
        if row.kind in ("look", "read", "read_chart"):
            assert context.images == 1, row.id
        if row.kind == "compare_images":
            assert context.images == 2
        if row.kind in ("search_text", "search_images", "search_code"):
            assert context.collections, row.id


def test_a_wrong_action_scores_nothing() -> None:
    score = made_routing.scorers[0].one
    assert score is not None
    row = made_routing.samples(NOWHERE)[0]
    found = [score(row, Output(answer={"action": action})) for action in (row.target, "abstain")]
    assert found == [1.0, 0.0]
