"""act: run one sub-question's tool, once; a journalled call is never repeated, whatever crashed."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from agents.routes import READINGS
from core.contracts import Evidence, SubQuestion, ToolError, ToolResult
from core.pressure import Part, left_out
from core.run_store import journal_key
from core.steps import step
from graph.services import Services
from graph.state import REFS_PER_SUBQUESTION, ActInput

SNIPPET_CHARS = 120


async def act(state: ActInput, services: Services) -> dict[str, Any]:
    """Return the sub-question's new status, references to its evidence, and what the call cost."""
    item = SubQuestion.model_validate(state["subquestion"])
    run_id = state["run_id"]
    key = journal_key(item.id, item.tool, item.args)
    shed = left_out(services.pressure())
    start = time.perf_counter()
    result = await services.store.journal_get(run_id, key)
    if result is None:
        result = await _call(item, state, services, shed)
        await services.store.journal_put(run_id, key, item.tool, result)
    ms = round((time.perf_counter() - start) * 1000, 3)
    vlm = services.registry.get(item.tool).needs if item.tool in services.registry.names() else ()
    update: dict[str, Any] = {
        "plan": {item.id: _closed(item, result).model_dump()},
        "refs": _refs(item.id, result.evidence),
        "usage": {
            "tool_calls": 1,
            "vlm_calls": int("vlm" in vlm),
            "tokens_in": result.tokens_in,
            "tokens_out": result.tokens_out,
            **_shed(item, shed, services),
        },
        "steps": [step("act", item.tool, ms=ms, error=result.error.kind if result.error else None)],
    }
    if result.error is not None:
        update["errors"] = {item.id: {**result.error.model_dump(), "tool": item.tool}}
    return update


async def _call(item: SubQuestion, state: ActInput, services: Services, shed: frozenset[Part]) -> ToolResult:
    context = services.tool_context(state["run_id"], state["sources"], shed)
    try:
        async with asyncio.timeout(state["seconds_left"]):
            return await services.registry.call(item.tool, item.args, context)
    except TimeoutError:
        return ToolResult(
            error=ToolError(
                kind="timeout",
                message=f"{item.tool} was stopped: the question's time is used up",
                help="Raise VIDENCE_MAX_SECONDS.",
            )
        )


def _shed(item: SubQuestion, shed: frozenset[Part], services: Services) -> dict[str, int]:
    """Say that a search was not re-ranked; other tools leave nothing out."""
    known = item.tool in services.registry.names()
    searches = known and "collection" in services.registry.get(item.tool).needs
    return {"shed_reranking": 1} if searches and "reranking" in shed else {}


def _closed(item: SubQuestion, result: ToolResult) -> SubQuestion:
    failed = (
        not result.ok and not result.evidence and not (item.action in READINGS and _declined(result.error))
    )
    return item.model_copy(update={"status": "failed" if failed else "done"})


def _declined(error: ToolError | None) -> bool:
    """Whether a reader or the VLM said that an image is not for it: a reading too, decided by the image."""
    return error is not None and (error.kind in ("invalid_input", "not_found") or not error.retryable)


def _refs(subquestion_id: str, evidence: tuple[Evidence, ...]) -> dict[str, dict[str, Any]]:
    best = sorted(evidence, key=lambda item: -item.score)[:REFS_PER_SUBQUESTION]
    # Two sub-questions may find the same piece: both found it.
    return {
        f"{subquestion_id}:{item.id}": {
            "kind": item.kind,
            "score": round(item.score, 4),
            "snippet": item.content[:SNIPPET_CHARS],
            "subquestion": subquestion_id,
        }
        for item in best
    }
