"""Code, biomedical, planning and picture suites: small folders in the public layouts, and their scorers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from evals.run.registry import Place, suites
from evals.run.sample import Output, Record, Sample, Scored
from evals.suites.biomedical import bioasq_factoid, bioasq_list, label_of, pubmedqa
from evals.suites.code import own_code
from evals.suites.passages import bioasq_search, scifact
from evals.suites.pictures import baggage, found_items
from evals.suites.planning import cited_facts, gold_steps, hotpot, modalities, strategyqa_parts

NOWHERE = Place(Settings())


def write(folder: Path, name: str, *rows: dict[str, Any]) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def done(short: str, **more: Any) -> Output:
    return Output(answer={"status": "done", "short": short, "inspection": None, "quotes": [], **more})


def one(suite: Any, metric: str, sample: Sample, output: Output) -> float | None:
    score = next(scorer.one for scorer in suite.scorers if scorer.metric == metric)
    value: float | None = score(sample, output)
    return value


def test_every_suite_says_what_it_is_and_is_found_by_its_name() -> None:
    found = suites()
    assert len(found.suites) > 30
    for suite in found:
        assert suite.description
        assert suite.description.endswith((".", ")")) or suite.name == "routing"
        assert suite.scorers or suite.open_scorers
        if suite.needs:
            assert suite.missing(NOWHERE) == suite.needs
    assert {"passages", "answers", "drawn_charts", "drawn_receipts", "own_tools", "own_code"} <= {
        suite.name for suite in found if suite.needs is None
    }


def test_scifact_asks_claims_with_judgements_and_bioasq_its_own_snippets(tmp_path: Path) -> None:
    place = Place(Settings(), tmp_path)
    write(
        tmp_path,
        "scifact/claims_dev.jsonl",
        {"id": "1", "claim": "A causes B."},
        {"id": "2", "claim": "Nobody judged this."},
    )
    (tmp_path / "scifact" / "qrels_dev.tsv").write_text("s\tc\td\tr\ndev\t1\t77\t1\ndev\t1\t78\t0\n")
    assert [(row.id, row.target) for row in scifact.samples(place)] == [("1", ["77"])]
    snippets = [{"text": "B follows A.", "pmid": "9"}, {"text": " ", "pmid": "9"}]
    question = {"id": "q", "type": "factoid", "question": "What follows A?", "batch": "7B1"}
    write(
        tmp_path, "bioasq/dev.jsonl", {**question, "snippets": snippets, "exact_answer": [["B", "beta"], "C"]}
    )
    (row,) = bioasq_search.samples(place)
    assert len(row.target) == 1
    (factoid,) = bioasq_factoid.samples(place)
    assert factoid.target == ["B", "beta", "C"]
    assert one(bioasq_factoid, "factoid_strict", factoid, done("beta")) == 1.0
    assert one(bioasq_factoid, "factoid_strict", factoid, done("gamma")) == 0.0
    assert one(bioasq_factoid, "factoid_strict", factoid, done("")) == 0.0


def test_a_verdict_is_what_an_answer_begins_with(tmp_path: Path) -> None:
    place = Place(Settings(), tmp_path)
    write(tmp_path, "pubmedqa/dev.jsonl", {"id": "1", "question": "Does it?", "final_decision": "no"})
    (sample,) = pubmedqa.samples(place)
    assert one(pubmedqa, "yes_no", sample, done("No, it does not")) == 1.0
    assert one(pubmedqa, "yes_no", sample, done("yes")) == 0.0
    assert label_of(sample, done("Nothing is known")) == "none"
    abstained = Output(answer={"status": "abstained", "short": "no"})
    assert one(pubmedqa, "yes_no", sample, abstained) == 0.0
    assert label_of(sample, Output()) == "none"


def test_lists_are_scored_by_item(tmp_path: Path) -> None:
    place = Place(Settings(), tmp_path)
    row = {
        "id": "q",
        "type": "list",
        "question": "Which?",
        "snippets": [],
        "exact_answer": [["a one"], ["b"]],
    }
    write(tmp_path, "bioasq/dev.jsonl", row)
    (sample,) = bioasq_list.samples(place)
    assert one(bioasq_list, "item_f1", sample, done("a one, b")) == 1.0
    assert one(bioasq_list, "item_precision", sample, done("a one, x")) == 0.5


def test_supporting_facts_are_the_sentences_that_quotes_are_of(tmp_path: Path) -> None:
    place = Place(Settings(), tmp_path)
    context = [["Ulsay", ["Ulsay is an island.", " It has a lighthouse."]], ["Brenn", ["Brenn is a town."]]]
    write(
        tmp_path,
        "multihop_text/hotpot_dev.jsonl",
        {
            "_id": "1",
            "question": "What is Ulsay?",
            "answer": "an island",
            "supporting_facts": [["Ulsay", 0]],
            "context": context,
        },
    )
    (sample,) = hotpot.samples(place)
    output = done("an island", quotes=[["Ulsay", "Ulsay is an island."], ["Elsewhere", "Brenn is a town."]])
    assert cited_facts(sample, output) == [["Ulsay", 0]]
    assert one(hotpot, "supporting_f1", sample, output) == 1.0
    other = done("a town", quotes=[["Brenn", "Brenn is a town."]])
    assert one(hotpot, "supporting_f1", sample, other) == 0.0


def test_steps_that_name_others_depend_on_them(tmp_path: Path) -> None:
    assert [step.needs for step in gold_steps(["Who?", "When was #1 born?", "Is #2 before #1?"])] == [
        (),
        (0,),
        (1, 0),
    ]
    write(
        tmp_path,
        "multihop_text/strategyqa_dev.jsonl",
        {"qid": "1", "question": "Is A older than B?", "decomposition": ["How old is A?", "How old is B?"]},
    )
    (sample,) = strategyqa_parts.samples(Place(Settings(), tmp_path))
    said = Output(answer=[{"question": text, "needs": []} for text in sample.target])
    assert one(strategyqa_parts, "decomposition_f1", sample, said) == 1.0
    assert one(strategyqa_parts, "decomposition_f1", sample, Output(answer=[])) < 1.0  # type: ignore[operator]


def test_a_set_of_modalities_is_right_as_a_whole(tmp_path: Path) -> None:
    row = {"qid": "1", "question": "Which?", "modalities": ["table", "image"]}
    write(tmp_path, "multimodalqa/dev.jsonl", row)
    (sample,) = modalities.samples(Place(Settings(), tmp_path))
    assert one(modalities, "set_right", sample, Output(answer=["image", "table"])) == 1.0
    assert one(modalities, "set_right", sample, Output(answer=["table"])) == 0.0


def test_baggage_compares_items_by_one_name_and_counts_what_is_waved_through(tmp_path: Path) -> None:
    kinds = ("exhaustive single object crop", "at least this class is present (not exhaustive)")
    write(
        tmp_path,
        "xray_baggage/dev.jsonl",
        {"image": "a.jpg", "set": "s", "label": ["handgun"], "label_kind": kinds[0]},
        {"image": "b.jpg", "set": "s", "label": ["no_threat"], "label_kind": kinds[0]},
        {"image": "c.jpg", "set": "s", "label": ["scissors"], "label_kind": kinds[1]},
    )
    gun, none, scissors = baggage.samples(Place(Settings(), tmp_path))
    assert (gun.target["items"], gun.target["risk"]) == (["gun"], "critical")
    assert (none.target["items"], none.target["risk"]) == ([], "none")

    def saw(*items: str, risk: str, action: str) -> Output:
        seen = {"detected_items": list(items), "risk_level": risk, "action": action}
        return done("", inspection=seen)

    pistol = saw("pistol", risk="critical", action="alert")
    assert one(baggage, "item_recall", gun, pistol) == 1.0
    assert one(baggage, "risk_right", gun, pistol) == 1.0
    assert one(baggage, "waved_through", gun, saw(risk="none", action="clear")) == 1.0
    assert one(baggage, "item_recall", none, pistol) is None
    assert one(baggage, "risk_right", scissors, pistol) is None
    pooled = next(scorer.corpus for scorer in baggage.scorers if scorer.corpus)
    rows = [
        Record(sample=sample, sha256="", output=pistol, scored=Scored(sample_id=sample.id))
        for sample in (gun, none, scissors)
    ]
    assert pooled(rows) == pytest.approx(2 / 3)
    assert found_items(Output()) == []


def test_questions_about_our_source_name_files_that_there_are() -> None:
    rows = own_code.samples(NOWHERE)
    assert len(rows) >= 120, "files were moved: mend evals/suites/data/code_questions.jsonl"
    assert one(own_code, "recall@5", rows[0], Output(answer=[*rows[0].target])) == 1.0
    assert one(own_code, "recall@5", rows[0], Output(answer=["core/other.py"])) == 0.0
