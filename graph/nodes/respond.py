"""respond: the answer with its citations, confidence and lineage, kept as the run's result."""

from __future__ import annotations

from typing import Any

from agents.answer_filter import filtered
from agents.checks import CheckedCandidate
from agents.evidence_level import evidence_level
from agents.inspection import inspect
from agents.judge import RankedCandidate
from agents.pinpoint import citation_of, pinpoint
from agents.profiles import Profile
from agents.prompts import prompt_versions
from agents.quarantine import suspicions
from core.contracts import Blocked, Citation, RunResult, StepRecord, merge_by_id
from core.settings import Settings
from graph.gather import evidence_of
from graph.services import Services
from graph.state import State
from graph.view import profile_of, subquestions, usage_of

EVIDENCE_SHOWN = 200


async def respond(state: State, services: Services) -> dict[str, Any]:
    """Build the result, keep it in the run store, and return its short form for the state."""
    error = state.get("error")
    if error:
        return {"outcome": {"status": "failed", "error": error}}
    result = await build_result(state, services)
    await services.store.put_result(result.run_id, result.thread_id, result.model_dump_json())
    return {
        "outcome": {
            "status": result.status,
            "answer": result.answer,
            "short_answer": result.short_answer,
            "confidence": result.confidence,
            "abstain_reason": result.abstain_reason,
            "citations": [
                {"evidence_id": citation.evidence_id, "quote": citation.quote[:200]}
                for citation in result.citations[:8]
            ],
        }
    }


async def build_result(state: State, services: Services) -> RunResult:
    """Return the run's result: the best supported answer, or an abstention with its reason."""
    items = subquestions(state)
    profile = profile_of(state)
    ranking = [RankedCandidate.model_validate(item) for item in state.get("ranking", [])]
    best = ranking[0] if ranking else None
    if best is not None and best.confidence < _least_confidence(best, profile, services.settings):
        best = None
    gathered = await evidence_of(services.store, state["run_id"], items)
    cited = _citations(best.checked) if best else ()
    direct = await services.store.get_evidence(state["run_id"], [citation.evidence_id for citation in cited])
    parts = pinpoint(best.checked.candidate.short_answer, direct) if best else []
    if parts:
        await services.store.put_evidence(state["run_id"], parts)
        cited += tuple(map(citation_of, parts))
    evidence = merge_by_id([*direct, *parts], gathered)[:EVIDENCE_SHOWN]
    common: dict[str, Any] = {
        "run_id": state["run_id"],
        "thread_id": state.get("thread_id", ""),
        "question": state["question"],
        "profile": profile.name,
        "evidence": tuple(evidence),
        "plan": tuple(items),
        "steps": tuple(StepRecord.model_validate(item) for item in state.get("steps", [])),
        "usage": usage_of(state),
        "models": await services.models.refs(),
        "prompts": prompt_versions(),
    }
    if profile.risk is not None:
        common["inspection"] = inspect(evidence, state.get("declared", []), profile.risk)
    if refused := state.get("blocked"):
        blocked = Blocked.model_validate(refused)
        return RunResult(status="abstained", abstain_reason=blocked.message, blocked=blocked, **common)
    common["suspicions"] = suspicions(state["question"], evidence)
    if best is None:
        reason = _abstain_reason(state, uncertain=bool(ranking))
        top = ranking[0].confidence if ranking else 0.0
        return RunResult(
            status="abstained",
            abstain_reason=reason,
            confidence=top,
            uncertainty=round(1.0 - top, 4),
            **common,
        )
    candidate = best.checked.candidate
    level = evidence_level(direct) if "evidence_level" in profile.answer_fields else ""
    answered = RunResult(
        status="done",
        answer=_full_answer(candidate.answer, level, profile.notice, state.get("stopped", "")),
        evidence_level=level,
        short_answer=candidate.short_answer,
        answer_type=candidate.answer_type,
        confidence=best.confidence,
        uncertainty=round(1.0 - best.confidence, 4),
        citations=cited,
        claims=tuple(claim for claim in best.checked.claims if claim.supported != "unsupported"),
        **common,
    )
    return filtered(answered, services.settings)


def _least_confidence(best: RankedCandidate, profile: Profile, settings: Settings) -> float:
    """Return the confidence below which the agent abstains."""
    if best.checked.candidate.answer_type == "yes_no":
        return max(settings.min_confidence, profile.min_verdict_confidence)
    return settings.min_confidence


def _citations(checked: CheckedCandidate) -> tuple[Citation, ...]:
    """Return the citations of the claims that stand, each once."""
    standing = {claim.text for claim in checked.claims if claim.supported != "unsupported"}
    unique = {
        (citation.evidence_id, citation.quote): citation
        for claim in checked.candidate.claims
        if claim.text in standing
        for citation in claim.citations
    }
    return tuple(unique.values())


def _full_answer(answer: str, level: str, notice: str, stopped: str) -> str:
    parts = [answer]
    if level:
        parts.append(f"(Evidence: {level}.)")
    if stopped:
        parts.append(f"(Stopped early: the budget of {stopped} was used up.)")
    if notice:
        parts.append(notice)
    return " ".join(parts)


def _abstain_reason(state: State, *, uncertain: bool) -> str:
    stated = str(state.get("decision", {}).get("abstain_reason") or "")
    if stated:
        return stated
    errors = [f"{e['tool']}: {e['message']}" for e in state.get("errors", {}).values()]
    failed = f" ({'; '.join(errors[:3])})" if errors else ""
    if state.get("stopped"):
        return f"The budget of {state['stopped']} was used up before evidence was found{failed}"
    if uncertain:
        return f"The evidence found bears on the question too weakly to answer it{failed}"
    if not state.get("refs"):
        return f"No evidence was found{failed}"
    return f"Nothing in the evidence found answers the question{failed}"
