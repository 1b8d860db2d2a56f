"""The routers: where each node's decision leads."""

from __future__ import annotations

from typing import Literal

from langgraph.types import Send

from core.settings import Settings
from graph.budget import seconds_left
from graph.state import ActInput, State
from graph.view import image_sources, usage_of


def after_intake(state: State) -> Literal["plan", "respond"]:
    """Go on unless the input was invalid or blocked."""
    return "respond" if state.get("error") or state.get("blocked") else "plan"


def after_plan(state: State, settings: Settings) -> list[Send] | Literal["ask", "draft", "respond"]:
    """Fan out over the ready sub-questions, ask, draft, or abstain."""
    decision = state["decision"]
    if decision["next"] == "act":
        return [Send("act", payload) for payload in _payloads(state, settings)]
    routes: dict[str, Literal["ask", "draft", "respond"]] = {
        "ask": "ask",
        "draft": "draft",
        "abstain": "respond",
    }
    return routes[decision["next"]]


def after_assess(state: State) -> Literal["plan", "draft"]:
    """Plan again when something is still open."""
    return "plan" if state["decision"]["next"] == "plan" else "draft"


def after_judge(state: State) -> Literal["plan", "respond"]:
    """Plan once more when nothing survived and the budget allows it."""
    return "plan" if state["decision"].get("next") == "plan" else "respond"


def _payloads(state: State, settings: Settings) -> list[ActInput]:
    sources = image_sources(state)
    left = seconds_left(usage_of(state), settings)
    return [
        ActInput(
            run_id=state["run_id"],
            subquestion=state["plan"][id_],
            sources=sources,
            seconds_left=left,
        )
        for id_ in state["decision"]["ready"]
    ]
