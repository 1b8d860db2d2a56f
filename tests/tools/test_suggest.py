"""The tools named to the planner: only possible ones, best first, and none rather than a failed run."""

from pathlib import Path

from agents.planner import PlanView
from agents.planner_rules import RulesPlanner
from agents.profiles import PROFILES
from agents.question import parse_question
from core.errors import unavailable
from tests.support.hash_embedder import HashEmbedder
from tools.registry import default_registry
from tools.suggest import ToolSuggester


def test_only_allowed_tools_are_named_best_first(tmp_path: Path) -> None:
    suggest = ToolSuggester(default_registry(), HashEmbedder, tmp_path)
    question = "What is the highest value in this chart?"
    assert suggest(question, ["look", "read", "read_chart"])[0] == "read_chart"
    assert suggest(question, ["look", "read"], 1) in {("look",), ("read",)}
    assert suggest(question, []) == ()


def test_without_a_model_nothing_is_named_and_nothing_fails(tmp_path: Path) -> None:
    def missing() -> HashEmbedder:
        raise unavailable("no model", "install it")

    assert ToolSuggester(default_registry(), missing, tmp_path)("question", ["look"]) == ()


async def test_what_the_selector_does_not_name_is_not_run_beside_the_best_route() -> None:
    def tools_of(named: tuple[str, ...]) -> PlanView:
        return PlanView(
            question=parse_question("Describe the picture and what is written in it."),
            profile=PROFILES["general"],
            images=("0" * 64,),
            tools=named,
        )

    async def planned(named: tuple[str, ...]) -> list[str]:
        decision = await RulesPlanner().plan(tools_of(named))
        return [item.tool for item in decision.subquestions]

    every = await planned(())
    best = every[0]
    fewer = await planned((best,))
    assert fewer[0] == best
    assert set(fewer) <= set(every)
