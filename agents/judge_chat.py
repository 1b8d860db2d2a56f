"""An external judge: a chat model that picks among the best verified candidates and says why.

It may only reorder candidates of the same support level: no model can lift an observed claim over a
verified one. When it fails, the heuristic order stands and the step records why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from agents.judge import RankedCandidate
from agents.prompts import PROMPTS, fence
from agents.quarantine import without_requests
from agents.question import ParsedQuestion
from core.errors import VidenceError
from core.steps import step

if TYPE_CHECKING:
    from models.chat import ChatModel


class Verdict(BaseModel):
    """The judge's reply: the number of the best candidate, from 1, and the reason."""

    best: int = Field(ge=1)
    rationale: str = ""


@dataclass(frozen=True)
class JudgedRanking:
    """The ranking, what the call cost, and a step that records a failure."""

    ranking: list[RankedCandidate]
    usage: Mapping[str, float] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)


async def rerank(
    chat: ChatModel, question: ParsedQuestion, ranking: Sequence[RankedCandidate]
) -> JudgedRanking:
    """Let the chat model choose among the candidates that share the best support level."""
    top = [item for item in ranking if item.checked.support == ranking[0].checked.support]
    if len(top) < 2:
        return JudgedRanking(list(ranking))
    listed = "\n".join(
        f"{place}. {fence(without_requests(item.checked.candidate.answer, question.keywords))}"
        for place, item in enumerate(top, 1)
    )
    messages = [
        {"role": "system", "content": PROMPTS["judge.system"].text},
        {"role": "user", "content": f"Question: {question.text}\n\nCandidates:\n{listed}"},
    ]
    try:
        reply = await chat.complete(messages, schema=Verdict)
    except VidenceError as error:
        failed = step("judge", "judge", error=error.kind)
        return JudgedRanking(list(ranking), {"llm_calls": 1}, [failed])
    usage = {"llm_calls": 1, "tokens_in": reply.tokens_in, "tokens_out": reply.tokens_out}
    verdict = reply.parsed
    if not isinstance(verdict, Verdict) or verdict.best > len(top):
        return JudgedRanking(list(ranking), usage)
    chosen = top[verdict.best - 1]
    reasoned = chosen.model_copy(
        update={"rationale": f"{chosen.rationale}; judge {chat.name}: {verdict.rationale}"}
    )
    return JudgedRanking([reasoned, *(item for item in ranking if item is not chosen)], usage)
