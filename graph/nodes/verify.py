"""verify: check every claim of every candidate against its cited evidence, in code."""

from __future__ import annotations

from typing import Any

from agents.checks import check_candidate
from core.contracts import Candidate
from graph.services import Services
from graph.state import State


async def verify(state: State, services: Services) -> dict[str, Any]:
    """Return the candidates with their checked claims; those without support are left out."""
    candidates = [Candidate.model_validate(item) for item in state.get("candidates", [])]
    cited = {
        citation.evidence_id: None
        for candidate in candidates
        for claim in candidate.claims
        for citation in claim.citations
    }
    found = await services.store.get_evidence(state["run_id"], list(cited))
    evidence = {item.id: item for item in found}
    checked = [check_candidate(candidate, evidence) for candidate in candidates]
    # The checked ones carry their candidates along; keeping both would double every checkpoint.
    return {
        "candidates": [],
        "checked": [item.model_dump() for item in checked if item.survives],
    }
