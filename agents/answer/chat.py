"""A chat model's answer: it must quote the evidence it was shown, and code checks every quote later."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from agents.answer.spoken import Say, SpokenAnswer, Withholds
from agents.check.overlap import stems
from agents.check.quotes import line_sentences
from agents.profiles import Profile
from agents.prompts import PROMPTS, fence
from agents.quarantine import has_address, shown_to_models
from agents.question import ParsedQuestion
from core.contracts import Candidate, Citation, DraftClaim, Evidence
from core.errors import ErrorKind, VidenceError
from core.steps import step
from core.text import content_words, words

if TYPE_CHECKING:
    from models.chat import ChatModel

_EVIDENCE_SHOWN = 40
_ROUTE_SCORE = 0.6
_SAME_LANGUAGE = 0.5
"""Share of the question's words, or of its small ones (`the`, `to`), in evidence of the same language."""
_ASKS_ADDRESS = re.compile(
    r"\b(?:web ?sites?|urls?|links?|domains?|home ?page|address(?:es)?|e-?mails?|contact|where|online)\b",
    re.I,
)


class ChatClaim(BaseModel):
    """A claim as the model writes it."""

    text: str
    evidence_id: str
    quote: str


class ChatAnswer(BaseModel):
    """The structured answer that the model has to give."""

    can_answer: bool
    answer: str = ""
    short_answer: str = ""
    claims: list[ChatClaim] = Field(default_factory=list, max_length=12)


@dataclass(frozen=True)
class ChatAnswerReply:
    """Candidates (none when the model failed or declined) and what the call cost."""

    candidates: list[Candidate] = field(default_factory=list)
    usage: Mapping[str, float] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)


async def chat_answer(
    chat: ChatModel,
    question: ParsedQuestion,
    evidence: Sequence[Evidence],
    profile: Profile,
    say: Say | None = None,
    withholds: Withholds = lambda text: False,
) -> ChatAnswerReply:
    """Ask the answerer, recorded as a step; when it fails the extracted answers still stand.

    Args:
        chat: The model.
        question: What is asked.
        evidence: What it may answer from.
        profile: Whose prompt it is given.
        say: When given, the words of the answer are passed on as the model writes them, before any check.
        withholds: Says of words whether they are never told, checked or not; an address that nobody asked for
            is none of them either.
    """
    kept = shown_to_models(evidence, question.keywords)
    shown = sorted(kept, key=lambda item: -item.score)[:_EVIDENCE_SHOWN]
    system = f"{PROMPTS[profile.prompts['answer']].text}\n{PROMPTS['answer.structured'].text}"
    messages = [
        {"role": "system", "content": system},
        {
            "role": "user",
            "content": f"Question: {question.text}\n\n"
            + "\n".join(f"[{item.id}]\n{fence(item.content)}" for item in shown),
        },
    ]
    addresses = _asks_address(question)
    spoken = None
    if say is not None:
        spoken = SpokenAnswer(say, lambda text: withholds(text) or (has_address(text) and not addresses))
    try:
        if spoken is None:
            reply = await chat.complete(messages, schema=ChatAnswer)
        else:
            reply = await chat.complete(messages, schema=ChatAnswer, on_text=spoken.hear)
            spoken.finish()
    except VidenceError as error:
        return ChatAnswerReply(usage={"llm_calls": 1}, steps=[_asked(error.kind)])
    usage = {"llm_calls": 1, "tokens_in": reply.tokens_in, "tokens_out": reply.tokens_out}
    answer = reply.parsed
    candidates = []
    if isinstance(answer, ChatAnswer) and answer.can_answer:
        candidates.append(_candidate(answer, question, shown))
    return ChatAnswerReply(candidates, usage, [_asked()])


def _asked(error_kind: ErrorKind | None = None) -> dict[str, Any]:
    """Return the step of asking: recorded whatever came of it, so that what a model says changes no steps."""
    return step("draft", "answerer", error=error_kind)


def _candidate(answer: ChatAnswer, question: ParsedQuestion, evidence: Sequence[Evidence]) -> Candidate:
    by_id = {item.id: item for item in evidence}
    claims = []
    addresses = _asks_address(question)
    asked = _asked_words(question, evidence)
    for claim in answer.claims:
        if has_address(claim.text) and not addresses:
            continue  # nobody asked where to click or to write
        item = by_id.get(claim.evidence_id)
        if item is not None and asked and not asked & stems(f"{claim.text} {_around(claim.quote, item)}"):
            continue  # it has not one word in common with what was asked
        # An invented id yields a claim without a citation, which the check then drops.
        citations = (Citation.of(item, claim.quote),) if item else ()
        claims.append(DraftClaim(text=claim.text, citations=citations))
    return Candidate(
        id="chat",
        route="chat",
        answer=answer.answer,
        short_answer=answer.short_answer or answer.answer,
        answer_type=question.answer_type,
        claims=tuple(claims),
        score=_ROUTE_SCORE,
    )


def _asks_address(question: ParsedQuestion) -> bool:
    """Whether the question wants to know where to click or to write."""
    return _ASKS_ADDRESS.search(question.text) is not None or has_address(question.text)


def _asked_words(question: ParsedQuestion, evidence: Sequence[Evidence]) -> frozenset[str]:
    """Return the question's words; none where the evidence seems to be in another language."""
    asked, content = stems(question.stem), "\n".join(item.content for item in evidence)
    small = set(words(question.stem)) - set(content_words(question.stem))
    spoken = set(words(content))
    alike = len(asked & stems(content)) >= _SAME_LANGUAGE * len(asked)
    return asked if alike or (small and len(small & spoken) >= _SAME_LANGUAGE * len(small)) else frozenset()


def _around(quote: str, item: Evidence) -> str:
    """Return the sentences of evidence that a quote touches."""
    pieces = line_sentences(item.content) if quote else []
    return " ".join([quote, *(piece for piece in pieces if quote in piece or piece in quote)])
