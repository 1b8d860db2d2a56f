"""draft: candidate answers from every route, for each need of the plan, then put together.

Once a tool came back, the draft is the last one: whether its answers survive depends on what documents say,
and what they say starts no round of tools. A served model is asked then, so that it starts none either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from agents.answer import Proposals, propose_aside
from agents.answer.base import AnswerTask
from agents.answer.direct import direct_answer
from agents.answer_filter import never_told
from agents.compose import compose
from agents.quarantine import statements
from agents.question import ParsedQuestion, parse_question
from agents.spelling import mended, suspects
from core.contracts import Candidate, Evidence
from core.pressure import FEW_CANDIDATES, left_out
from core.steps import step
from graph.budget import exhausted
from graph.gather import evidence_of
from graph.needs import Need, final_needs
from graph.reselection import reselected
from graph.services import Services
from graph.spoken import speaker
from graph.state import State
from graph.view import image_sizes, profile_of, subquestions, usage_of


async def draft(state: State, services: Services) -> dict[str, Any]:
    """Return candidates, best first; none when no route can answer."""
    question = parse_question(state["question"])
    needs = final_needs(subquestions(state))
    if not needs:
        drafted = Proposals(tuple(await _direct(state, services)))
    elif len(needs) == 1:
        drafted = await _propose(question, needs[0], state, services)
    else:
        drafted = await _assemble(question, needs, state, services)
    few = _few(drafted, len(needs), services)
    candidates = [item.model_dump() for item in few]
    update: dict[str, Any] = {
        "steps": [step("draft", name, error="internal") for name in drafted.failed],
        "usage": {},
        "last_draft": _is_last(state, services),
    }
    chat = services.models.chat("answerer")
    if chat is not None and needs and update["last_draft"]:
        from agents.answer.chat import chat_answer

        evidence = await evidence_of(services.store, state["run_id"], subquestions(state))
        kept = await reselected(question, evidence, state, services)
        withholds = partial(never_told, settings=services.settings)
        reply = await chat_answer(chat, question, kept.evidence, profile_of(state), speaker(), withholds)
        candidates = [*(item.model_dump() for item in reply.candidates), *candidates]
        update["usage"] = dict(reply.usage)
        update["steps"] += reply.steps
    if len(few) < len(drafted.candidates):
        update["usage"]["shed_candidates"] = 1
    return {"candidates": candidates, **update}


def _few(drafted: Proposals, needs: int, services: Services) -> Sequence[Candidate]:
    """Return the candidates that are checked: under much load the best few of each need, all of them else."""
    if "candidates" in left_out(services.pressure()):
        return drafted.candidates[: FEW_CANDIDATES * max(1, needs)]
    return drafted.candidates


def _is_last(state: State, services: Services) -> bool:
    """Whether no round of tools follows: something was looked up, or nothing is left to try or to spend."""
    items = subquestions(state)
    stopped = state.get("stopped") or exhausted(
        usage_of(state),
        services.settings,
        steps=len(state.get("steps", [])),
        rounds=state.get("round", 0),
    )
    looked_up = any(item.tool and item.status == "done" for item in items)
    return bool(state.get("retried") or stopped or not items or looked_up)


async def _direct(state: State, services: Services) -> list[Candidate]:
    evidence, candidates = direct_answer(state["question"])
    await services.store.put_evidence(state["run_id"], evidence)
    return candidates


async def _propose(question: ParsedQuestion, need: Need, state: State, services: Services) -> Proposals:
    evidence: list[Evidence] = await evidence_of(
        services.store, state["run_id"], [*need.support, *need.routes]
    )
    kept = await reselected(question, evidence, state, services)
    question = await _mended(question, kept.evidence, state)
    task = AnswerTask(
        question, statements(kept.evidence, question.keywords), need.routes[0].id, image_sizes(state)
    )
    proposals = await propose_aside(services.extractors, task)
    return replace(proposals, failed=(*proposals.failed, *kept.failed))


async def _mended(question: ParsedQuestion, evidence: Sequence[Evidence], state: State) -> ParsedQuestion:
    """Return the question as it was meant; terms of medicine that differ in a letter are left as they are."""
    medical = profile_of(state).name == "medical" or any(item.kind == "pubmed" for item in evidence)
    if medical or not suspects(question, evidence):
        return question
    return await asyncio.to_thread(mended, question, evidence)


async def _assemble(
    question: ParsedQuestion, needs: list[Need], state: State, services: Services
) -> Proposals:
    parts: list[tuple[str, Candidate]] = []
    failed: list[str] = []
    for need in needs:
        found = await _propose(parse_question(need.question), need, state, services)
        failed += found.failed
        if found.candidates:
            parts.append((need.question, found.candidates[0]))
    whole = compose(question, parts) if len(parts) == len(needs) else None
    # A part alone is not the whole answer; it stands in only when the whole does not survive.
    halved = tuple(c.model_copy(update={"score": c.score * 0.5}) for _, c in parts)
    return Proposals(halved if whole is None else (whole, *halved), tuple(failed))
