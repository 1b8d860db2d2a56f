"""Fakes for the graph: instant tools, a scripted planner, services over a temporary folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

from agents.answer.base import AnswerTask
from agents.planner import PlanDecision, PlanView
from core.contracts import Candidate, Citation, DraftClaim, SubQuestion, ToolResult
from core.errors import unavailable
from core.images import ImageStore
from core.run_store import MemoryRunStore, RunStore
from core.settings import Settings
from graph.services import Services
from models.hub import ModelHub
from models.worker import InlineRunner
from tools.base import ToolArgs, ToolContext, make_evidence
from tools.registry import ToolRegistry


class SearchArgs(ToolArgs):
    query: str
    collections: tuple[str, ...] = ()
    k: int = 8


class FakeSearch:
    """Returns one passage for each query, and counts its calls."""

    name: ClassVar[str] = "search_text"
    version: ClassVar[str] = "fake"
    description: ClassVar[str] = "fake"
    arguments: ClassVar[type[ToolArgs]] = SearchArgs
    cost: ClassVar[Any] = "free"
    needs: ClassVar[tuple[Any, ...]] = ()

    def __init__(self, reply: Callable[[str], str | Exception] | None = None) -> None:
        self.calls: list[str] = []
        self._reply = reply or (lambda query: f"The answer to {query} is 42.")

    async def run(self, args: SearchArgs, context: ToolContext) -> ToolResult:
        self.calls.append(args.query)
        text = self._reply(args.query)
        if isinstance(text, Exception):
            raise text
        evidence = make_evidence(self, context, kind="passage", source="fake.md", content=text, score=0.9)
        return ToolResult(evidence=(evidence,))


class EchoExtractor:
    """Proposes each passage as its own answer."""

    name: ClassVar[str] = "echo"

    def propose(self, task: AnswerTask) -> list[Candidate]:
        return [
            Candidate(
                id="",
                route="extraction",
                subquestion_id=task.subquestion_id,
                answer=item.content,
                short_answer="42",
                answer_type="number",
                claims=(DraftClaim(text=item.content, citations=(Citation.of(item),)),),
                score=0.9,
            )
            for item in task.evidence
            if item.kind in ("passage", "pubmed")
        ]


class FakeCollections:
    """Every name is a collection of passages."""

    def kinds(self, name: str) -> tuple[str, ...]:
        return ("passage",)

    def version(self, name: str) -> str:
        return "1"

    def names(self) -> list[str]:
        return []

    def describe(self) -> list[Any]:
        return []

    def held_images(self) -> set[str]:
        return set()

    def image_meaning(self, pixels: Any) -> Any:
        raise unavailable("This fake knows no images", help="Use real collections.")

    def close(self) -> None: ...


class ScriptedPlanner:
    """Plays decisions in order; the last one repeats."""

    name: ClassVar[str] = "scripted"

    def __init__(self, *decisions: PlanDecision) -> None:
        self._decisions = decisions
        self.views: list[PlanView] = []

    async def plan(self, view: PlanView) -> PlanDecision:
        self.views.append(view)
        return self._decisions[min(len(self.views), len(self._decisions)) - 1]


def search(id_: str, query: str, *, depends_on: Sequence[str] = ()) -> SubQuestion:
    return SubQuestion(
        id=id_,
        question=query,
        action="search_text",
        tool="search_text",
        args={"query": query},
        depends_on=tuple(depends_on),
    )


def fake_services(
    home: Path,
    planner: Any,
    tool: Any = None,
    *,
    store: RunStore | None = None,
    extractors: Sequence[Any] | None = None,
    **settings: Any,
) -> Services:
    config = Settings(home=home, **settings)
    images = ImageStore(home / "images", max_bytes=50_000_000, max_pixels=100_000_000)
    models = ModelHub(config, images, runner=InlineRunner())
    return Services(
        settings=config,
        images=images,
        models=models,
        collections=cast("Any", FakeCollections()),
        store=store or MemoryRunStore(),
        registry=ToolRegistry([tool or FakeSearch()]),
        planner=planner,
        extractors=tuple(extractors) if extractors is not None else (EchoExtractor(),),
    )
