"""An external judge reorders equals only, and its failure leaves the heuristic order."""

from __future__ import annotations

from typing import Any

from agents.checks import check_candidate
from agents.judge import rank
from agents.judge_chat import Verdict, rerank
from agents.question import parse_question
from core.contracts import Candidate, Citation, DraftClaim, Evidence
from core.errors import unavailable
from models.chat import ChatReply

QUESTION = parse_question("What is the answer?")


class FakeJudge:
    name = "fake"

    def __init__(self, reply: Verdict | Exception) -> None:
        self.reply = reply

    async def complete(self, messages: Any, schema: Any = None) -> ChatReply:
        if isinstance(self.reply, Exception):
            raise self.reply
        return ChatReply(text="", parsed=self.reply, tokens_in=5, tokens_out=2)


def ranking(kinds: tuple[Any, ...] = ("passage", "passage")) -> Any:
    evidence = [
        Evidence(kind=kind, source="s", content=f"The answer is {place}.")
        for place, kind in enumerate(kinds, 1)
    ]
    by_id = {item.id: item for item in evidence}
    candidates = [
        Candidate(
            id=item.id,
            route="extraction",
            answer=item.content,
            short_answer=item.content.split()[-1].rstrip("."),
            claims=(DraftClaim(text=item.content, citations=(Citation.of(item),)),),
            score=0.9 - place / 10,
        )
        for place, item in enumerate(evidence)
    ]
    return rank([check_candidate(c, by_id) for c in candidates], QUESTION)


async def test_the_judge_may_choose_among_candidates_of_the_same_support() -> None:
    result = await rerank(FakeJudge(Verdict(best=2, rationale="clearer")), QUESTION, ranking())  # type: ignore[arg-type]
    assert result.ranking[0].checked.candidate.short_answer == "2"
    assert "clearer" in result.ranking[0].rationale
    assert result.usage["llm_calls"] == 1


async def test_the_judge_cannot_lift_an_observed_claim_over_a_verified_one() -> None:
    order = ranking(("passage", "vlm"))
    result = await rerank(FakeJudge(Verdict(best=2)), QUESTION, order)  # type: ignore[arg-type]
    assert result.ranking == order


async def test_a_judge_that_fails_leaves_the_order_and_a_recorded_step() -> None:
    order = ranking()
    result = await rerank(FakeJudge(unavailable("down")), QUESTION, order)  # type: ignore[arg-type]
    assert result.ranking == order
    assert result.steps[0]["error_kind"] == "unavailable"
