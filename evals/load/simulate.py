"""Sends the traffic: users who come on their own, or who ask in turn. Measures from when they came.

A simulator that waits for a slow server before it sends the next question leaves out the times that were
worst ("coordinated omission", Tene 2013). Here arrivals are drawn beforehand, and every time counts from the
arrival, however late the request left. Closed-loop users wait for their answer before they ask again, as
people do: their number is the load, and a slow server gets fewer questions.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from evals.load.outcome import Outcome
from evals.load.plan import LoadPlan, Visit, arrivals, pause, visits
from evals.load.vidence_protocol import Since
from evals.personas.canaries import Canary

Progress = Callable[[int, int], None]
"""Hears how many questions ended, and how many came; the second number is 0 while it is not known."""
_TICK_S = 0.02


class User(Protocol):
    """Speaks a protocol."""

    async def visit(self, visit: Visit, outcome: Outcome, since: Since) -> None:
        """Ask one question and note in the outcome what happens; errors are noted, too."""
        ...


@dataclass(frozen=True)
class Traffic:
    """What happened.

    Attributes:
        outcomes: Every visit, in the order in which users came.
        seconds: From the first arrival to the last end.
        lag_s: How late this process itself woke up, sampled all along: what is not the server's.
        stopped: Whether it was ended early from outside.
    """

    outcomes: tuple[Outcome, ...]
    seconds: float
    lag_s: tuple[float, ...]
    stopped: bool = False


async def simulate(
    user: User,
    plan: LoadPlan,
    canaries: Sequence[Canary],
    *,
    timeout_s: float = 120.0,
    progress: Progress | None = None,
) -> Traffic:
    """Run a plan to its end; being cancelled (Ctrl-C) ends it early, and what there is so far is returned.

    What is under way when the time to drain is over, or at such an end, is noted as `unfinished`.
    """
    run = _Run(user, plan, visits(plan, canaries), timeout_s, progress)
    watch = asyncio.create_task(run.watch())
    stopped = False
    try:
        await (run.open_loop() if plan.rate is not None else run.closed_loop())
    except asyncio.CancelledError:
        stopped = True
    finally:
        await _leave({watch, *run.under_way})
    return Traffic(tuple(run.outcomes), run.now(), tuple(run.lag), stopped)


class _Run:
    def __init__(
        self,
        user: User,
        plan: LoadPlan,
        coming: Iterator[Visit],
        timeout_s: float,
        progress: Progress | None,
    ) -> None:
        self._user = user
        self._plan = plan
        self._coming = coming
        self._timeout_s = timeout_s
        self._progress = progress
        self._begun = time.perf_counter()
        self._ended = 0
        self._total = 0
        self._failure: BaseException | None = None
        self.under_way: set[asyncio.Task[None]] = set()
        self.outcomes: list[Outcome] = []
        self.lag: list[float] = []

    def now(self) -> float:
        return time.perf_counter() - self._begun

    async def watch(self) -> None:
        """Sample how late the loop wakes up."""
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_TICK_S)
            self.lag.append(time.perf_counter() - before - _TICK_S)

    async def open_loop(self) -> None:
        times = arrivals(self._plan)
        self._total = len(times)
        limit = asyncio.Semaphore(self._plan.users) if self._plan.users else None
        for due in times:
            await asyncio.sleep(max(0.0, due - self.now()))
            self._start(self._one(next(self._coming), due, limit))
        await self._drain()

    async def closed_loop(self) -> None:
        for user in range(self._plan.users or 1):
            self._start(self._turns(user))
        await asyncio.wait(set(self.under_way), timeout=self._plan.seconds)
        await self._drain()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.under_way.add(task)
        task.add_done_callback(self._ended_task)

    def _ended_task(self, task: asyncio.Task[None]) -> None:
        self.under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = self._failure or error

    async def _drain(self) -> None:
        """Wait for what is under way, then leave it; a bug in a user's protocol is raised here."""
        if self.under_way:
            await asyncio.wait(set(self.under_way), timeout=self._plan.drain_s)
        await _leave(set(self.under_way))
        if self._failure is not None:
            raise self._failure

    async def _turns(self, user: int) -> None:
        turn = 0
        while True:
            await asyncio.sleep(pause(self._plan, user, turn))
            turn += 1
            if self.now() >= self._plan.seconds:
                return
            await self._one(next(self._coming), self.now(), None)

    async def _one(self, visit: Visit, due: float, limit: asyncio.Semaphore | None) -> None:
        outcome = Outcome(visit, due)
        self.outcomes.append(outcome)
        came = self._begun + due

        def since() -> float:
            return time.perf_counter() - came

        try:
            if limit is None:
                await self._ask(visit, outcome, since)
            else:
                async with limit:
                    await self._ask(visit, outcome, since)
        except asyncio.CancelledError:
            outcome.fail("unfinished")
            raise
        finally:
            self._ended += 1
            if self._progress:
                self._progress(self._ended, self._total)

    async def _ask(self, visit: Visit, outcome: Outcome, since: Since) -> None:
        outcome.sent = since()
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._user.visit(visit, outcome, since)
        except TimeoutError:
            outcome.fail("timeout")


async def _leave(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
