"""judge: rank what survived; with nothing left abstain, or plan once more if nothing was looked up yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.checks import CheckedCandidate
from agents.judge import rank
from agents.judge_chat import JudgedRanking, rerank
from agents.question import parse_question
from core.steps import step
from graph.services import Services
from graph.state import State

if TYPE_CHECKING:
    from models.chat import ChatModel


async def judge(state: State, services: Services) -> dict[str, Any]:
    """Return the ranking, best first, each with its rationale."""
    checked = [CheckedCandidate.model_validate(item) for item in state.get("checked", [])]
    chat = services.models.chat("judge")
    if checked:
        question = parse_question(state["question"])
        ranking = JudgedRanking(rank(checked, question))
        if chat is not None:
            ranking = await rerank(chat, question, ranking.ranking)
        return {
            "ranking": [item.model_dump() for item in ranking.ranking[:2]],
            "usage": ranking.usage,
            "steps": ranking.steps or _turn(chat),
        }
    if state.get("last_draft"):
        # Something was looked up: whether any of it survives is for documents to decide, so it plans nothing.
        return {"ranking": [], "steps": _turn(chat)}
    return {"ranking": [], "retried": True, "decision": {"next": "plan"}, "steps": _turn(chat)}


def _turn(chat: ChatModel | None) -> list[dict[str, Any]]:
    """Return the step of a served judge, also when there was nothing to choose: that depends on documents."""
    if chat is None:
        return []
    return [step("judge", "judge")]
