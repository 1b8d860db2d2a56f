"""Every node records a step: its name, wall time in milliseconds, and whether it ended well."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from langgraph.types import Command

from core.steps import step
from graph.services import Services
from graph.state import NEW, REDUCERS, State

S_contra = TypeVar("S_contra", contravariant=True)
Update = dict[str, Any]
Node = Callable[[S_contra, Services], Awaitable[Update]]


class BoundNode(Protocol[S_contra]):
    """A node as LangGraph calls it."""

    async def __call__(self, state: S_contra) -> Any:
        """Return a partial update, or a `Command` that carries one and says where to go."""
        ...


def changes(update: Update) -> Update:
    """Leave out merges of nothing: every channel written is a row in the checkpoint."""
    return {name: value for name, value in update.items() if value or name not in REDUCERS}


Router = Callable[[State], Any]


def routed(work: BoundNode[State], router: Router) -> BoundNode[State]:
    """Let a node go where its router says, as a `Command`.

    LangGraph's conditional edges would read every channel again for each decision; here the router sees
    the state that the node was given, with its update merged by the same reducers.
    """

    async def run(state: State) -> Command[Any]:
        update = await work(state)
        seen: Any = dict(state)
        for name, value in update.items():
            reducer = REDUCERS.get(name)
            seen[name] = reducer(seen.get(name), value) if reducer else value
        return Command(update=update, goto=router(seen))

    return run


def bind(name: str, node: Node[S_contra], services: Services) -> BoundNode[S_contra]:
    """Give a node its services, and let its update carry a step record and the time it took."""

    async def run(state: S_contra) -> Update:
        start = time.perf_counter()
        update = await node(state, services)
        ms = round((time.perf_counter() - start) * 1000, 3)
        steps = list(update.get("steps") or [])
        if name != "act":
            # `act` records its own tool call.
            steps.append(step(name, ms=ms))
        if name == "intake":
            steps = [NEW, *steps]
            update["usage"] = {NEW: 1}
        return changes({**update, "steps": steps})

    run.__name__ = name
    return run
