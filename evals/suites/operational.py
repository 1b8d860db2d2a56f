"""What a question costs: time beside a bare chain of as many nodes, calls, tokens, money, memory, throughput.

Canary questions in this process, without a server: see `vidence eval load` for one. Times on a shared machine
say little by themselves, so none is judged; a ratio to a bare chain of the same minute says more. Judged is
what a busy machine cannot change: whether runs end, keep their budgets, and need more calls, steps or tokens.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.contracts import RunResult, Usage
from core.errors import VidenceError
from core.settings import Settings
from evals.load.inprocess import Runner, Timed, bare_chain, time_bare
from evals.load.memory import measure_memory
from evals.load.scorers import mean_of, noted, plain, quantile_scorers, times_of
from evals.personas.canaries import Canary, canaries
from evals.run.registry import Place, Scorer, suite
from evals.run.sample import Output, Sample, Spent
from evals.run.solver import in_thread
from evals.solvers.asking import ROLES, cost_of
from evals.solvers.bench import AsyncAnswer, Bench, async_solver
from evals.suites.personas import asked_of, offline, prepare

FAMILY = "operational"
LEVELS = (1, 2, 4, 8)
"""Questions at a time."""
_TURNS, _A_LEVEL = 2, 8
_WARM, _BARE_RUNS = 2, 2
_TEXTS_OF_MEMORY = 16
_PICTURES_OF_MEMORY = ("nov-gen-08", "nov-ins-09")
"""A receipt, which is read, and a bag."""
_CHILD_S = 240.0
_LIMITS = {"steps": "max_steps", "calls": "max_tool_calls", "tokens": "max_tokens"}


@lru_cache(maxsize=1)
def questions() -> tuple[Canary, ...]:
    """Return the canaries that are timed: texts alone, and none whose profile waits for PubMed."""
    asked = canaries(profiles=["general", "inspection", "code"])
    return tuple(one for one in asked if not one.image)


def used(usage: Usage, nodes: int) -> dict[str, float]:
    """Return what a run used of its budgets, in numbers."""
    return {
        "steps": nodes,
        "calls": usage.tool_calls + usage.llm_calls + usage.vlm_calls,
        "tokens": usage.tokens_in + usage.tokens_out,
        "tool_calls": usage.tool_calls,
        "vlm_calls": usage.vlm_calls,
    }


def within_budget(usage: Usage, nodes: int, ms: float, settings: Settings) -> bool:
    """Return whether a run kept every budget of the settings."""
    return (
        nodes <= settings.max_steps
        and usage.tool_calls <= settings.max_tool_calls
        and usage.vlm_calls <= settings.max_vlm_calls
        and usage.tokens_in + usage.tokens_out <= settings.max_tokens
        and ms <= settings.max_seconds * 1000
    )


def _timed(bench: Bench) -> AsyncAnswer:
    prepare(bench)
    bench = offline(bench)
    runner = Runner(bench)
    chains: dict[int, Any] = {}
    warm = asyncio.Lock()
    warmed: list[bool] = []

    async def answer(sample: Sample) -> Output:
        async with warm:
            if not warmed:  # models load with the first question: that is no question's time
                for canary in questions()[:_WARM]:
                    await runner.run(await asyncio.to_thread(asked_of, bench, canary))
                warmed.append(True)
        canary = next(one for one in questions() if one.id == sample.id)
        found = await runner.run(await asyncio.to_thread(asked_of, bench, canary))
        if found.nodes not in chains:
            chains[found.nodes] = await asyncio.to_thread(bare_chain, found.nodes)
        bare = min([await time_bare(chains[found.nodes]) for _ in range(_BARE_RUNS)])
        return await asyncio.to_thread(_output, found, bare, bench.settings)

    return answer


def _output(found: Timed, bare_ms: float, settings: Settings) -> Output:
    result = found.result or RunResult(
        run_id="-", thread_id="-", status="abstained", question="-", profile="general"
    )
    numbers = used(result.usage, found.nodes)
    cost = cost_of(result, settings)
    answer = {
        "status": "refused" if found.refused else result.status,
        "latency": found.ms,
        "first_step": found.first_ms,
        "bare": bare_ms,
        "times_bare": found.ms / bare_ms,
        "within_budget": within_budget(result.usage, found.nodes, found.ms, settings),
        "cost": cost,
        **numbers,
        **{
            f"{name}_of_budget": numbers[name] / max(1, getattr(settings, of)) for name, of in _LIMITS.items()
        },
    }
    spent = Spent(
        tokens_in=result.usage.tokens_in,
        tokens_out=result.usage.tokens_out,
        calls=int(numbers["calls"]),
        cost=cost or 0.0,
    )
    return Output(answer=answer, usage=spent)


def _noted(name: str, help_: str, *, judged: bool = False, higher: bool = False) -> Scorer:
    return Scorer(name, noted(name), higher_is_better=higher, judged=judged, help=help_)


def _finished(sample: Sample, output: Output) -> float:
    return float(output.answer["status"] in ("done", "abstained", "input_required", "refused"))


@suite(
    "operational",
    family=FAMILY,
    open_solver=async_solver(_timed, *ROLES),
    scorers=(
        Scorer("finished", _finished, help="The run ends by its own decision."),
        _noted(
            "within_budget",
            "Steps, calls, tokens and time stay in the settings' budgets.",
            judged=True,
            higher=True,
        ),
        _noted("steps_of_budget", "Share of the budget of graph steps that a question uses.", judged=True),
        _noted("calls_of_budget", "Share of the budget of tool calls.", judged=True),
        _noted("tokens_of_budget", "Share of the budget of tokens.", judged=True),
        *quantile_scorers("latency_ms", times_of("latency"), "of a question, start to end"),
        *quantile_scorers("first_step_ms", times_of("first_step"), "to the end of the first step"),
        *quantile_scorers("bare_ms", times_of("bare"), "of a bare chain of as many nodes"),
        _noted("times_bare", "Times as long as a bare chain of as many nodes, run right after."),
        _noted("calls", "Tool and model calls of a question."),
        _noted("tokens", "Tokens read and written by models."),
        _noted("cost", "By the price table (setting `prices`); undefined where no model has a price."),
    ),
    reuse=False,
    at_once=1,
    undisturbed=True,
)
def operational(place: Place) -> Iterator[Sample]:
    """One question at a time in this process: latency, first step, calls, tokens, cost, budgets."""
    for canary in questions():
        yield _sample(canary.id, "operational", canary.profile, {"question": canary.question})


def _sample(id_: str, name: str, kind: str, given: dict[str, Any]) -> Sample:
    return Sample(id=id_, suite=name, family=FAMILY, kind=kind, modality="text", source="own", input=given)


def _throughput(bench: Bench) -> AsyncAnswer:
    prepare(bench)
    bench = offline(bench)
    runner = Runner(bench)

    async def answer(sample: Sample) -> Output:
        chosen = [one for one in questions() if one.id in sample.input["questions"]]
        asked = [await asyncio.to_thread(asked_of, bench, one) for one in chosen]
        await runner.many(asked[:_WARM], 1)
        rates: dict[str, float] = {}
        failures: list[BaseException] = []
        for level in sample.input["levels"]:
            seconds, failed = await runner.many(asked, level)
            failures += failed
            rates[str(level)] = len(asked) / seconds
        if failures:
            raise failures[0] if isinstance(failures[0], VidenceError) else RuntimeError(repr(failures[0]))
        gains = {f"gain_at_{level}": rates[str(level)] / rates["1"] for level in LEVELS[1:]}
        return Output(answer={**{f"per_s_at_{level}": rates[str(level)] for level in LEVELS}, **gains})

    return answer


@suite(
    "throughput",
    family=FAMILY,
    open_solver=async_solver(_throughput, *ROLES),
    scorers=(
        Scorer(
            "all_finished",
            lambda sample, output: 1.0,
            judged=False,  # a sample that fails is counted by every gate
            help="No run fails, however many go on at a time.",
        ),
        *(
            _noted(f"per_s_at_{level}", f"Questions a second, {level} at a time.", higher=True)
            for level in LEVELS
        ),
        *(
            _noted(
                f"gain_at_{level}",
                f"Times as many a second as one at a time, {level} at a time.",
                higher=True,
            )
            for level in LEVELS[1:]
        ),
    ),
    reuse=False,
    at_once=1,
    undisturbed=True,
    timeout_s=300.0,
)
def throughput(place: Place) -> Iterator[Sample]:
    """The same questions 1, 2, 4 and 8 at a time: how many a second, and that none fails."""
    ids = [one.id for one in questions()]
    for turn in range(_TURNS):
        # Levels in another order each time, so that none always comes first.
        levels = [*LEVELS[turn:], *LEVELS[:turn]]
        asked = ids[turn :: len(ids) // _A_LEVEL][:_A_LEVEL]
        yield _sample(f"turn-{turn}", "throughput", "", {"questions": asked, "levels": levels})


def _memory(bench: Bench) -> AsyncAnswer:
    prepare(bench)

    async def answer(sample: Sample) -> Output:
        texts = await asyncio.to_thread(_asks, bench, sample.input["texts"])
        pictures = await asyncio.to_thread(_asks, bench, sample.input["pictures"])
        with tempfile.TemporaryDirectory() as folder:
            # A folder where nothing was read yet: what OCR has read is kept, and the worker would not start.
            empty = bench.settings.model_copy(update={"home": Path(folder)})
            # At once: each process is asked for its own memory, and no time is measured.
            text, seen = await asyncio.gather(
                in_thread(lambda: measure_memory(bench.settings, texts, _CHILD_S)),
                in_thread(lambda: measure_memory(empty, pictures, _CHILD_S)),
            )
        later = text["questions"] - text["questions"] // 2
        growth = (text["steady_mb"] - text["half_mb"]) * 100 / max(1, later)
        return Output(
            answer={
                **{f"text_{name}": text[name] for name in ("opened_mb", "steady_mb", "peak_mb")},
                "text_growth_mb": growth,
                **{f"pictures_{name}": seen[name] for name in ("steady_mb", "peak_mb")},
                **{name: seen[name] for name in ("worker_steady_mb", "worker_peak_mb")},
            }
        )

    return answer


def _asks(bench: Bench, ids: Sequence[str]) -> list[dict[str, Any]]:
    known = {one.id: one for one in canaries()}
    asks = [vars(asked_of(bench, known[id_])) for id_ in ids]
    return [{**one, "images": [str(bench.path(name)) for name in one["images"]]} for one in asks]


_MEMORY: dict[str, str] = {
    "text_opened_mb": "Resident megabytes of a fresh process before its first question.",
    "text_steady_mb": "After the last of 16 questions of text.",
    "text_peak_mb": "The most while it answers those.",
    "text_growth_mb": "By which 100 questions of text make it grow, by the second half of those.",
    "pictures_steady_mb": "Of a fresh process after questions with pictures.",
    "pictures_peak_mb": "The most while it answers those.",
    "worker_steady_mb": "Of its worker process (OCR) after questions with pictures.",
    "worker_peak_mb": "The most of the worker.",
}


@suite(
    "memory",
    family=FAMILY,
    open_solver=async_solver(_memory, "embeddings"),
    scorers=(
        Scorer(
            "lived",
            lambda sample, output: 1.0,
            judged=False,  # as above
            help="Both processes live through their questions.",
        ),
        *(plain(name, mean_of(name), help_) for name, help_ in _MEMORY.items()),
    ),
    reuse=False,
    at_once=1,
    undisturbed=True,
    timeout_s=2 * _CHILD_S + 10,
)
def memory(place: Place) -> Iterator[Sample]:
    """Memory of fresh processes that answer questions of text and of pictures, and of their worker."""
    texts = [one.id for one in questions()][:_TEXTS_OF_MEMORY]
    yield _sample("process", "memory", "", {"texts": texts, "pictures": list(_PICTURES_OF_MEMORY)})


SUITES = (operational, throughput, memory)
