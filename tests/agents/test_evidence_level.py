"""The medical profile says what kind of study an answer rests on, and names retractions first."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from agents.evidence_level import evidence_level
from agents.planner import PlanDecision
from core.contracts import Evidence, Locator, RunResult, ToolResult
from core.run_store import MemoryRunStore
from graph.app import build_graph
from knowledge.pubmed.record import PubMedRecord
from tests.support.fakes import EchoExtractor, FakeSearch, ScriptedPlanner, fake_services, search
from tools.base import ToolContext, make_evidence


def paper(pmid: str, rank: int, level: str, *, retracted: bool = False, year: str = "2020-05") -> Evidence:
    about = {"evidence_rank": rank, "evidence_level": level, "retracted": retracted}
    return Evidence(
        kind="pubmed",
        source=f"https://pubmed/{pmid}",
        locator=Locator(pmid=pmid),
        content="x",
        metadata={**about, "journal": "Lancet", "date": year},
    )


def test_the_strongest_kind_of_study_is_named_with_where_it_was_published() -> None:
    said = evidence_level([paper("1", 4, "case report"), paper("2", 2, "randomised trial")])
    assert said == "randomised trial, level 2 of 5 (Lancet 2020, PMID 2)"


def test_a_retraction_is_named_first_and_counts_for_nothing() -> None:
    said = evidence_level(
        [paper("2", 3, "controlled or cohort study"), paper("1", 0, "retracted", retracted=True)]
    )
    assert said.startswith("RETRACTED: Lancet 2020, PMID 1; controlled or cohort study")


def test_evidence_that_says_nothing_about_its_kind_gives_no_level() -> None:
    assert evidence_level([paper("1", 0, ""), Evidence(kind="passage", source="a.md", content="x")]) == ""


@pytest.mark.parametrize(
    ("types", "mesh", "rank"),
    [
        (("Journal Article", "Meta-Analysis"), (), 1),
        (("Randomized Controlled Trial", "Review"), (), 2),
        (("Clinical Trial, Phase II",), (), 3),
        (("Journal Article",), ("Cohort Studies", "Humans"), 3),
        (("Journal Article",), ("Case-Control Studies/methods",), 4),
        (("Case Reports", "Review"), (), 4),
        (("Review",), ("Animals",), 5),
        (("Journal Article",), ("Animals", "Mice/genetics"), 5),
        (("Journal Article",), ("Animals", "Humans"), 0),
        (("Journal Article",), (), 0),
    ],
)
def test_the_level_comes_from_types_then_designs_then_species(
    types: tuple[str, ...], mesh: tuple[str, ...], rank: int
) -> None:
    record = PubMedRecord("1", "t", publication_types=types, mesh=mesh)
    assert record.evidence_rank == rank
    assert bool(record.evidence_level) == bool(rank)
    retracted = PubMedRecord("1", "t", publication_types=types, mesh=mesh, retracted=True)
    assert (retracted.evidence_rank, retracted.evidence_level) == (0, "retracted")


class FakePubMed(FakeSearch):
    """Returns one trial."""

    name: ClassVar[str] = "search_text"

    async def run(self, args: Any, context: ToolContext) -> ToolResult:
        found = paper("7", 2, "randomised trial")
        evidence = make_evidence(
            self,
            context,
            kind="pubmed",
            source=found.source,
            content="The answer to the dose is 42 mg.",
            locator=found.locator,
            score=0.9,
            metadata=found.metadata,
        )
        return ToolResult(evidence=(evidence,))


@pytest.mark.parametrize("profile", ["medical", "general"])
async def test_the_level_is_shown_in_the_medical_profile_alone(tmp_path: Path, profile: str) -> None:
    plan = PlanDecision(next="act", subquestions=(search("q1", "the dose"),))
    planner = ScriptedPlanner(plan, PlanDecision(next="draft"))
    services = fake_services(tmp_path, planner, FakePubMed(), extractors=[EchoExtractor()])
    graph = build_graph(services.settings, services=services)
    await graph.ainvoke({"question": "What was the dose?", "run_id": "r1", "profile": profile})
    assert isinstance(services.store, MemoryRunStore)
    result = RunResult.model_validate_json(services.store.results["r1"])
    level = "randomised trial, level 2 of 5 (Lancet 2020, PMID 7)"
    assert result.status == "done"
    assert (level in result.answer) == (profile == "medical")
    assert result.to_json().get("evidence_level") == (level if profile == "medical" else None)
