"""Suites over our own library: its data holds together, and every scorer tells right from wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from core.text import squash
from evals.made.things import things
from evals.run.options import Options
from evals.run.registry import Place, Suite
from evals.run.runner import run_suites
from evals.run.sample import Output
from evals.solvers.bench import eval_home, open_bench
from evals.suites import answers as suites
from evals.suites.answers import fixed_questions, is_right, kept_quiet, right, unanswerable
from evals.suites.library import made, searches
from evals.suites.passages import passages, scifact
from evals.suites.rows import own
from tests.support.eval_suites import code

NOWHERE = Place(Settings())
HARD = {"compare", "difference", "two_questions", "yes_no", "bridge"}


def said(short: str, status: str = "done", **more: Any) -> Output:
    body = {"status": status, "short": short, "reason": "", "cited": [], "citations": [], "invented": []}
    return Output(answer={**body, **more})


def scores(suite: Suite, output: Output, place: int = 0) -> dict[str, float | None]:
    sample = suite.samples(NOWHERE)[place]
    return {one.metric: one.one(sample, output) for one in suite.scorers if one.one}  # type: ignore[misc]


def test_every_accepted_answer_stands_in_the_passages_that_are_gold() -> None:
    texts = {row["id"]: squash(f"{row['title']} {row['text']}") for row in own("passages.jsonl")}
    assert len(texts) == 30
    for row in own("questions.jsonl"):
        gold = " ".join(texts[id_] for id_ in row["passages"])
        if row["kind"] not in HARD:
            assert any(squash(answer) in gold for answer in row["answers"]), row


def test_what_cannot_be_answered_names_a_passage_or_something_that_no_passage_has() -> None:
    texts = {row["id"]: squash(row["text"]) for row in own("passages.jsonl")}
    for row in own("unanswerable.jsonl"):
        if row["kind"] == "missing_fact":
            assert row["about"] in texts, row
        else:
            names = re.findall(r"\b(?:[A-Z]\w+|[A-Z]-?\d+)\b", row["question"])[1:] or [row["question"]]
            assert not any(squash(name) in text for name in names for text in texts.values()), row


def test_questions_on_the_same_passages_are_one_unit() -> None:
    rows = passages.samples(NOWHERE)
    assert 120 <= len({row.unit for row in rows}) < len(rows)


def test_a_made_passage_holds_what_is_asked_and_nothing_of_what_is_not_answered() -> None:
    for thing in made():
        text = squash(thing.text)
        assert squash(thing.name.removeprefix("the ")) in text
        for asked in thing.answered:
            assert any(squash(answer) in text for answer in asked.accepted), thing
            assert squash(thing.name) in squash(asked.question)
        assert {asked.key for asked in thing.missing}.isdisjoint(asked.key for asked in thing.answered)
        assert not set(thing.otherwise) & set(re.split(r"(?<=\.) (?=[A-Z])", thing.text)), thing


def test_made_things_are_all_different_and_the_same_each_time() -> None:
    found = made()
    assert len({thing.name for thing in found}) == len({thing.text for thing in found}) == len(found)
    assert [thing.text for thing in things(own("kinds.jsonl"))] == [thing.text for thing in found]


def test_a_description_names_nothing_but_holds_facts_of_one_passage() -> None:
    by_id = {thing.id: thing for thing in made()}
    for row in searches():
        if row["kind"] == "described":
            assert by_id[row["id"]].name.removeprefix("the ") not in row["question"]
            facts = row["question"].removeprefix(f"Which {by_id[row['id']].kind} is meant? ")
            assert not any(facts in one.text for one in by_id.values())


def test_an_answer_scores_by_what_it_says_and_by_what_it_cites() -> None:
    good = said("in 1871", cited=["skerra"], citations=["e1"])
    assert scores(suites.answers, good)["answer_right"] == 1.0
    assert scores(suites.answers, good)["citation_precision"] == 1.0
    other = said("1868", cited=["mornholm", "skerra"], citations=["e1", "e2"], invented=["e2"])
    assert scores(suites.answers, other) == {
        "answer_right": 0.0,
        "citation_precision": 0.5,
        "citation_recall": 1.0,
        "invented": 0.5,
        "answered": 1.0,
        "exact_match": 0.0,
        "token_f1": 0.0,
        "anls": 0.0,
    }
    silent = scores(suites.answers, said("1871", "abstained", reason="too little"))
    assert (silent["answer_right"], silent["answered"]) == (0.0, 0.0)


def test_only_an_abstention_with_a_reason_is_right_where_nothing_answers() -> None:
    sample = unanswerable.samples(NOWHERE)[0]
    assert kept_quiet(sample, said("", "abstained", reason="no passage says so")) == 1.0
    assert kept_quiet(sample, said("", "abstained")) == 0.0
    assert kept_quiet(sample, said("Thomas Rennick")) == 0.0
    assert right(sample, said("Thomas Rennick")) is None


@pytest.mark.parametrize(
    ("short", "gold", "expected"),
    [
        ("RM 73.00", "73.00", True),
        ("73.50", "73.00", False),
        ("30 March 2018", "2018-03-30", True),
        ("The pump P-450 is heavier", "P-450", True),
        ("P-300", "P-450", False),
        ("", "no", False),
    ],
)
def test_short_answers_are_compared_by_value(short: str, gold: str, expected: bool) -> None:
    assert is_right(short, gold) is expected


def test_the_real_graph_answers_cites_and_finds_over_our_library(tmp_path: Path) -> None:
    place = Place(Settings(home=tmp_path, router="rules"))
    rows = [row for row in suites.answers.samples(place) if row.id == "q02"]
    one = Suite(**{**vars(suites.answers), "load": lambda place: rows})
    found = run_suites([one, passages], place, tmp_path / "run.jsonl", Options(limit=6), identify=code)
    answer = next(record for record in found.records if record.sample.suite == "answers")
    assert answer.output.answer["short"] == "Ingrid Dahl"
    assert answer.scored.scores["citation_precision"] == 1.0
    assert answer.scored.scores["invented"] == 0.0
    placed = [record.scored.scores["ndcg@10"] for record in found.records if record not in [answer]]
    assert len(placed) == 6
    assert sum(score or 0.0 for score in placed) > 0.7 * len(placed)
    assert not [path for path in tmp_path.iterdir() if path.name == "collections"]


def test_suites_share_services_and_work_apart_from_the_users_collections(tmp_path: Path) -> None:
    place = Place(Settings(home=tmp_path, dense_url="http://127.0.0.1:9"))
    with open_bench(place) as one, open_bench(place) as other:
        assert one is other
        assert one.settings.dense_url == ""
        assert one.home == eval_home(place.settings)
    with open_bench(place) as later:
        assert later is not one


def test_another_setting_has_another_index(tmp_path: Path) -> None:
    base = Settings(home=tmp_path)
    assert eval_home(base) != eval_home(base.model_copy(update={"token_encoder": "x"}))
    assert eval_home(base) == eval_home(base.model_copy())


def test_public_sets_are_named_where_they_are_missing(tmp_path: Path) -> None:
    for suite in (scifact, fixed_questions):
        assert suite.missing(Place(Settings(), tmp_path)) == suite.needs
