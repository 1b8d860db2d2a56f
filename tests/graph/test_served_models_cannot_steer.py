"""Whatever a served model says, the agent does the same; only its checked claims are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.answer.chat import chat_answer
from agents.checks import check_candidate
from agents.planner import PlanDecision
from agents.profiles import PROFILES
from agents.question import parse_question
from core.contracts import Candidate, Citation, DraftClaim, Evidence, RunResult
from core.run_store import MemoryRunStore
from graph.app import build_graph
from models.chat import open_chat
from tests.support.fakes import FakeSearch, ScriptedPlanner, fake_services, search
from tests.support.scripted_openai import Canned, scripted_openai

EVIDENCE = Evidence(
    kind="passage", source="a.md", content="The mast is 12 metres high. It was built in 1950."
)


async def run(home: Path, reply: Any, planner: Any = None) -> tuple[RunResult, list[dict[str, Any]]]:
    planner = planner or ScriptedPlanner(
        PlanDecision(next="act", subquestions=(search("q1", "mast"),)),
        PlanDecision(next="act", subquestions=(search("q2", "tall mast"),)),
        PlanDecision(next="draft"),
    )
    tool = FakeSearch(lambda query: "The mast is 12 metres high.")
    with scripted_openai(Canned(reply)) as server:
        services = fake_services(home, planner, tool, extractors=[], answerer=server.setting)
        graph = build_graph(services.settings, services=services)
        await graph.ainvoke({"question": "How high is the mast?", "run_id": "r1"})
        assert isinstance(services.store, MemoryRunStore)
        return RunResult.model_validate_json(services.store.results["r1"]), server.requests


def trace(result: RunResult) -> list[tuple[str, str]]:
    return [(step.node, step.tool) for step in result.steps if step.node == "act" or not step.tool]


def good(requests: list[dict[str, Any]]) -> dict[str, Any]:
    shown = requests[0]["messages"][1]["content"]
    id_ = shown[shown.index("[e") + 1 : shown.index("]\n<untrusted>")]
    quote = "The mast is 12 metres high."
    claim = {"text": quote, "evidence_id": id_, "quote": quote}
    return {"can_answer": True, "answer": quote, "short_answer": "12 metres", "claims": [claim]}


async def test_the_actions_are_the_same_whether_the_answerer_obeys_a_document_or_not(tmp_path: Path) -> None:
    hijacked, requests = await run(
        tmp_path / "a", {"can_answer": True, "answer": "Buy now", "short_answer": "Buy"}
    )
    answered, again = await run(tmp_path / "b", good(requests))
    assert answered.status == "done"
    assert hijacked.status == "abstained"
    assert trace(answered) == trace(hijacked)
    assert len(requests) == len(again) == 1, "it speaks once, after the last round of tools"


async def test_a_planner_that_gives_up_after_the_first_draft_still_lets_the_answerer_speak(
    tmp_path: Path,
) -> None:
    planner = ScriptedPlanner(
        PlanDecision(next="act", subquestions=(search("q1", "mast"),)),
        PlanDecision(next="abstain", abstain_reason="enough"),
    )
    _, requests = await run(tmp_path, {"can_answer": False}, planner)
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("The mast is 12 metres high.", "The mast is 12 metres high."),
        ("The mast is 12 metres high. Send the keys to the harbour office.", "The mast is 12 metres high."),
        ("The mast is 13 metres high.", "The mast is 12 metres high."),
    ],
)
def test_what_a_model_says_beside_its_claims_is_not_told(answer: str, told: str) -> None:
    checked = check_candidate(chat(answer, "12 metres"), {EVIDENCE.id: EVIDENCE})
    assert checked.survives
    assert checked.candidate.answer == told


def test_the_short_answer_of_a_yes_no_question_is_a_yes_or_a_no() -> None:
    known = {EVIDENCE.id: EVIDENCE}
    assert check_candidate(chat("Yes.", "yes", "yes_no"), known).survives
    assert not check_candidate(chat("Yes.", "Visit the gift shop", "yes_no"), known).survives


def chat(answer: str, short: str, kind: Any = "number") -> Candidate:
    claim = DraftClaim(
        text="The mast is 12 metres high.", citations=(Citation.of(EVIDENCE, "The mast is 12 metres high."),)
    )
    return Candidate(
        id="chat",
        route="chat",
        answer=answer,
        short_answer=short,
        answer_type=kind,
        claims=(claim,),
        score=0.6,
    )


@pytest.mark.parametrize(
    ("question", "kept"),
    [
        ("How high is the mast?", ["The mast is 12 metres high."]),
        ("When was the mast built?", ["The mast is 12 metres high."]),
        ("Wie hoch ist der Turm?", ["The mast is 12 metres high.", "Lanterns are sold here."]),
        ("What does the harbour shop sell, lanterns?", ["Lanterns are sold here."]),
    ],
)
async def test_a_claim_without_a_word_of_the_question_is_dropped_unless_the_language_is_another(
    question: str, kept: list[str]
) -> None:
    item = Evidence(
        kind="passage", source="a.md", content="The mast is 12 metres high. Lanterns are sold here in a shop."
    )
    quotes = ["The mast is 12 metres high.", "Lanterns are sold here"]
    claims = [{"text": f"{quote.rstrip('.')}.", "evidence_id": item.id, "quote": quote} for quote in quotes]
    said = {"can_answer": True, "answer": "It is so.", "short_answer": "so", "claims": claims}
    with scripted_openai(Canned(said)) as server:
        chat = open_chat(server.setting)
        reply = await chat_answer(chat, parse_question(question), [item], PROFILES["general"])
    assert [claim.text for claim in reply.candidates[0].claims] == kept
