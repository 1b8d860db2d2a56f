"""Who comes when, and how they behave: drawn beforehand from a seed. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import Field, model_validator

from core.contracts import Contract
from evals.personas.canaries import Canary

_EVENTS_BEFORE = 8
"""A user who leaves or cancels does so after at most so many events."""


class LoadPlan(Contract):
    """Traffic. With `rate` users arrive on their own (open loop); without, `users` ask in turn (closed loop).

    In an open loop `users` limits how many are under way; who has to wait is timed from when they came.
    """

    seconds: float = Field(30.0, gt=0, description="New questions come for so long.")
    users: int | None = Field(None, ge=1)
    rate: tuple[float, float] | None = Field(
        None, description="Questions a second, at the start and at the end."
    )
    think_s: float = Field(1.0, ge=0, description="Mean pause of a closed-loop user between two questions.")
    drop: float = Field(0.1, ge=0, le=1, description="Share of visits that lose their connection once.")
    cancel: float = Field(0.05, ge=0, le=1, description="Share of visits that are cancelled by the user.")
    drain_s: float = Field(60.0, ge=0, description="What is under way at the end may take so long.")
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _has_traffic(self) -> LoadPlan:
        if self.rate is None and self.users is None:
            raise ValueError("give users, a rate, or both")
        if self.rate is not None and (min(self.rate) < 0 or max(self.rate) <= 0):
            raise ValueError("a rate is above 0")
        return self


@dataclass(frozen=True)
class Visit:
    """One question of one user.

    Attributes:
        number: Counts up.
        canary: What is asked.
        drop_after: Lose the connection after so many events; 0: never.
        cancel_after: Cancel after so many events; 0: never.
        pause_s: How long a lost connection stays lost.
    """

    number: int
    canary: Canary
    drop_after: int = 0
    cancel_after: int = 0
    pause_s: float = 0.2


def arrivals(plan: LoadPlan) -> list[float]:
    """Return when users come, in seconds: a Poisson process whose rate goes evenly from one to the other."""
    assert plan.rate is not None
    rng = random.Random(f"arrivals-{plan.seed}")  # noqa: S311 - traffic, no secret
    begin, end = plan.rate
    slope = (end - begin) / plan.seconds
    found: list[float] = []
    whole = 0.0
    while True:
        # The next unit of an even process, put back onto the clock by the inverse of the expected count.
        whole += rng.expovariate(1.0)
        at = _when(whole, begin, slope)
        if at is None or at >= plan.seconds:
            return found
        found.append(at)


def _when(count: float, begin: float, slope: float) -> float | None:
    """Solve `begin t + slope t^2 / 2 = count` for the first t; None when it is never reached."""
    if abs(slope) < 1e-12:
        return count / begin
    root = begin * begin + 2 * slope * count
    return None if root < 0 else (math.sqrt(root) - begin) / slope


def visits(plan: LoadPlan, canaries: Sequence[Canary]) -> Iterator[Visit]:
    """Yield visits without end: every canary once in a drawn order, then again in another."""
    rng = random.Random(f"visits-{plan.seed}")  # noqa: S311 - traffic, no secret
    number = 0
    while True:
        for canary in rng.sample(list(canaries), len(canaries)):
            dropped, cancelled = rng.random() < plan.drop, rng.random() < plan.cancel
            yield Visit(
                number=number,
                canary=canary,
                drop_after=rng.randint(1, _EVENTS_BEFORE) if dropped else 0,
                cancel_after=rng.randint(1, _EVENTS_BEFORE) if cancelled else 0,
                pause_s=rng.uniform(0.02, 0.5),
            )
            number += 1


def pause(plan: LoadPlan, user: int, turn: int) -> float:
    """Return how long a closed-loop user thinks before a question, in seconds."""
    rng = random.Random(f"think-{plan.seed}-{user}-{turn}")  # noqa: S311 - traffic, no secret
    return rng.expovariate(1 / plan.think_s) if plan.think_s else 0.0
