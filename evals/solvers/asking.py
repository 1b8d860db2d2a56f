"""Questions through the real graph, as `vidence ask` runs it, and what a result says of its evidence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from agents.check.quotes import occurs
from core.contracts import Citation, Evidence, ModelRef, RunResult
from core.prices import price_table
from core.settings import Settings
from evals.run.registry import OpenSolver, Place, Solver
from evals.run.sample import Output, Sample, Seen, Spent
from evals.solvers.bench import Bench, open_bench
from evals.solvers.desk import Desk

ROLES = ("planner", "answerer", "judge", "vlm", "embeddings")
_SHOWN = 400
_DOC = "doc_id"
_TEXTS = ("passage", "pubmed", "code")
_RETRIEVED = 20
_LONGEST = 1_500


@dataclass(frozen=True)
class Ask:
    """What is asked: as the options of `vidence ask`. `images` are names of files of the data folders."""

    question: str
    images: Sequence[str] = ()
    collections: Sequence[str] = ()
    profile: str = "general"
    declared: Sequence[str] = ()


Asking = Callable[[Sample], Ask]


async def ask(bench: Bench, asked: Ask) -> RunResult:
    """Run the graph once, in memory: nothing of it is kept, and nothing of an earlier run is used.

    Raises:
        VidenceError: The run failed, as its error says.
    """
    desk = await asyncio.to_thread(desk_of, bench)
    return await desk.ask(given_of(bench, asked))


def desk_of(bench: Bench) -> Desk:
    """Return the graph over a bench's services, compiled once for all that ask it. Blocking."""
    # A desk keeps its services: no others get their id.
    return bench.once(f"desk {id(bench.services)}", lambda: Desk(bench.services))


def given_of(bench: Bench, asked: Ask) -> dict[str, Any]:
    """Return what a desk is given."""
    return {
        "question": asked.question,
        "images": [{"path": str(bench.path(name)), "source": name} for name in asked.images],
        "profile": asked.profile,
        "collections": list(asked.collections),
        "declared": list(asked.declared),
    }


def output_of(result: RunResult, settings: Settings) -> Output:
    """Return a run's result as an eval keeps it.

    The answer holds the status, the short and long answer, the confidence, why it abstained, the documents
    that it cites (`cited`, with their texts in `quotes`), the ids of citations that are no evidence of the
    run or whose quote is not in it (`invented`), the texts that were found, best first (`retrieved`: document
    and text, at most 20 of 1,500 characters), and the sub-questions.
    """
    known = {item.id: item for item in result.evidence}
    answer = {
        "status": result.status,
        "short": result.short_answer,
        "text": result.answer,
        "confidence": result.confidence,
        "reason": result.abstain_reason,
        "cited": _documents(result, known),
        "quotes": [[_document(citation, known), citation.quote] for citation in result.citations],
        "citations": [citation.evidence_id for citation in result.citations],
        "invented": [one.evidence_id for one in result.citations if not _holds(one, known)],
        "retrieved": _retrieved(result),
        "plan": [part.question for part in result.plan],
        "inspection": result.inspection.model_dump(mode="json") if result.inspection else None,
    }
    usage = result.usage
    spent = Spent(
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        calls=usage.llm_calls + usage.vlm_calls + usage.tool_calls,
        cost=cost_of(result, settings) or 0.0,
    )
    seen = tuple(_seen(citation) for citation in result.citations)
    return Output(answer=answer, evidence=seen, usage=spent)


def cost_of(result: RunResult, settings: Settings) -> float | None:
    """Return what a run cost by the price table; None where no price of its models is known."""
    models = [model.name for model in result.models.values()] or [""]
    usage = result.usage
    return price_table(settings).cost(models, usage.tokens_in, usage.tokens_out)


def _holds(citation: Citation, known: dict[str, Evidence]) -> bool:
    item = known.get(citation.evidence_id)
    return item is not None and occurs(citation.quote, item.content)


def _documents(result: RunResult, known: dict[str, Evidence]) -> list[str]:
    return list(dict.fromkeys(_document(citation, known) for citation in result.citations))


def _retrieved(result: RunResult) -> list[list[str]]:
    texts = [item for item in result.evidence if item.kind in _TEXTS]
    best = sorted(texts, key=lambda item: -item.score)[:_RETRIEVED]
    return [[str(item.metadata.get(_DOC) or item.source), item.content[:_LONGEST]] for item in best]


def _document(citation: Citation, known: dict[str, Evidence]) -> str:
    item = known.get(citation.evidence_id)
    return str((item.metadata.get(_DOC) if item else None) or citation.source)


def _seen(citation: Citation) -> Seen:
    box = citation.locator.box
    return Seen(id=citation.evidence_id, kind=citation.kind, text=citation.quote[:_SHOWN], box=box)


class _Asker:
    def __init__(
        self, bench: Bench, asking: Asking, models: dict[str, ModelRef], rests_on: Mapping[str, str]
    ) -> None:
        self._bench = bench
        self._asking = asking
        self.models = models
        self.rests_on = rests_on

    async def solve(self, sample: Sample, seed: int) -> Output:
        """Ask the sample's question; an abstention is an output like any other."""
        asked = await asyncio.to_thread(self._asking, sample)
        return output_of(await ask(self._bench, asked), self._bench.settings)


def asker(prepare: Callable[[Bench], Asking], *roles: str) -> OpenSolver:
    """Return what opens a solver that asks the graph.

    Args:
        prepare: Indexes what is needed and returns how a sample is asked; blocking.
        roles: Models beside the planner, answerer, judge, VLM and embeddings.
    """

    @contextmanager
    def opened(place: Place) -> Iterator[Solver]:
        with open_bench(place) as bench:
            with bench.noting() as noted:
                asking = prepare(bench)
            yield asker_over(bench, asking, *roles, rests_on=noted)

    return opened


def asker_over(
    bench: Bench, asking: Asking, *roles: str, rests_on: Mapping[str, str] | None = None
) -> Solver:
    """Return what asks the graph over an open bench; the roles are those of `asker`."""
    return _Asker(bench, asking, bench.models(*ROLES, *roles), rests_on or {})
