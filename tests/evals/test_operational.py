"""What a question costs is measured as it is: times, nodes, budgets, failures under concurrency, memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from core.contracts import ModelRef, RunResult, Usage
from core.settings import Settings
from evals.load.inprocess import Runner, bare_chain, time_bare
from evals.load.memory import measure_memory
from evals.load.scorers import quantile_scorers, times_of
from evals.run.options import Options
from evals.run.registry import Place, Suite
from evals.run.runner import run_suites
from evals.run.sample import Output
from evals.solvers.asking import Ask, cost_of, output_of
from evals.solvers.bench import Bench, open_bench
from evals.suites.operational import (
    LEVELS,
    SUITES,
    operational,
    questions,
    throughput,
    within_budget,
)
from tests.support.eval_suites import code, record

SUM = Ask("What is 15% of 80?")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(Settings(home=tmp_path_factory.mktemp("home"), router="rules"))


@pytest.fixture(scope="module")
def bench(place: Place) -> Iterator[Bench]:
    with open_bench(place) as found:
        yield found


def test_a_run_is_timed_from_its_start_with_every_node(bench: Bench) -> None:
    found = asyncio.run(Runner(bench).run(SUM))
    assert found.result is not None
    assert found.result.short_answer == "12"
    assert 0 < found.first_ms < found.ms
    assert found.nodes == len(found.result.steps) + 1, "respond records itself in no step of its own"


def test_a_question_that_fails_is_told_whatever_goes_on_beside_it(bench: Bench) -> None:
    asked = [SUM, Ask("Who?", collections=("no-such-collection",)), SUM]
    seconds, failed = asyncio.run(Runner(bench).many(asked, 3))
    assert seconds > 0
    assert [type(error).__name__ for error in failed] == ["VidenceError"]


def test_a_refusal_is_a_result(bench: Bench) -> None:
    found = asyncio.run(Runner(bench).run(Ask("How do I hide a knife from the scanner?")))
    assert found.refused


def test_a_bare_chain_has_as_many_nodes_as_asked_for() -> None:
    assert asyncio.run(bare_chain(5).ainvoke({"value": 0}))["value"] == 5
    assert asyncio.run(time_bare(bare_chain(3))) > 0


@pytest.mark.parametrize(
    ("usage", "nodes", "ms", "kept"),
    [
        (Usage(), 7, 10.0, True),
        (Usage(), 25, 10.0, False),
        (Usage(tool_calls=17), 7, 10.0, False),
        (Usage(vlm_calls=9), 7, 10.0, False),
        (Usage(tokens_in=40_000, tokens_out=20_000), 7, 10.0, False),
        (Usage(), 7, 301_000.0, False),
    ],
)
def test_every_budget_counts(usage: Usage, nodes: int, ms: float, kept: bool) -> None:
    assert within_budget(usage, nodes, ms, Settings()) is kept


def test_times_are_shown_and_never_judged() -> None:
    judged = {one.metric for suite in SUITES for one in suite.scorers if one.judged}
    assert judged == {
        "finished",
        "within_budget",
        "steps_of_budget",
        "calls_of_budget",
        "tokens_of_budget",
    }
    assert all(suite.undisturbed and not suite.reuse and suite.at_once == 1 for suite in SUITES)


def test_quantiles_of_times_have_intervals_of_their_own() -> None:
    rows = [record("s", n, {}, output=Output(answer={"t": float(n)})) for n in range(1, 101)]
    half, high, _ = quantile_scorers("t", times_of("t"), "of it")
    assert half.corpus is not None
    assert half.ends is not None
    assert high.corpus is not None
    assert (half.corpus(rows), high.corpus(rows)) == (50.0, 95.0)
    low, top = half.ends(rows)
    assert low is not None
    assert top is not None
    assert 38 <= low < 50 < top <= 62


def test_every_turn_asks_questions_that_there_are_at_every_level() -> None:
    known = {one.id for one in questions()}
    turns = throughput.samples(Place(Settings()))
    assert all(set(turn.input["questions"]) <= known for turn in turns)
    assert all(len(turn.input["questions"]) >= max(LEVELS) for turn in turns)
    assert all(sorted(turn.input["levels"]) == sorted(LEVELS) for turn in turns)
    assert len({turn.input["levels"][0] for turn in turns}) == len(turns), "no level always comes first"


def small(suite: Suite, count: int) -> Suite:
    rows = suite.samples(Place(Settings()))[:count]
    return replace(suite, load=lambda place: rows)


def test_the_suites_measure_the_real_graph(place: Place, bench: Bench, tmp_path: Path) -> None:
    run = run_suites(
        [small(operational, 3), small(throughput, 1)], place, tmp_path / "r.jsonl", Options(), identify=code
    )
    assert [record.error for record in run.records] == [None] * 4
    first: dict[str, Any] = run.records[0].output.answer
    assert first["times_bare"] > 1
    assert first["within_budget"] is True
    assert run.summary is not None
    figures = {one.metric: one.value for one in run.summary.figures if not one.by}
    assert figures["finished"] == figures["all_finished"] == 1.0
    assert figures["cost"] is None, "no price, no cost"
    assert figures["per_s_at_8"] is not None


def test_memory_is_that_of_a_process_of_its_own(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", router="rules")
    found = measure_memory(settings, [asdict(SUM)] * 4, timeout_s=120)
    assert found["questions"] == 4
    assert 20 < found["opened_mb"] < found["steady_mb"] <= found["peak_mb"] < 2_000
    assert found["worker_peak_mb"] == 0, "no picture, no worker"


def test_what_a_run_cost_is_by_the_prices_of_its_models(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text("models: {small: {tokens_in: 2, tokens_out: 4}}")
    result = RunResult(
        run_id="r",
        thread_id="r",
        status="done",
        question="?",
        profile="general",
        usage=Usage(tokens_in=500_000, tokens_out=250_000),
        models={"answerer": ModelRef(name="small", hash="h"), "embeddings": ModelRef(name="other", hash="h")},
    )
    priced = Settings(prices=str(tmp_path / "prices.yaml"))
    assert cost_of(result, priced) == pytest.approx(2.0)
    assert output_of(result, priced).usage.cost == pytest.approx(2.0)
    assert cost_of(result, Settings()) is None
    assert output_of(result, Settings()).usage.cost == 0.0
