"""plan: ask the planner for the next typed decision, refuse repeats, respect the budget."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any, cast

from agents.planner import PlanDecision, PlanView
from agents.routes import keywords, possible
from core.contracts import Action, SubQuestion
from core.run_store import journal_key
from core.steps import step
from graph.budget import exhausted
from graph.services import Services
from graph.state import State
from graph.view import plan_view, subquestions, usage_of

_PLACEHOLDER = re.compile(r"\{(q\d+)\}")


async def plan(state: State, services: Services) -> dict[str, Any]:
    """Return new or changed sub-questions and the decision that the router follows."""
    settings = services.settings
    rounds = state.get("round", 0)
    stopped = exhausted(usage_of(state), settings, steps=len(state.get("steps", [])), rounds=rounds)
    if stopped:
        return {"decision": {"next": "draft"}, "stopped": stopped}
    view = await _with_tools(plan_view(state, settings), services)
    decision = await services.planner.plan(view)
    merged = {item.id: item for item in [*subquestions(state), *decision.subquestions]}
    ready, skipped = _ready(merged, state)
    changed = {item.id: item for item in [*decision.subquestions, *ready, *skipped]}
    next_ = decision.next
    if next_ == "act" and not ready:
        # Every proposed call already ran: planning more would only repeat it.
        next_ = "draft"
    if next_ == "abstain" and view.nothing_survived and services.models.chat("answerer") is not None:
        # A served answerer was not asked yet: it speaks last, on all that was found.
        next_ = "draft"
    return {
        "plan": {id_: item.model_dump() for id_, item in changed.items()},
        "round": rounds + 1 if next_ in ("act", "ask") else rounds,
        "decision": _as_state(decision, next_, [item.id for item in ready]),
        "steps": _fallback_step(decision),
        "usage": _spent(decision),
    }


async def _with_tools(view: PlanView, services: Services) -> PlanView:
    """Name the tools that fit the question best, before anything was looked up."""
    if services.suggest is None or view.subquestions:
        return view
    allowed = [name for name in services.registry.names() if possible(cast("Action", name), view)]
    return replace(view, tools=await asyncio.to_thread(services.suggest, view.question.stem, allowed))


def _ready(merged: dict[str, SubQuestion], state: State) -> tuple[list[SubQuestion], list[SubQuestion]]:
    """Split pending sub-questions into those to run now and those that repeat an earlier call."""
    answers = {**{id_: keywords(item.question) for id_, item in merged.items()}, **state.get("answers", {})}
    finished = {"done", "failed", "skipped"}
    made = {_call(item) for item in merged.values() if item.status in ("running", "done", "failed")}
    ready: list[SubQuestion] = []
    skipped: list[SubQuestion] = []
    for item in merged.values():
        waits = any(merged[need].status not in finished for need in item.depends_on if need in merged)
        if item.status != "pending" or waits or not item.tool:
            continue
        filled = _fill(item, answers)
        if (call := _call(filled)) in made:
            skipped.append(filled.model_copy(update={"status": "skipped"}))
            continue
        made.add(call)
        ready.append(filled.model_copy(update={"status": "running"}))
    return ready, skipped


def _call(item: SubQuestion) -> str:
    """Return what makes two calls the same: the tool and its arguments."""
    return journal_key("", item.tool, item.args)


def _fill(item: SubQuestion, answers: dict[str, str]) -> SubQuestion:
    """Put the answers found so far, or else the words of their questions, where it says `{q1}`."""

    def fill(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return _PLACEHOLDER.sub(lambda match: answers.get(match[1], ""), value).strip()

    args = {name: fill(value) for name, value in item.args.items()}
    return item.model_copy(update={"question": fill(item.question), "args": args})


def _as_state(decision: PlanDecision, next_: str, ready: list[str]) -> dict[str, Any]:
    return {
        "next": next_,
        "ready": ready,
        "ask": decision.ask.model_dump() if decision.ask else None,
        "abstain_reason": decision.abstain_reason,
    }


def _spent(decision: PlanDecision) -> dict[str, int]:
    spent = {
        "llm_calls": decision.llm_calls,
        "tokens_in": decision.tokens_in,
        "tokens_out": decision.tokens_out,
    }
    return {name: count for name, count in spent.items() if count}


def _fallback_step(decision: PlanDecision) -> list[dict[str, Any]]:
    if not decision.fallback:
        return []
    return [step("plan", f"rules instead of the chat planner: {decision.fallback}", error="unavailable")]
