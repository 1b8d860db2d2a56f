"""Two questions a sample through the real graph: one as it is, and one that was changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from core.contracts import ModelRef
from evals.run.registry import OpenSolver, Place
from evals.run.sample import Output, Sample, Spent
from evals.solvers.asking import ROLES, Ask, ask, output_of
from evals.solvers.bench import Bench, open_bench

Pair = tuple[Ask, Ask]
Pairing = Callable[[Sample], Pair]
"""How a sample is asked before and after its change; blocking."""


class _BeforeAfter:
    def __init__(self, bench: Bench, pairing: Pairing, models: Mapping[str, ModelRef]) -> None:
        self._bench = bench
        self._pairing = pairing
        self._known: dict[Ask, Output] = {}
        self.models = models

    async def solve(self, sample: Sample, seed: int) -> Output:
        """Ask both; what is asked unchanged in several samples is asked once."""
        first, second = await asyncio.to_thread(self._pairing, sample)
        before, spent_before = await self._ask(first)
        after, spent_after = await self._ask(second)
        answer = {"before": _kept(before), "after": _kept(after)}
        return Output(answer=answer, evidence=after.evidence, usage=spent_before + spent_after)

    async def _ask(self, asked: Ask) -> tuple[Output, Spent]:
        known = self._known.get(asked)
        if known is not None:
            return known, Spent()
        found = self._known[asked] = output_of(await ask(self._bench, asked), self._bench.settings)
        return found, found.usage


def _kept(output: Output) -> dict[str, Any]:
    """Return an answer without the texts that were found: two of them a sample would fill the run file."""
    return {name: value for name, value in output.answer.items() if name != "retrieved"}


def before_after(prepare: Callable[[Bench], Pairing], *roles: str) -> OpenSolver:
    """Return what opens a solver that asks twice; the answer is `{before, after}`, each as of `output_of`.

    Args:
        prepare: Indexes what is needed and returns how a sample is asked; blocking.
        roles: Models beside the planner, answerer, judge and embeddings.
    """

    @contextmanager
    def opened(place: Place) -> Iterator[_BeforeAfter]:
        with open_bench(place) as bench:
            yield _BeforeAfter(bench, prepare(bench), bench.models(*ROLES, *roles))

    return opened


def side(output: Output, name: str) -> Output:
    """Return one of the two answers, `before` or `after`, as an output of its own."""
    return Output(answer=output.answer[name])
