"""How a run goes: how much at once, how often, and what ends it early."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pydantic import Field

from core.contracts import Contract
from evals.run.sample import Sample, Spent
from evals.run.summary import Stop


class Limits(Contract):
    """What ends a run early; what is under way is dropped or finished, and the file says so."""

    seconds: float | None = Field(None, gt=0, description="Of this part of the run.")
    tokens: int | None = Field(None, ge=1, description="Read and written, over all parts.")
    cost: float | None = Field(None, gt=0, description="By the price settings, over all parts.")

    def reached(self, spent: Spent) -> Stop:
        """Return which limit is used up, if one is."""
        if self.tokens is not None and spent.tokens_in + spent.tokens_out >= self.tokens:
            return "token_limit"
        if self.cost is not None and spent.cost >= self.cost:
            return "cost_limit"
        return ""


class Options(Contract):
    """Choices of a run. The first three decide what is measured, the rest only how."""

    epochs: int = Field(1, ge=1, description="How often each sample is answered, with another seed.")
    seed: int = Field(0, ge=0)
    limit: int | None = Field(None, ge=1, description="At most so many samples a suite.")
    at_once: int = Field(2, ge=1, description="Samples under way at a time.")
    limits: Limits = Limits()
    timeout_s: float | None = Field(None, gt=0, description="A sample; instead of the suite's.")
    retry_errors: bool = Field(False, description="Whether to ask samples again that failed before.")


def draw(samples: Sequence[Sample], limit: int | None) -> list[Sample]:
    """Return at most so many samples, the same ones each time, in their own order.

    A smaller draw is part of a larger one, and adding samples to a suite moves few others out.
    """
    if limit is None or len(samples) <= limit:
        return list(samples)
    kept = {sample.id for sample in sorted(samples, key=lambda one: _place(one.id))[:limit]}
    return [sample for sample in samples if sample.id in kept]


def seed_of(seed: int, sample: Sample, epoch: int) -> int:
    """Return the seed of one attempt, below 2**31; the same wherever and whenever it runs."""
    text = f"{seed}\0{sample.suite}\0{sample.id}\0{epoch}"
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) & 0x7FFFFFFF


def _place(id_: str) -> str:
    return hashlib.sha256(id_.encode("utf-8", "surrogatepass")).hexdigest()
