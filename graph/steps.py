"""Every node records a step: its name, wall time in milliseconds, and whether it ended well."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from graph.services import Services
from graph.state import NEW

S_contra = TypeVar("S_contra", contravariant=True)
Update = dict[str, Any]
Node = Callable[[S_contra, Services], Awaitable[Update]]


class BoundNode(Protocol[S_contra]):
    """A node as LangGraph calls it."""

    async def __call__(self, state: S_contra) -> Update:
        """Return a partial update."""
        ...


def bind(name: str, node: Node[S_contra], services: Services) -> BoundNode[S_contra]:
    """Give a node its services, and let its update carry a step record and the time it took."""

    async def run(state: S_contra) -> Update:
        start = time.perf_counter()
        update = await node(state, services)
        ms = round((time.perf_counter() - start) * 1000, 3)
        steps = list(update.get("steps") or [])
        if name != "act":
            # `act` records its own tool call; parallel calls overlap, so `assess` charges their time.
            steps.append({"node": name, "tool": "", "ms": ms, "ok": True, "error_kind": None})
            update["usage"] = {**update.get("usage", {}), "ms": ms}
        if name == "intake":
            steps = [NEW, *steps]
            update["usage"] = {NEW: 1, **update["usage"]}
        return {**update, "steps": steps}

    run.__name__ = name
    return run
