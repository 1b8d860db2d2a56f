"""The suites that come along, and how suites are declared, picked and sliced."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import VidenceError
from core.settings import Settings
from evals.run.identity import code_identity, public_settings
from evals.run.registry import Place, Registry, Scorer, Suite, suites
from evals.run.runner import run_suites
from evals.run.sample import Output, Sample
from evals.run.scorers import metric_scorer
from evals.run.slices import figures
from evals.suites.known_failures import make_suite
from evals.suites.routing import routing
from evals.suites.rows import public
from tests.support.eval_suites import code, header, record, small_suite

RULES = Place(Settings(router="rules"))


def test_routing_runs_from_end_to_end(tmp_path: Path) -> None:
    found = run_suites([routing], RULES, tmp_path / "run.jsonl", identify=code)
    whole = found.summary.figures[0]
    assert (whole.n, whole.groups, whole.errors) == (120, 60, 0)
    assert whole.value > 0.9
    assert {figure.by for figure in found.summary.figures} == {"", "kind", "modality", "source"}
    assert found.header.suite("routing").models["router"].name == "rules"
    assert found.header.prompts
    assert {"router", "planner"} <= set(found.header.settings)


def test_the_same_context_and_target_stand_in_all_paraphrases_of_a_question() -> None:
    groups: dict[str, set[str]] = {}
    for sample in routing.samples(RULES):
        groups.setdefault(sample.unit, set()).add(f"{sample.target} {sample.input['context']}")
    assert len(groups) == 60
    assert all(len(found) == 1 for found in groups.values())


def test_a_known_failure_goes_through_the_suite_that_it_is_of(tmp_path: Path) -> None:
    row = {"id": "late", "input": {"question": "4 + 1?"}, "target": 5}
    wrong = {"id": "wrong", "input": {"question": "4 + 1?"}, "target": 6}
    lines = [
        {"suite": "sums", "since": "2026-11-21", "note": "said 4", "sample": one} for one in (row, wrong)
    ]
    path = tmp_path / "known.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    suite = make_suite(path, {"sums": small_suite()})
    found = run_suites([suite], RULES, tmp_path / "run.jsonl", identify=code)
    scores = {record.sample.id: record.scored.scores["score"] for record in found.records}
    assert scores == {"sums/late": 1.0, "sums/wrong": 0.0}
    assert {record.sample.kind for record in found.records} == {"sums"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 1"),
        ('{"suite": "sums"}', "line 1"),
        ('{"suite": "no", "since": "", "note": "", "sample": {"id": "a", "input": {}}}', "no suite no"),
    ],
)
def test_a_wrong_line_of_known_failures_is_named(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "known.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(VidenceError, match=said):
        make_suite(path, {"sums": small_suite()}).samples(RULES)


def test_suites_are_picked_by_name_and_family_in_order_and_a_wrong_name_lists_them() -> None:
    found = Registry.of([small_suite("a"), small_suite("b"), small_suite("c")])
    assert [one.name for one in found.pick(["c", "a", "a"])] == ["a", "c"]
    assert [one.name for one in found.pick(["all"])] == ["a", "b", "c"]
    with pytest.raises(VidenceError, match="called d") as raised:
        found.pick(["d"])
    assert "a, all, b, c" in raised.value.help


def test_every_suite_describes_itself_and_what_it_measures() -> None:
    for suite in suites():
        assert suite.description
        assert suite.description.endswith(".")
        assert all(scorer.help for scorer in suite.scorers)


def test_a_loader_that_gives_an_id_twice_is_refused() -> None:
    suite = small_suite()
    twice = Suite(
        "sums", "sums", "", lambda place: [*suite.load(place), *suite.load(place)], suite.open_solver, ()
    )
    with pytest.raises(VidenceError, match="comes twice"):
        twice.samples(RULES)


def test_a_scorer_scores_in_exactly_one_way() -> None:
    with pytest.raises(ValueError, match="`one` or `corpus`"):
        Scorer("accuracy")


def test_metrics_by_name_bring_their_direction_and_score_samples_or_all_of_them(tmp_path: Path) -> None:
    def text(sample, seed):
        return Output(answer="the cat sat on a")

    scorers = (
        metric_scorer("cer", gold=lambda sample: "the cat sits on a"),
        metric_scorer("bleu", gold=lambda sample: ["the cat sat on the mat"]),
    )
    assert [scorer.higher_is_better for scorer in scorers] == [False, True]
    found = run_suites(
        [small_suite(answer=text, scorers=scorers)], RULES, tmp_path / "run.jsonl", identify=code
    ).summary.figures
    assert 0 < found[0].value < 0.5
    assert found[0].low is not None
    assert 0 < found[1].value < 1
    assert found[1].low is None


def test_a_measure_over_all_samples_that_fails_is_undefined_and_the_run_still_ends(tmp_path: Path) -> None:
    def fails(records):
        raise KeyError("answer")

    suite = small_suite(scorers=(Scorer("odd", corpus=fails),))
    figure = run_suites([suite], RULES, tmp_path / "run.jsonl", identify=code).summary.figures[0]
    assert (figure.value, figure.n, figure.undefined) == (None, 6, 6)


def test_slices_count_their_own_samples_and_one_value_for_all_is_no_slice() -> None:
    rows = [
        record(
            "sums",
            number,
            {"accuracy": float(number < 3)},
            kind="even" if number % 2 else "odd",
            source="one",
        )
        for number in range(10)
    ]
    found = figures(header({"sums": ["sums"]}), rows)
    shown = {(one.by, one.slice): (one.n, one.value) for one in found}
    assert shown == {("", ""): (10, 0.3), ("kind", "even"): (5, 0.2), ("kind", "odd"): (5, 0.4)}


def test_no_secret_is_written_into_a_run_file() -> None:
    settings = Settings(
        model_api_key="sk-secret",
        pubmed_email="someone@example.org",
        s3_secret_access_key="sk-secret",
        dense_url="postgresql://me:sk-secret@host/db",
        connectors={"mine": {"token": "sk-secret"}},
    )
    said = json.dumps(public_settings(settings))
    assert "sk-secret" not in said
    assert "someone" not in said
    assert "postgresql://host/db" in said
    assert "home" not in public_settings(settings)


def test_code_is_named_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "a.py").write_text("1")
    first = code_identity(tmp_path)
    assert first == code_identity(tmp_path)
    assert (first.commit, first.dirty) == ("", False)
    (tmp_path / "evals" / "a.py").write_text("2")
    assert code_identity(tmp_path).sha256 != first.sha256


def _no_such_file(place: Place) -> list[Sample]:
    return [Sample(id=path, suite="public", family="public", input={}) for path in (place.data / "x").open()]


@pytest.mark.parametrize("load", [lambda place: public(place, "scifact/claims.jsonl"), _no_such_file])
def test_a_public_set_that_lacks_a_file_is_skipped_by_name_and_the_other_suites_run(
    tmp_path: Path, load
) -> None:
    (tmp_path / "scifact").mkdir()
    place = Place(Settings(), tmp_path)
    torn = replace(small_suite("public", needs="scifact"), load=load)
    found = run_suites([torn, small_suite()], place, tmp_path / "run.jsonl", identify=code)
    assert len(found.records) == 6
    assert found.header.skipped[0].suite == "public"
    assert "scifact is not whole" in found.header.skipped[0].reason
    with pytest.raises(VidenceError, match="scifact is not whole") as raised:
        run_suites([torn], place, tmp_path / "alone.jsonl", identify=code)
    assert raised.value.kind == "unavailable"


def test_a_broken_file_of_a_public_set_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "scifact").mkdir()
    (tmp_path / "scifact" / "claims.jsonl").write_text("{")
    torn = replace(
        small_suite("public", needs="scifact"), load=lambda place: public(place, "scifact/claims.jsonl")
    )
    with pytest.raises(VidenceError, match="line 1"):
        run_suites([torn, small_suite()], Place(Settings(), tmp_path), tmp_path / "run.jsonl", identify=code)


def test_the_measures_that_users_ask_for_are_taken_by_suites_that_need_no_public_set() -> None:
    taken = {one.metric for suite in suites() if suite.needs is None for one in suite.scorers}
    retrieval = {"ndcg@10", "mrr", "recall@5", "precision@5"}
    answers = {
        "exact_match",
        "token_f1",
        "anls",
        "relaxed_accuracy",
        "numeric_match",
        "rouge_l",
        "sentence_bleu",
    }
    trust = {"ece", "brier", "aurc", "e_aurc", "coverage_at_risk", "citation_precision", "citation_recall"}
    rest = {
        "cider_d",
        "cer",
        "wer",
        "fields",
        "items_micro_f1",
        "under_called",
        "macro_f1",
        "decomposition_f1",
    }
    assert retrieval | answers | trust | rest <= taken
