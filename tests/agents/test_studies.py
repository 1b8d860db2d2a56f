"""Yes, no or maybe from reports of studies: the head reads findings, cites one, and keeps to reports."""

from __future__ import annotations

import json

import pytest

from agents.answer.base import AnswerTask
from agents.answer.passages import PassageExtractor
from agents.answer.studied import StudyExtractor
from agents.answer.studies import HEAD_FILE, LABELS, features, finding, is_report
from agents.checks import check_candidate
from agents.question import parse_question
from core.contracts import Evidence, Locator

QUESTION = "Does early feeding affect the length of stay after colorectal surgery?"
METHODS = (
    "Early feeding after colorectal surgery is controversial. "
    "We randomised 120 patients to early or late feeding. "
    "The aim was to determine whether early feeding affects the length of stay. "
)
SAME = (
    "The length of stay did not differ between the groups (6.1 vs 6.2 days, P = .71). "
    "There was no significant difference in complications after early feeding."
)
SHORTER = (
    "The length of stay was significantly shorter after early feeding (4.2 vs 6.2 days, P < .001). "
    "Early feeding was independently associated with a reduced stay after colorectal surgery."
)


def passage(text: str, name: str = "a", **metadata: str) -> Evidence:
    return Evidence(
        kind="passage",
        source=f"{name}.txt",
        locator=Locator(),
        content=text,
        score=0.9,
        trust="retrieved",
        retrieved_at="2026-01-01T00:00:00",
        tool="search_text",
        tool_version="1",
        metadata={"doc_id": name, **metadata},
    )


@pytest.mark.parametrize(("findings", "verdict"), [(SAME, "no"), (SHORTER, "yes")])
def test_significance_and_its_absence_decide(findings: str, verdict: str) -> None:
    evidence = [passage(METHODS + findings)]
    (found,) = StudyExtractor().propose(AnswerTask(parse_question(QUESTION), evidence))
    assert found.short_answer == verdict
    assert found.claims[0].text in findings
    assert 1 / 3 < found.score < 1
    assert check_candidate(found, {evidence[0].id: evidence[0]}).survives


@pytest.mark.parametrize(
    "question",
    [
        "Does early feeding not affect the length of stay after colorectal surgery?",
        "Is it false that early feeding affects the length of stay after colorectal surgery?",
    ],
)
def test_the_head_leaves_a_question_that_denies_to_the_sentence_that_answers_it(question: str) -> None:
    task = AnswerTask(parse_question(question), [passage(METHODS + SAME)])
    assert StudyExtractor().propose(task) == []
    assert PassageExtractor().propose(task) != []


def test_the_aim_of_a_study_and_its_background_are_never_quoted() -> None:
    (found,) = StudyExtractor().propose(AnswerTask(parse_question(QUESTION), [passage(METHODS + SAME)]))
    assert "aim" not in found.answer
    assert (
        finding(parse_question(QUESTION), ["The aim was to determine whether early feeding matters."]) is None
    )


def test_reports_of_something_else_lower_the_score() -> None:
    other = passage(
        "Patients with asthma were studied. The cohort had a significantly higher risk (P < .01).",
        "b",
    )
    task = AnswerTask(parse_question(QUESTION), [passage(METHODS + SHORTER), other])
    (right,) = StudyExtractor().propose(task)
    assert right.claims[0].citations[0].source == "a.txt"
    wrong = StudyExtractor().propose(AnswerTask(parse_question(QUESTION), [other]))
    assert not wrong or wrong[0].score < 0.4 < right.score


def test_other_questions_and_other_texts_are_left_to_the_other_routes() -> None:
    report = passage(METHODS + SHORTER)
    task = AnswerTask(parse_question("How long was the stay after early feeding?"), [report])
    assert StudyExtractor().propose(task) == []
    ferry = passage("The ferry Alma runs on diesel. It does not sail on Sundays.")
    asked = AnswerTask(parse_question("Does the ferry Alma sail on Sundays?"), [ferry])
    assert not is_report([ferry.content])
    assert StudyExtractor().propose(asked) == []
    assert [one.short_answer for one in PassageExtractor().propose(asked)][:1] == ["no"]


@pytest.mark.parametrize("question", ["Can I take Vaxin in pregnancy?", "May Vaxin be taken in pregnancy?"])
def test_a_leaflet_is_read_and_not_weighed_though_studies_stand_beside_it(question: str) -> None:
    leaflet = passage("A Vaxin tablet contains 40 mg. Vaxin must not be taken in pregnancy.", "leaflet")
    study = passage(METHODS + SHORTER, "study")
    task = AnswerTask(parse_question(question), [study, leaflet])
    assert StudyExtractor().propose(task) == []
    assert [one.short_answer for one in PassageExtractor().propose(task)][:1] == ["no"]


@pytest.mark.parametrize("question", ["Do I have diabetes?", "Have I got a fracture?", "Am I pregnant?"])
def test_how_it_stands_with_the_asker_no_document_knows(question: str) -> None:
    study = passage(
        "The trial enrolled 614 adults with diabetes, fractures or pregnant women. "
        "Patients with diabetes were significantly older than controls."
    )
    task = AnswerTask(parse_question(question), [study])
    assert StudyExtractor().propose(task) == []
    assert PassageExtractor().propose(task) == []
    rule = passage("Drivers do not have to carry the card.")
    asked = AnswerTask(parse_question("Do I have to carry the card?"), [rule])
    assert PassageExtractor().propose(asked)


def test_pieces_of_one_document_are_one_report() -> None:
    pieces = [passage(METHODS), passage(SAME)]
    (found,) = StudyExtractor().propose(AnswerTask(parse_question(QUESTION), pieces))
    assert found.short_answer == "no"
    assert found.claims[0].citations[0].evidence_id == pieces[1].id


def test_the_shipped_head_has_a_weight_for_every_feature() -> None:
    head = json.loads(HEAD_FILE.read_text())
    wanted = len(features(QUESTION, [METHODS + SAME]))
    assert len(head["mean"]) == len(head["scale"]) == wanted
    assert [len(row) for row in head["weights"]] == [wanted] * len(LABELS)
    assert features(QUESTION, []) == pytest.approx(features(QUESTION, [""]))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Hearing loss: an unknown complication of severe pre-eclampsia?", "yes_no"),
        ("Appendectomy timing: will delayed surgery increase the complications?", "yes_no"),
        ("Juvenile spondylitis--is it the same disease as in adults?", "yes_no"),
        ("Is there a date on this receipt?", "yes_no"),
        ("Does the price include tax?", "yes_no"),
        ("Can you tell me the total amount?", "money"),
        ("Receipt 12 of the shop in the harbour: total amount paid?", "money"),
        ("I have two receipts: which of them is the older one by its date?", "text"),
        ("Who won the cup, Alma or Berta, in the year of the flood: one of them?", "name"),
    ],
)
def test_what_asks_whether_is_told_from_what_asks_for_a_value(text: str, kind: str) -> None:
    assert parse_question(text).answer_type == kind


def test_what_two_extractors_need_of_a_task_is_worked_out_once_though_it_is_nothing() -> None:
    worked: list[str] = []

    def work(task: AnswerTask) -> list[str]:
        worked.append(task.question.text)
        return []

    first, second = (AnswerTask(parse_question(text), [passage(METHODS)]) for text in (QUESTION, "Why?"))
    assert [first.once(work), first.once(work), second.once(work)] == [[], [], []]
    assert worked == [QUESTION, "Why?"]
