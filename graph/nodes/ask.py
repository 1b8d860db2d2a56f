"""ask: one clear question to the user; the run waits here, for days if need be."""

from __future__ import annotations

from typing import Any

from langgraph.types import interrupt

from graph.services import Services
from graph.state import State


async def ask(state: State, services: Services) -> dict[str, Any]:
    """Interrupt with the planner's question and return the user's reply."""
    asked = state["decision"]["ask"] or {"question": "Could you say more?", "options": []}
    reply = interrupt({"question": asked["question"], "options": list(asked["options"])})
    return {"replies": [[asked["question"], str(reply)]]}
