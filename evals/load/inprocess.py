"""Runs of the graph in this process, timed: the whole, the first step, and a bare chain of as many nodes."""

from __future__ import annotations

import asyncio
import operator
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from core.contracts import RunResult
from core.errors import VidenceError
from evals.solvers.asking import Ask, given_of
from evals.solvers.bench import Bench
from evals.solvers.desk import Desk


@dataclass(frozen=True)
class Timed:
    """One run. `first_ms` is from the start to the end of its first node, when a stream tells of it."""

    result: RunResult | None
    ms: float
    first_ms: float
    nodes: int
    refused: bool = False


class Runner:
    """A graph that is compiled once, as a server has it, over a store in memory. Opening is blocking."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._desk = Desk(bench.services)

    async def run(self, asked: Ask) -> Timed:
        """Ask once. A blocked request is a result of its own; what else fails is raised.

        Raises:
            VidenceError: The run failed.
        """
        run_id = uuid.uuid4().hex
        given, config = self._desk.call(given_of(self.bench, asked), run_id)
        state: dict[str, Any] = {}
        nodes, first = 0, 0.0
        started = time.perf_counter()
        async for mode, report in self._desk.graph.astream(given, config, stream_mode=["updates", "values"]):
            if mode == "values":
                state = report
                continue
            nodes += len(report)
            first = first or _ms(started)
        ms = _ms(started)
        try:
            result = self._desk.result(state, run_id)
        except VidenceError as error:
            if error.kind != "blocked":
                raise
            return Timed(None, ms, first, nodes, refused=True)
        finally:
            self._desk.forget(run_id)
        return Timed(result, ms, first, nodes)

    async def many(self, asked: Sequence[Ask], at_once: int) -> tuple[float, list[BaseException]]:
        """Ask all, so many at a time; return the seconds, and what failed."""
        room = asyncio.Semaphore(at_once)

        async def one(question: Ask) -> None:
            async with room:
                await self.run(question)

        started = time.perf_counter()
        done = await asyncio.gather(*(one(question) for question in asked), return_exceptions=True)
        return time.perf_counter() - started, [error for error in done if error is not None]


class _Bare(TypedDict):
    value: Annotated[int, operator.add]


def bare_chain(nodes: int) -> Any:
    """Return a compiled chain of so many nodes that do nothing: the least that such a graph costs."""
    from langgraph.graph import END, START, StateGraph

    async def work(state: _Bare) -> _Bare:
        return {"value": 1}

    builder = StateGraph(_Bare)
    names = [f"n{place}" for place in range(nodes)]
    for name in names:
        builder.add_node(name, work)
    for left, right in zip([START, *names], [*names, END], strict=True):
        builder.add_edge(left, right)
    return builder.compile()


async def time_bare(chain: Any) -> float:
    """Return the milliseconds of one run of a bare chain."""
    started = time.perf_counter()
    await chain.ainvoke({"value": 0})
    return _ms(started)


def _ms(started: float) -> float:
    return (time.perf_counter() - started) * 1000
