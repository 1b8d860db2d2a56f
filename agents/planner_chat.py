"""The chat planner: a served model proposes the next step as checked JSON; the rules stand behind it.

The model sees the question, the sub-questions as it planned them, and which of them came back, never what
they brought: no text of a document or an image can steer a plan, even by a model that obeys all it reads.
It can only name actions that the profile allows and images and collections that came with the question, by
number and name; everything else is refused here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from agents.clarify import missing
from agents.planner import PlanDecision, Planner, PlanView
from agents.prompts import PROMPTS
from agents.routes import came_back, possible, seen_as
from core.contracts import Action, InputRequired, SubQuestion
from core.errors import VidenceError
from models.chat import ChatModel, InvalidReplyError

MAX_SUBQUESTIONS = 5
_MAX_WORDS = 400
_K = 8
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_ADDRESS = re.compile(r"\b(?:https?|ftp|file)://|\bwww\.", re.I)


class PlannedStep(BaseModel):
    """One sub-question as the model proposes it. Images are numbered from 1 in the order given."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^q\d{1,3}$")
    question: str = Field(min_length=1, max_length=_MAX_WORDS)
    action: Action
    depends_on: list[str] = Field(default_factory=list, max_length=4)
    images: list[int] = Field(default_factory=list, max_length=8)
    collections: list[str] = Field(default_factory=list, max_length=8)
    query: str = Field("", max_length=_MAX_WORDS)


class PlanProposal(BaseModel):
    """What the model replies: the next step, and what that step needs."""

    model_config = ConfigDict(extra="forbid")

    next: Literal["act", "ask", "draft", "abstain"]
    steps: list[PlannedStep] = Field(default_factory=list, max_length=MAX_SUBQUESTIONS)
    ask: str = Field("", max_length=_MAX_WORDS)
    options: list[str] = Field(default_factory=list, max_length=6)
    reason: str = Field("", max_length=_MAX_WORDS)


class RefusedError(ValueError):
    """A proposal that is valid JSON and still not allowed."""


class ChatPlanner:
    """Asks a chat model, repairs once, then lets the rules decide and says why."""

    name: ClassVar[str] = "chat"

    def __init__(self, chat: ChatModel, rules: Planner) -> None:
        self._chat = chat
        self._rules = rules

    async def plan(self, view: PlanView) -> PlanDecision:
        """Return the model's decision, or the rules' with `fallback` set; never raises for the model."""
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": PROMPTS["planner.system"].text},
            {"role": "user", "content": describe(view)},
        ]
        spent = PlanDecision("draft")
        problem = ""
        for _ in range(2):
            try:
                reply = await self._chat.complete(messages, PlanProposal)
                spent = _paid(spent, reply.tokens_in, reply.tokens_out)
                decision = checked(reply.parsed, view)
            except InvalidReplyError as error:
                spent = _paid(spent, error.reply.tokens_in, error.reply.tokens_out)
                problem, said = f"invalid reply: {error.message}", error.reply.text
            except RefusedError as error:
                problem, said = f"refused plan: {error}", reply.text
            except VidenceError as error:
                # The server itself is in trouble: asking again would only make the user wait twice.
                problem = f"{error.kind}: {error.message}"
                spent = replace(spent, llm_calls=spent.llm_calls + 1)
                break
            else:
                return _with_cost(decision, spent)
            repair = PROMPTS["planner.repair"].text.format(error=problem)
            messages += [{"role": "assistant", "content": said[:2000]}, {"role": "user", "content": repair}]
        decision = await self._rules.plan(view)
        return replace(_with_cost(decision, spent), fallback=problem)


def _paid(spent: PlanDecision, tokens_in: int, tokens_out: int) -> PlanDecision:
    return replace(
        spent,
        llm_calls=spent.llm_calls + 1,
        tokens_in=spent.tokens_in + tokens_in,
        tokens_out=spent.tokens_out + tokens_out,
    )


def _with_cost(decision: PlanDecision, spent: PlanDecision) -> PlanDecision:
    return replace(
        decision, llm_calls=spent.llm_calls, tokens_in=spent.tokens_in, tokens_out=spent.tokens_out
    )


def describe(view: PlanView) -> str:
    """Write what the model may know: the question as asked, what is at hand, how much of what came back."""
    state = {
        "question": view.question.text,
        "clarifications": [{"asked": asked, "reply": reply} for asked, reply in view.replies],
        "profile": view.profile.name,
        "allowed_actions": sorted(_allowed(view)),
        "suggested_actions": [name for name in view.tools if name in _allowed(view)],
        "images": [
            {"number": number, "kind": seen_as(view.image_kinds.get(image, ""))}
            for number, image in enumerate(view.images, 1)
        ],
        "collections": list(view.collections),
        "round": view.round,
        "rounds_left": view.rounds_left,
        "tool_calls_left": view.tool_calls_left,
        "no_answer_survived_the_check": view.nothing_survived,
    }
    lines = [json.dumps(state, ensure_ascii=False)]
    for item in view.subquestions:
        back = came_back(item, view.findings)
        status = "done" if back else view.errors.get(item.id, item.status)
        lines.append(f"{item.id} [{item.action}, {status}] {_as_planned(item)}")
        lines.append(f"{item.id} came back: {'yes' if back else 'no'}")
    return "\n".join(lines)


