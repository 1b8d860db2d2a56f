"""The graph over services, compiled once and in memory: nothing of a run is there for the next."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.contracts import RunResult
from core.errors import VidenceError
from core.run_store import MemoryRunStore

if TYPE_CHECKING:
    from graph.services import Services


class Desk:
    """Asks the graph; several may ask at a time. Opening is blocking: it compiles."""

    def __init__(self, services: Services) -> None:
        from graph.app import build_graph  # first: it sets how checkpoints are read

        from langgraph.checkpoint.memory import InMemorySaver  # isort: skip

        self.services = services
        self._store = MemoryRunStore()
        # Without a checkpointer the graph could not ask back.
        self._saver = InMemorySaver()
        self.graph: Any = build_graph(
            services.settings, checkpointer=self._saver, services=replace(services, store=self._store)
        )

    async def ask(self, given: Mapping[str, Any]) -> RunResult:
        """Run the graph once, on the fields of its input but the ids of thread and run.

        Raises:
            VidenceError: The run failed, as its error says; `blocked` when a filter refused it.
        """
        run_id = uuid.uuid4().hex
        try:
            return self.result(await self.graph.ainvoke(*self.call(given, run_id)), run_id)
        finally:
            self.forget(run_id)

    def call(self, given: Mapping[str, Any], run_id: str) -> tuple[dict[str, Any], Any]:
        """Return what the compiled graph is called with: its input and its config."""
        config = {
            "configurable": {"thread_id": run_id},
            "recursion_limit": self.services.settings.max_steps * 4,
        }
        return {**given, "thread_id": run_id, "run_id": run_id}, config

    def result(self, state: dict[str, Any], run_id: str) -> RunResult:
        """Return a run's result from its last state; raises like `ask`."""
        outcome = state.get("outcome") or {}
        if outcome.get("status") == "failed":
            raise VidenceError(**outcome["error"])
        if run_id not in self._store.results:
            # It waits for a reply, which nobody gives: a question back is no answer.
            return RunResult(
                run_id=run_id,
                thread_id=run_id,
                status="input_required",
                question=state["question"],
                profile=state.get("profile") or "general",
            )
        result = RunResult.model_validate_json(self._store.results[run_id])
        if result.blocked is not None:
            raise VidenceError("blocked", result.blocked.message, help=result.blocked.help)
        return result

    def forget(self, run_id: str) -> None:
        """Drop what a run left in memory."""
        self._store.forget(run_id)
        self._saver.delete_thread(run_id)
