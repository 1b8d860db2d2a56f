"""A process that asks a question and is killed at the end of one node: python -m tests.support.mortal.

Arguments: home folder, thread id, node to die in ("-" for none, a number for the checkpoint before which
it dies), file that lists the tool calls.
Prints the result as JSON when it lives.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"

import graph.app
import graph.services
from agents.planner import PlanDecision, PlanView
from core.run_store import SqliteRunStore
from core.settings import Settings
from graph.steps import bind
from server.session import AskRequest, ask
from tests.support.fakes import FakeSearch, fake_services, search


class StatelessPlanner:
    """Decides from the view alone, as every planner must, so that a resume decides the same."""

    name = "stateless"

    async def plan(self, view: PlanView) -> PlanDecision:
        if not view.subquestions:
            return PlanDecision(
                next="act",
                subquestions=(
                    search("q1", "a"),
                    search("q2", "b"),
                    search("q3", "after {q1}", depends_on=["q1"]),
                ),
            )
        waiting = any(item.status == "pending" for item in view.subquestions)
        return PlanDecision(next="act" if waiting else "draft")


def die_before_checkpoint(number: int) -> None:
    """Let the process die when it would write its n-th checkpoint: what the step's tasks wrote is kept."""
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    put = AsyncSqliteSaver.aput
    count = 0

    async def counted(self: Any, *args: Any) -> Any:
        nonlocal count
        count += 1
        if count == number:
            await asyncio.sleep(0.2)  # the writes of its tasks are on their way
            os.kill(os.getpid(), signal.SIGKILL)
        return await put(self, *args)

    AsyncSqliteSaver.aput = counted  # type: ignore[method-assign]


def main(home: Path, thread: str, doomed: str, calls: Path) -> None:
    def reply(query: str) -> str:
        with calls.open("a") as log:
            log.write(query + "\n")
        return f"The answer to {query} is 42."

    def mortal_bind(name: str, node: Any, services: Any) -> Any:
        async def work(state: Any, inner: Any) -> Any:
            update = await node(state, inner)
            if name == doomed:
                os.kill(os.getpid(), signal.SIGKILL)
            return update

        return bind(name, work, services)

    graph.app.bind = mortal_bind
    if doomed.isdecimal():
        die_before_checkpoint(int(doomed))
    settings = Settings(home=home)
    graph.services.open_services = lambda _: fake_services(
        home, StatelessPlanner(), FakeSearch(reply), store=SqliteRunStore(home / "runs.db")
    )
    resume = (home / "requests.db").exists()
    request = AskRequest(question="" if resume else "What is it?", thread_id=thread, resume=resume)
    result = asyncio.run(ask(settings, request, lambda *_: None))
    sys.stdout.write(result.model_dump_json())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]))
