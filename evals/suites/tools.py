"""Tool selection: is the right tool among the first that are suggested for a request?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from evals.run.registry import OpenSolver, Place, suite
from evals.run.sample import Output, Sample
from evals.run.scorers import metric_scorer
from evals.solvers.bench import Bench, bench_solver
from evals.suites.rows import own, public
from tools.cards import ToolCard, read_catalogue, registry_cards
from tools.registry import default_registry
from tools.selector import ToolSelector

_SHOWN = 5
SCORERS = (
    metric_scorer("hit@1"),
    metric_scorer("hit@3", judged=False),
    metric_scorer("hit@5", judged=False),
)


def _catalogue(bench: Bench) -> list[ToolCard]:
    assert bench.data is not None  # the suite needs it
    return read_catalogue(bench.data / "metatool" / "tools.jsonl")


def selector(cards: Callable[[Bench], list[ToolCard]]) -> OpenSolver:
    """Return what suggests tools of a catalogue; the answer is their names, best first."""

    def prepare(bench: Bench) -> Callable[[Sample, int], Output]:
        chosen = ToolSelector(cards(bench), bench.services.models.embedder())
        chosen.select("warm up", 1)  # the catalogue's vectors are made before samples are timed

        def answer(sample: Sample, seed: int) -> Output:
            return Output(answer=[one.name for one in chosen.select(sample.input["question"], _SHOWN)])

        return answer

    return bench_solver(prepare, "embeddings")


def _own(name: str) -> Iterator[Sample]:
    for row in own("own_tools.jsonl"):
        yield Sample(
            id=row["id"],
            suite=name,
            family="tools",
            kind=row["tool"],
            modality="text",
            source="own",
            input={"question": row["query"]},
            target=[row["tool"]],
        )


@suite(
    "own_tools",
    family="tools",
    open_solver=selector(lambda bench: registry_cards(default_registry())),
    scorers=SCORERS,
)
def own_tools(place: Place) -> Iterator[Sample]:
    """132 requests for the agent's own tools, among themselves."""
    yield from _own("own_tools")


@suite(
    "own_tools_mixed",
    family="tools",
    needs="metatool",
    open_solver=selector(lambda bench: [*_catalogue(bench), *registry_cards(default_registry())]),
    scorers=SCORERS,
)
def own_tools_mixed(place: Place) -> Iterator[Sample]:
    """The same 132 requests, with MetaTool's 199 tools mixed in."""
    yield from _own("own_tools_mixed")


@suite("metatool", family="tools", needs="metatool", open_solver=selector(_catalogue), scorers=SCORERS)
def metatool(place: Place) -> Iterator[Sample]:
    """Requests over 199 tools of which one is right (MetaTool)."""
    for number, row in enumerate(public(place, "metatool/queries_dev.jsonl")):
        yield Sample(
            id=f"{number:05}",
            suite="metatool",
            family="tools",
            modality="text",
            source="metatool",
            group=row["Tool"],
            input={"question": row["Query"]},
            target=[row["Tool"]],
        )


SUITES = (own_tools, own_tools_mixed, metatool)
