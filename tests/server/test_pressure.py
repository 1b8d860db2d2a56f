"""Under load a run leaves out re-ranking, then extra candidates, and never a check; its usage says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from agents.planner import PlanDecision
from core.pressure import FEW_CANDIDATES, left_out
from server.pressure import LOOKS, Load, PressureGauge
from tests.support.fakes import EchoExtractor, FakeSearch, ScriptedPlanner, fake_services, search
from tests.support.live_server import ended, live, start


@pytest.mark.parametrize(
    ("load", "level"),
    [
        (Load(active=0, waiting=0, most=8), 0),
        (Load(active=5, waiting=0, most=8), 0),
        (Load(active=6, waiting=0, most=8), 1),
        (Load(active=8, waiting=1, most=8), 1),
        (Load(active=8, waiting=8, most=8), 2),
        (Load(active=1, waiting=0, most=8, late_s=0.6), 1),
        (Load(active=1, waiting=0, most=8, late_s=3.0), 2),
    ],
)
def test_the_level_follows_runs_queue_and_lateness(load: Load, level: int) -> None:
    assert load.level == level


def test_what_goes_goes_in_order_and_checks_never() -> None:
    assert left_out(0) == set()
    assert left_out(1) == {"reranking"}
    assert left_out(2) == left_out(9) == {"reranking", "candidates"}


def test_a_burst_changes_nothing_and_load_that_stays_does() -> None:
    async def nobody() -> int:
        return 0

    gauge = PressureGauge(lambda: 0, nobody, 8)
    full, idle = Load(8, 8, 8), Load(0, 0, 8)
    for load in [idle, full, full, idle, full] * 2:
        gauge.note(load)
    assert gauge.level() == 0
    for _ in range(LOOKS):
        gauge.note(full)
    assert gauge.level() == 2
    for _ in range(LOOKS - 1):
        gauge.note(idle)
    assert gauge.level() == 2
    gauge.note(idle)
    assert gauge.level() == 0


async def test_the_gauge_asks_the_database_only_when_there_is_no_room() -> None:
    asked: list[int] = []

    async def open_runs() -> int:
        asked.append(1)
        return 3

    import asyncio

    for active, calls in ((1, False), (2, True)):
        asked.clear()
        gauge = PressureGauge(lambda active=active: active, open_runs, 2)  # type: ignore[misc]
        task = asyncio.create_task(gauge.watch())
        await asyncio.sleep(0.8)
        task.cancel()
        assert bool(asked) is calls


class ManyAnswers(EchoExtractor):
    """Proposes as many candidates as a route may."""

    def propose(self, task: Any) -> Any:
        found = super().propose(task)
        return [
            one.model_copy(update={"score": one.score - place * 0.01}) for one in found for place in range(3)
        ]


class Seen(FakeSearch):
    """Notes what it was told to leave out."""

    needs: ClassVar[tuple[Any, ...]] = ("collection",)

    def __init__(self) -> None:
        super().__init__()
        self.shed: list[frozenset[str]] = []

    async def run(self, args: Any, context: Any) -> Any:
        self.shed.append(context.shed)
        return await super().run(args, context)


@pytest.mark.parametrize("level", [0, 1, 2])
async def test_a_run_under_load_says_what_it_left_out(tmp_path: Path, level: int) -> None:
    from graph.app import build_graph

    tool = Seen()
    planner = ScriptedPlanner(
        PlanDecision(next="act", subquestions=(search("q1", "a"),)), PlanDecision(next="draft")
    )
    services = fake_services(tmp_path, planner, tool, extractors=[ManyAnswers()])
    services = replace(services, pressure=lambda: level)
    graph = build_graph(services.settings, services=services)
    state = await graph.ainvoke({"question": "What is it?", "run_id": "r", "thread_id": "t"})
    result = services.store.results["r"]  # type: ignore[attr-defined]
    from core.contracts import RunResult

    told = RunResult.model_validate_json(result)
    assert told.status == "done"
    assert all(claim.supported != "unsupported" for claim in told.claims)
    assert tool.shed == [left_out(level)]
    assert told.usage.shed_reranking == min(level, 1)
    assert told.usage.shed_candidates == int(level == 2)
    assert len(state["ranking"]) <= FEW_CANDIDATES


async def test_a_search_is_not_reranked_when_that_is_left_out() -> None:
    from tools.found import find

    asked: list[bool] = []

    class Collections:
        def search(self, *args: Any, rerank: bool, **more: Any) -> list[Any]:
            asked.append(rerank)
            return []

    from types import SimpleNamespace

    for shed in (left_out(0), left_out(1)):
        context: Any = SimpleNamespace(collections=Collections(), shed=shed)
        await find(context, "what", ["docs"], 3, "passage")
    assert asked == [True, False]


def test_a_server_passes_its_pressure_to_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PressureGauge, "level", lambda self: 1)
    tool = Seen()
    with live(tmp_path, tool=tool) as client:
        run = ended(client, start(client)["run_id"])
    assert run["result"]["usage"]["shed_reranking"] == 3
    assert set(tool.shed) == {left_out(1)}
