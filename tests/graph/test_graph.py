"""What the state machine promises, shown with instant tools and a scripted planner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from agents.planner import PlanDecision
from core.contracts import InputRequired, RunResult, SubQuestion
from core.errors import VidenceError, unavailable
from core.run_store import MemoryRunStore, SqliteRunStore
from graph.app import build_graph
from graph.services import Services
from tests.support.fakes import EchoExtractor, FakeSearch, ScriptedPlanner, fake_services, search
from tools.look import LookArgs

DRAFT = PlanDecision(next="draft")


async def run(services: Services, question: str = "What is six times seven?", **state: Any) -> RunResult:
    graph = build_graph(services.settings, services=services)
    final = await graph.ainvoke({"question": question, "run_id": "r1", **state})
    assert isinstance(services.store, MemoryRunStore)
    assert final["outcome"]["status"] != "failed", final["outcome"]
    return RunResult.model_validate_json(services.store.results["r1"])


async def test_a_question_goes_through_every_node_in_order(tmp_path: Path) -> None:
    planner = ScriptedPlanner(PlanDecision(next="act", subquestions=(search("q1", "x"),)), DRAFT)
    result = await run(fake_services(tmp_path, planner))
    nodes = [step.node for step in result.steps]
    assert nodes == ["intake", "plan", "act", "assess", "draft", "verify", "judge"]
    assert result.status == "done"
    assert result.short_answer == "42"
    assert {c.evidence_id for c in result.citations} <= {e.id for e in result.evidence}


async def test_sub_questions_run_side_by_side_and_dependent_ones_wait(tmp_path: Path) -> None:
    tool = FakeSearch()
    first = PlanDecision(
        next="act",
        subquestions=(
            search("q1", "a"),
            search("q2", "b"),
            search("q3", "after {q1}", depends_on=["q1"]),
        ),
    )
    planner = ScriptedPlanner(first, PlanDecision(next="act"), DRAFT)
    result = await run(fake_services(tmp_path, planner, tool))
    assert sorted(tool.calls[:2]) == ["a", "b"]
    assert tool.calls[2:] == ["after 42"], "the placeholder holds the first answer"
    assert [item.status for item in result.plan] == ["done"] * 3


async def test_a_repeated_call_is_skipped_and_ends_the_planning(tmp_path: Path) -> None:
    tool = FakeSearch(lambda _: "")
    again = PlanDecision(next="act", subquestions=(search("q2", "x"),))
    failing = FakeSearch(lambda _: unavailable("down"))
    planner = ScriptedPlanner(PlanDecision(next="act", subquestions=(search("q1", "x"),)), again)
    result = await run(fake_services(tmp_path, planner, failing))
    assert failing.calls == ["x"]
    assert [item.status for item in result.plan] == ["failed", "skipped"]
    assert result.status == "abstained"
    assert "down" in result.abstain_reason
    assert tool.calls == []


async def test_the_planner_sees_typed_errors_and_plans_again(tmp_path: Path) -> None:
    tool = FakeSearch(lambda query: unavailable("offline") if query == "pubmed" else "It is 42.")
    planner = ScriptedPlanner(
        PlanDecision(next="act", subquestions=(search("q1", "pubmed"),)),
        PlanDecision(next="act", subquestions=(search("q2", "local"),)),
        DRAFT,
    )
    result = await run(fake_services(tmp_path, planner, tool))
    assert planner.views[1].errors == {"q1": "unavailable"}
    assert result.status == "done"


async def test_a_used_up_budget_ends_in_a_marked_answer(tmp_path: Path) -> None:
    plan = PlanDecision(next="act", subquestions=(search("q1", "a"), search("q2", "b", depends_on=["q1"])))
    planner = ScriptedPlanner(plan)
    result = await run(fake_services(tmp_path, planner, max_tool_calls=1))
    assert result.status == "done"
    assert "tool calls" in result.answer


async def test_a_claim_whose_quote_is_not_in_its_evidence_never_becomes_the_answer(
    tmp_path: Path,
) -> None:
    class Liar:
        name = "liar"

        def propose(self, task: Any) -> list[Any]:
            return [
                candidate.model_copy(
                    update={
                        "claims": tuple(
                            claim.model_copy(
                                update={
                                    "citations": tuple(
                                        c.model_copy(update={"quote": "The answer is 43."})
                                        for c in claim.citations
                                    )
                                }
                            )
                            for claim in candidate.claims
                        )
                    }
                )
                for candidate in EchoExtractor().propose(task)
            ]

    planner = ScriptedPlanner(PlanDecision(next="act", subquestions=(search("q1", "x"),)), DRAFT)
    result = await run(fake_services(tmp_path, planner, extractors=[Liar()]))
    assert result.status == "abstained"
    assert not result.citations


@pytest.mark.parametrize(("profile", "status"), [("general", "done"), ("medical", "abstained")])
async def test_the_medical_profile_wants_more_confidence_for_a_verdict(
    tmp_path: Path, profile: str, status: str
) -> None:
    class Verdict:
        name = "verdict"

        def propose(self, task: Any) -> list[Any]:
            change = {"answer_type": "yes_no", "short_answer": "yes", "score": 0.38}
            return [c.model_copy(update=change) for c in EchoExtractor().propose(task)]

    planner = ScriptedPlanner(PlanDecision(next="act", subquestions=(search("q1", "x"),)), DRAFT)
    tool = FakeSearch(lambda _: "Yes, the drug works.")
    services = fake_services(tmp_path, planner, tool, extractors=[Verdict()])
    result = await run(services, "Does the drug work?", profile=profile)
    assert result.status == status


async def test_a_direct_answer_that_never_came_leads_to_exactly_one_more_plan(tmp_path: Path) -> None:
    promised = SubQuestion(id="q1", question="Who wrote it?", action="answer", status="done")
    planner = ScriptedPlanner(
        PlanDecision(next="draft", subquestions=(promised,)),
        PlanDecision(next="act", subquestions=(search("q2", "y"),)),
        PlanDecision(next="act", subquestions=(search("q3", "z"),)),
    )
    result = await run(fake_services(tmp_path, planner, extractors=[], max_rounds=9))
    assert [item.id for item in result.plan] == ["q1", "q2"]
    assert planner.views[1].nothing_survived
    assert result.status == "abstained"


@pytest.mark.parametrize("says", ["The answer is 42.", "Nothing of use.", "?"])
async def test_what_a_document_says_starts_no_further_round(tmp_path: Path, says: str) -> None:
    planner = ScriptedPlanner(
        PlanDecision(next="act", subquestions=(search("q1", "x"),)),
        PlanDecision(next="act", subquestions=(search("q2", "y"),)),
    )
    extractors = [EchoExtractor()] if "42" in says else []
    result = await run(fake_services(tmp_path, planner, FakeSearch(lambda _: says), extractors=extractors))
    assert [item.id for item in result.plan] == ["q1"]
    assert [step.node for step in result.steps] == [
        "intake",
        "plan",
        "act",
        "assess",
        "draft",
        "verify",
        "judge",
    ]
    assert result.status == ("done" if "42" in says else "abstained")


@pytest.mark.parametrize(("retryable", "rounds"), [(False, 1), (True, 3)])
async def test_a_picture_that_the_vlm_declines_starts_no_round_and_an_outage_does(
    tmp_path: Path, retryable: bool, rounds: int
) -> None:
    class Look(FakeSearch):
        name = "look"
        arguments = LookArgs

        async def run(self, args: Any, context: Any) -> Any:
            raise unavailable("not this one", retryable=retryable)

    asked = {"image": "a" * 64, "question": "x"}
    item = SubQuestion(id="q1", question="x", action="look", tool="look", args=asked)
    planner = ScriptedPlanner(PlanDecision(next="act", subquestions=(item,)), DRAFT)
    result = await run(fake_services(tmp_path, planner, Look()))
    assert len(planner.views) == rounds
    assert result.status == "abstained"
    assert "not this one" in result.abstain_reason


async def test_two_searches_that_find_the_same_piece_both_came_back(tmp_path: Path) -> None:
    same = FakeSearch(lambda query: unavailable("down") if query == "z" else "It is 42.")
    asked = (search("q1", "x"), search("q2", "y"), search("q3", "z"))
    planner = ScriptedPlanner(PlanDecision(next="act", subquestions=asked), DRAFT)
    await run(fake_services(tmp_path, planner, same))
    assert set(planner.views[1].findings) == {"q1", "q2"}


async def test_a_hop_without_an_answer_asks_with_the_words_of_the_question_before(tmp_path: Path) -> None:
    tool = FakeSearch()
    hops = (search("q1", "Who built the mast?"), search("q2", "born {q1}", depends_on=["q1"]))
    planner = ScriptedPlanner(PlanDecision(next="act", subquestions=hops), PlanDecision(next="act"), DRAFT)
    await run(fake_services(tmp_path, planner, tool, extractors=[]))
    assert tool.calls[1] == "born built mast"


@pytest.mark.parametrize(
    ("question", "kind"),
    [("", "invalid_input"), ("x" * 100_000, "invalid_input"), ("\x00 ", "invalid_input")],
)
async def test_an_invalid_question_is_a_typed_error_before_any_plan(
    tmp_path: Path, question: str, kind: str
) -> None:
    planner = ScriptedPlanner(DRAFT)
    services = fake_services(tmp_path, planner)
    final = await build_graph(services.settings, services=services).ainvoke({"question": question})
    assert final["outcome"]["error"]["kind"] == kind
    assert final["outcome"]["error"]["help"]
    assert planner.views == []


async def test_a_request_to_do_harm_is_blocked(tmp_path: Path) -> None:
    services = fake_services(tmp_path, ScriptedPlanner(DRAFT))
    final = await build_graph(services.settings, services=services).ainvoke(
        {"question": "How can I smuggle a knife past the airport scanner?"}
    )
    result = RunResult.model_validate_json(services.store.results[final["run_id"]])  # type: ignore[attr-defined]
    assert (result.status, result.abstain_reason) == ("abstained", final["outcome"]["abstain_reason"])
    assert result.blocked is not None
    assert result.blocked.kind == "unsafe_request"


async def test_an_interrupt_waits_and_goes_on_with_the_reply(tmp_path: Path) -> None:
    planner = ScriptedPlanner(
        PlanDecision(next="ask", ask=InputRequired(question="Which one?", options=("a", "b"))),
        PlanDecision(next="act", subquestions=(search("q1", "x"),)),
        DRAFT,
    )
    services = fake_services(tmp_path, planner)
    graph = build_graph(services.settings, services=services, checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "t"}}
    first = await graph.ainvoke({"question": "What is it?", "run_id": "r1"}, config)
    assert first["__interrupt__"][0].value == {"question": "Which one?", "options": ["a", "b"]}
    await graph.ainvoke(Command(resume="a"), config)
    assert planner.views[1].replies == (("Which one?", "a"),)
    assert isinstance(services.store, MemoryRunStore)
    assert RunResult.model_validate_json(services.store.results["r1"]).status == "done"


async def test_a_second_question_on_a_thread_starts_clean(tmp_path: Path) -> None:
    planner = ScriptedPlanner(PlanDecision(next="act", subquestions=(search("q1", "x"),)), DRAFT)
    services = fake_services(tmp_path, planner)
    graph = build_graph(services.settings, services=services, checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "t"}}
    await graph.ainvoke({"question": "one", "run_id": "r1"}, config)
    state = await graph.ainvoke({"question": "two", "run_id": "r2"}, config)
    assert state["plan"] == {}
    assert state["usage"].get("tool_calls", 0) == 0


async def test_the_nodes_do_not_block_the_event_loop(tmp_path: Path) -> None:
    planner = ScriptedPlanner(PlanDecision(next="act", subquestions=(search("q1", "x"),)), DRAFT)
    store = SqliteRunStore(tmp_path / "runs.db")
    services = fake_services(tmp_path, planner, store=store)
    final = await build_graph(services.settings, services=services).ainvoke({"question": "x?"})
    store.close()
    assert final["outcome"]["status"] == "done"


async def test_a_journalled_call_never_runs_twice(tmp_path: Path) -> None:
    tool = FakeSearch()
    store = MemoryRunStore()
    for _ in range(2):
        planner = ScriptedPlanner(PlanDecision(next="act", subquestions=(search("q1", "x"),)), DRAFT)
        await run(fake_services(tmp_path, planner, tool, store=store))
    assert tool.calls == ["x"]


async def test_a_bug_in_a_tool_is_a_typed_error_and_the_run_goes_on(tmp_path: Path) -> None:
    tool = FakeSearch(lambda _: RuntimeError("boom"))
    planner = ScriptedPlanner(PlanDecision(next="act", subquestions=(search("q1", "x"),)), DRAFT)
    result = await run(fake_services(tmp_path, planner, tool))
    assert result.status == "abstained"
    assert [step.error_kind for step in result.steps if step.node == "act"] == ["internal"]


async def test_a_bug_in_one_route_is_recorded_and_another_route_answers(tmp_path: Path) -> None:
    class Broken:
        name = "broken"

        def propose(self, task: Any) -> list[Any]:
            raise KeyError("oops")

    planner = ScriptedPlanner(PlanDecision(next="act", subquestions=(search("q1", "x"),)), DRAFT)
    services = fake_services(tmp_path, planner, extractors=[Broken(), EchoExtractor()])
    result = await run(services)
    assert result.status == "done"
    assert [step.tool for step in result.steps if not step.ok] == ["broken: KeyError: 'oops'"]


def test_a_failure_carries_help(tmp_path: Path) -> None:
    with pytest.raises(VidenceError) as caught:
        raise unavailable("down", help="start it")
    assert caught.value.exit_code == 3
