"""judge: rank what survived; with nothing left, plan once more or abstain."""

from __future__ import annotations

from typing import Any

from agents.checks import CheckedCandidate
from agents.judge import rank
from agents.judge_chat import JudgedRanking, rerank
from agents.question import parse_question
from graph.services import Services
from graph.state import State


async def judge(state: State, services: Services) -> dict[str, Any]:
    """Return the ranking, best first, each with its rationale."""
    checked = [CheckedCandidate.model_validate(item) for item in state.get("checked", [])]
    if checked:
        question = parse_question(state["question"])
        ranking = JudgedRanking(rank(checked, question))
        chat = services.models.chat("judge")
        if chat is not None:
            ranking = await rerank(chat, question, ranking.ranking)
        return {
            "ranking": [item.model_dump() for item in ranking.ranking[:2]],
            "usage": ranking.usage,
            "steps": ranking.steps,
        }
    if state.get("last_draft"):
        return {"ranking": []}
    return {"ranking": [], "retried": True, "decision": {"next": "plan"}}
