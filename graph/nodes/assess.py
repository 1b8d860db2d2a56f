"""assess: answer what later sub-questions wait for, note a budget, and say whether to plan again."""

from __future__ import annotations

from typing import Any

from agents.answer import propose_aside
from agents.answer.base import AnswerTask
from agents.quarantine import is_value, statements
from agents.question import parse_question
from agents.routes import came_back
from core.contracts import SubQuestion
from graph.budget import exhausted
from graph.gather import evidence_of
from graph.services import Services
from graph.state import State
from graph.view import image_sizes, subquestions, usage_of


async def assess(state: State, services: Services) -> dict[str, Any]:
    """Return intermediate answers and where to go next: `plan` again, or `draft`."""
    items = subquestions(state)
    answers = await _intermediate_answers(state, services, items)
    stopped = exhausted(
        usage_of(state),
        services.settings,
        steps=len(state.get("steps", [])),
        rounds=state.get("round", 0),
    )
    waiting = any(item.status == "pending" for item in items)
    failed = any(item.status == "failed" for item in items)
    found = {ref["subquestion"] for ref in state.get("refs", {}).values()}
    nothing = not any(came_back(item, found) for item in items)
    update: dict[str, Any] = {
        "answers": answers,
        "decision": {"next": "plan" if waiting or failed or nothing else "draft"},
    }
    if stopped and (waiting or nothing):
        # Planning rounds run out on every long question; only what was left undone is worth a mark.
        update["stopped"] = stopped
    if stopped:
        update["decision"] = {"next": "draft"}
    return update


async def _intermediate_answers(state: State, services: Services, items: list[SubQuestion]) -> dict[str, str]:
    needed = {need for item in items for need in item.depends_on}
    known = state.get("answers", {})
    answers: dict[str, str] = {}
    for item in items:
        if item.id not in needed or item.id in known or item.status != "done":
            continue
        evidence = await evidence_of(services.store, state["run_id"], [item])
        if item.action == "search_images":
            # What waits for an image search looks at the image that was found.
            best = max(evidence, key=lambda found: found.score, default=None)
            if best is not None and best.locator.sha256:
                answers[item.id] = best.locator.sha256
            continue
        asked = parse_question(item.question)
        task = AnswerTask(asked, statements(evidence, asked.keywords), item.id, image_sizes(state))
        proposals = await propose_aside(services.extractors, task)
        # It will stand in a later query: only what looks like a value may leave its document, and no guess
        # that would not be told as an answer either, which any line could replace.
        sure = [one for one in proposals.candidates if one.score >= services.settings.min_confidence]
        values = [one.short_answer for one in sure if is_value(one.short_answer)]
        if values:
            answers[item.id] = values[0]
    return answers
