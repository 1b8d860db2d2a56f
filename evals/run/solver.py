"""Blocking code inside an asynchronous run: in threads that can be left behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from core.contracts import ModelRef
from evals.run.registry import OpenSolver, Place
from evals.run.sample import Output, Sample

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Run blocking work in a daemon thread of its own.

    Unlike `asyncio.to_thread`, a call that hangs neither takes a pool's place nor keeps the process alive.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(value)
        else:
            done.set_exception(error)

    def run() -> None:
        value, raised = None, None
        try:
            value = work()
        except BaseException as error:  # noqa: BLE001 - handed to the caller, whatever it is
            raised = (
                error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")
            )
        try:
            loop.call_soon_threadsafe(settle, value, raised)
        except RuntimeError:
            return  # the run is over and its loop closed: nobody waits any more

    threading.Thread(target=run, name="eval-sample", daemon=True).start()
    return await done


class FunctionSolver:
    """A solver made of a blocking function of the sample and a seed."""

    def __init__(
        self,
        answer: Callable[[Sample, int], Output],
        models: Mapping[str, ModelRef],
        rests_on: Mapping[str, str] | None = None,
    ) -> None:
        self._answer = answer
        self.models = models
        self.rests_on = rests_on or {}

    async def solve(self, sample: Sample, seed: int) -> Output:
        """Answer in a thread."""
        return await in_thread(lambda: self._answer(sample, seed))


def function_solver(
    answer: Callable[[Sample, int], Output], models: Mapping[str, ModelRef] | None = None
) -> OpenSolver:
    """Return what opens a solver that needs nothing opened."""

    @contextmanager
    def opened(place: Place) -> Iterator[FunctionSolver]:
        yield FunctionSolver(answer, models or {})

    return opened
