"""One sample, alone: whatever it raises, and however long it hangs, ends in a record of its own."""

from __future__ import annotations

import asyncio
import inspect
import math
import time
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

from core.errors import VidenceError
from evals.run.registry import Scorer, Solver
from evals.run.sample import Output, Sample, SampleError, Scored, UndefinedScoreError, plain
from evals.run.solver import in_thread

T = TypeVar("T")
GRACE_S = 1.0
"""What does not end so long after it was cancelled is left behind."""
_LONGEST = 500


async def answer(solver: Solver, sample: Sample, seed: int, timeout_s: float) -> Output:
    """Let a solver answer; an error or a time-out becomes the output's typed error."""
    started = time.perf_counter()
    blind = sample.model_copy(update={"target": None})
    try:
        output = await within(solver.solve(blind, seed), timeout_s)
        if not isinstance(output, Output):
            raise TypeError(f"the solver gave a {type(output).__name__}, not an Output")
        output = Output.model_validate(plain(output.model_dump()))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - one sample must not end the run
        output = Output(error=typed(error, "solver"))
    return output.model_copy(update={"ms": round((time.perf_counter() - started) * 1000, 3)})


async def score(scorers: Sequence[Scorer], sample: Sample, output: Output, timeout_s: float) -> Scored:
    """Score an output; a scorer that raises makes the whole sample an error, named in it."""
    if output.error is not None:
        return Scored(sample_id=sample.id)
    scores: dict[str, float | None] = {}
    reasons: dict[str, SampleError] = {}
    mine = [scorer for scorer in scorers if scorer.one is not None]
    for scorer in mine:
        if scorer.alone:
            continue
        value, reason = await _scored(scorer, sample, output, timeout_s)
        if reason is not None and reason.kind != "undefined":
            named = reason.model_copy(update={"message": f"{scorer.metric}: {reason.message}"})
            return Scored(sample_id=sample.id, scores=scores, error=named, reasons=reasons)
        scores[scorer.metric] = value
        if reason is not None:
            reasons[scorer.metric] = reason
    alone = [scorer for scorer in mine if scorer.alone]
    found = await asyncio.gather(*(_scored(scorer, sample, output, timeout_s) for scorer in alone))
    for scorer, (value, reason) in zip(alone, found, strict=True):
        scores[scorer.metric] = value
        if reason is not None:
            reasons[scorer.metric] = reason
    return Scored(sample_id=sample.id, scores=scores, reasons=reasons)


async def _scored(
    scorer: Scorer, sample: Sample, output: Output, timeout_s: float
) -> tuple[float | None, SampleError | None]:
    """Return a score, or why there is none; None without a reason where the measure does not apply."""
    try:
        value = await within(_value(scorer, sample, output), timeout_s)
        if value is not None and math.isnan(value):
            return None, _undefined("the score is not a number")
        return _number(value), None
    except UndefinedScoreError as error:
        return None, _undefined(str(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - one scorer must not end the run
        return None, typed(error, "scorer")


def _undefined(reason: str) -> SampleError:
    return SampleError(kind="undefined", message=reason[:_LONGEST], where="scorer")


async def within(work: Awaitable[T], timeout_s: float) -> T:
    """Wait so long for work, then leave it behind.

    Unlike `asyncio.wait_for` it also returns when the work ignores being cancelled.

    Raises:
        VidenceError: `timeout`.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=timeout_s)
    except asyncio.CancelledError:
        await _leave(task)
        raise
    if not done:
        await _leave(task)
        raise VidenceError("timeout", f"not finished after {timeout_s:g} s", retryable=True)
    if task.cancelled():
        raise RuntimeError("the work cancelled itself")
    return task.result()


def typed(error: BaseException, where: Any) -> SampleError:
    """Return an error as a record keeps it."""
    if isinstance(error, VidenceError):
        return SampleError(kind=error.kind, message=error.message[:_LONGEST], where=where)
    return SampleError(kind="bug", message=f"{type(error).__name__}: {error}"[:_LONGEST], where=where)


async def _leave(task: asyncio.Future[Any]) -> None:
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=GRACE_S)
    if done and not task.cancelled():
        task.exception()  # looked at, so that asyncio does not complain


async def _value(scorer: Scorer, sample: Sample, output: Output) -> float | None:
    one = scorer.one
    assert one is not None
    if inspect.iscoroutinefunction(one):
        value: float | None = await one(sample, output)
        return value
    found = await in_thread(lambda: one(sample, output))
    return await found if inspect.isawaitable(found) else found


def _number(value: float | None) -> float | None:
    if value is None:
        return None
    if math.isinf(value):
        raise ValueError("the score is infinite")
    return float(value)
