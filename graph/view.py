"""How nodes read the state: plain values in, contracts out."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from agents.planner import Finding, PlanView
from agents.profiles import PROFILES, Profile
from agents.question import parse_question
from core.contracts import SubQuestion, Usage
from core.settings import Settings
from graph.state import State


def subquestions(state: State) -> list[SubQuestion]:
    """Return the plan in the order in which it grew."""
    return [SubQuestion.model_validate(item) for item in state.get("plan", {}).values()]


def profile_of(state: State) -> Profile:
    """Return the run's profile."""
    return PROFILES[state.get("profile") or "general"]


def image_hashes(state: State) -> tuple[str, ...]:
    """Return the content hashes of the run's images."""
    return tuple(image["sha256"] for image in state.get("images", []))


def image_sources(state: State) -> dict[str, str]:
    """Return how the user named each image, by hash."""
    return {image["sha256"]: image.get("source", "") for image in state.get("images", [])}


def image_sizes(state: State) -> dict[str, tuple[int, int]]:
    """Return the (width, height) of each image in pixels, by hash."""
    return {
        image["sha256"]: (image.get("width", 0), image.get("height", 0)) for image in state.get("images", [])
    }


def usage_of(state: State) -> Usage:
    """Return what the run has spent so far."""
    counts = {name: int(value) for name, value in state.get("usage", {}).items()}
    return Usage(**counts, ms=round(wall_ms(state.get("steps", [])), 1))


def wall_ms(steps: list[dict[str, Any]]) -> float:
    """Return the wall time of a run's steps; calls that ran side by side count by their longest."""
    total = 0.0
    for side_by_side, group in groupby(steps, key=lambda item: item["node"] == "act"):
        times = [item["ms"] for item in group]
        total += max(times) if side_by_side else sum(times)
    return total


def plan_view(state: State, settings: Settings) -> PlanView:
    """Return what the planner may see of the state."""
    findings: dict[str, list[Finding]] = {}
    for key, ref in state.get("refs", {}).items():
        findings.setdefault(ref["subquestion"], []).append(
            Finding(key.rpartition(":")[2], ref["kind"], ref["score"], ref["snippet"])  # type: ignore[arg-type]
        )
    round_ = state.get("round", 0) + 1
    return PlanView(
        question=parse_question(state["question"]),
        profile=profile_of(state),
        images=image_hashes(state),
        image_kinds={i["sha256"]: i.get("kind", "unknown") for i in state.get("images", [])},
        collections=tuple(state.get("collections", [])),
        collection_kinds={name: tuple(kinds) for name, kinds in state.get("collection_kinds", {}).items()},
        subquestions=tuple(subquestions(state)),
        findings={key: tuple(items) for key, items in findings.items()},
        answers=dict(state.get("answers", {})),
        errors={key: error["kind"] for key, error in state.get("errors", {}).items()},
        replies=tuple((asked, reply) for asked, reply in state.get("replies", [])),
        round=round_,
        rounds_left=max(0, settings.max_rounds - round_),
        tool_calls_left=max(0, settings.max_tool_calls - usage_of(state).tool_calls),
        nothing_survived=bool(state.get("retried")),
        sees=settings.vlm != "embedded",
    )