def _as_planned(item: SubQuestion) -> str:
    """Return a sub-question as it was planned; one with an answer put into it holds text of a document."""
    if not item.depends_on or item.status == "pending":
        return item.question
    return f"(follows {', '.join(item.depends_on)})"


def _allowed(view: PlanView) -> set[Action]:
    planned: set[Action] = {"decompose", "ask_user", "abstain"}
    return {action for action in view.profile.allowed_actions - planned if possible(action, view)}


def checked(proposal: PlanProposal, view: PlanView) -> PlanDecision:
    """Turn a proposal into a decision.

    Raises:
        RefusedError: It names what does not exist or is not allowed, repeats itself, or leaves out what its
            step needs.
    """
    if proposal.next == "ask":
        if not proposal.ask.strip() or view.replies:
            raise RefusedError("ask needs one question, and only once in a run")
        ask = InputRequired(question=proposal.ask.strip(), options=tuple(proposal.options))
        return PlanDecision("ask", ask=ask)
    if proposal.next == "abstain":
        return PlanDecision("abstain", abstain_reason=proposal.reason.strip() or missing(view))
    if proposal.next == "draft":
        if not view.subquestions and not proposal.steps:
            raise RefusedError("nothing was looked up yet: plan a step, or abstain")
        return PlanDecision("draft", tuple(_direct(step, view) for step in proposal.steps))
    if not proposal.steps and not any(item.status == "pending" for item in view.subquestions):
        raise RefusedError("act needs at least one step")
    known = {item.id for item in view.subquestions}
    ids = [step.id for step in proposal.steps]
    if len(set(ids)) < len(ids) or known & set(ids):
        raise RefusedError("every step needs a new id of its own")
    if len(ids) > view.tool_calls_left:
        raise RefusedError(f"only {view.tool_calls_left} tool calls are left")
    _refuse_cycles(proposal.steps, known)
    return PlanDecision("act", tuple(_subquestion(step, view) for step in proposal.steps))


def _direct(step: PlannedStep, view: PlanView) -> SubQuestion:
    if step.action != "answer":
        raise RefusedError("a draft needs no tool: use next=act to run one")
    return SubQuestion(id=step.id, question=step.question, action="answer", status="done", round=view.round)


def _refuse_cycles(steps: Sequence[PlannedStep], known: set[str]) -> None:
    seen = set(known)
    for step in steps:
        # In order, a step may only wait for what stands before it: no cycle can be written.
        if not set(step.depends_on) <= seen:
            raise RefusedError(f"{step.id} waits for a sub-question that does not stand before it")
        used = set(_PLACEHOLDER.findall(step.question + step.query))
        if not used <= set(step.depends_on):
            raise RefusedError(f"{step.id} uses an answer without naming it in depends_on")
        seen.add(step.id)


def _subquestion(step: PlannedStep, view: PlanView) -> SubQuestion:
    if step.action not in _allowed(view) or step.action == "answer":
        raise RefusedError(f"{step.id}: `{step.action}` is not possible here")
    if _ADDRESS.search(step.question + step.query) and not _ADDRESS.search(view.question.text):
        raise RefusedError(f"{step.id}: an address that the user did not give")
    return SubQuestion(
        id=step.id,
        question=step.question,
        depends_on=tuple(step.depends_on),
        action=step.action,
        tool=step.action,
        round=view.round,
        args=_args(step, view),
    )


def _args(step: PlannedStep, view: PlanView) -> dict[str, Any]:
    if step.action in ("read", "read_chart", "look"):
        (image,) = _images(step, view, 1)
        return {"image": image} | ({"question": step.question} if step.action == "look" else {})
    if step.action == "compare_images":
        return {"images": list(_images(step, view, 2)), "question": step.question}
    query = step.query or step.question
    if step.action == "search_pubmed":
        return {"query": query, "k": _K}
    unknown = set(step.collections) - set(view.collections)
    if unknown:
        raise RefusedError(f"{step.id}: no collection {', '.join(sorted(unknown))} was given")
    return {"query": query, "collections": step.collections or list(view.collections), "k": _K}


def _images(step: PlannedStep, view: PlanView, count: int) -> tuple[str, ...]:
    """Return the images that a step names by number; without numbers, the first ones."""
    numbers = step.images or list(range(1, count + 1))
    if len(numbers) != count or len(set(numbers)) < count:
        raise RefusedError(f"{step.id}: `{step.action}` needs exactly {count} image(s)")
    if not all(1 <= number <= len(view.images) for number in numbers):
        raise RefusedError(f"{step.id}: there are only {len(view.images)} images")
    return tuple(view.images[number - 1] for number in numbers)
