"""Small suites for the tests of runs, comparisons and reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from core.contracts import ModelRef
from evals.run.header import Code, Header, MetricHeader, SuiteHeader
from evals.run.registry import Scorer, Suite
from evals.run.sample import Output, Record, Sample, Scored, content_hash
from evals.run.solver import function_solver

CODE = Code(commit="a" * 40, sha256="c" * 64, version="0")


def code() -> Code:
    return CODE


def is_right(sample: Sample, output: Output) -> float:
    return float(output.answer == sample.target)


def sample(name: str, number: int, **more: Any) -> Sample:
    given = {"family": name, "input": {"question": f"{number} + 1?"}, "target": number + 1, **more}
    return Sample(id=f"s{number:03}", suite=name, **given)


def small_suite(
    name: str = "sums",
    answer: Callable[[Sample, int], Output] | None = None,
    *,
    count: int = 6,
    scorers: Sequence[Scorer] = (Scorer("accuracy", is_right),),
    models: dict[str, ModelRef] | None = None,
    **more: Any,
) -> Suite:
    """A suite of sums; the answer may be given."""

    def right(one: Sample, seed: int) -> Output:
        return Output(answer=int(one.input["question"].split()[0]) + 1)

    rows = [sample(name, number) for number in range(count)]
    opened = function_solver(answer or right, models)
    return Suite(name, name, "Sums.", lambda place: rows, opened, tuple(scorers), **more)


def header(families: dict[str, Sequence[str]], metrics: Sequence[str] = ("accuracy",), **more: Any) -> Header:
    """A header of suites by family, as a run would write it."""
    suites = tuple(
        SuiteHeader(
            name=suite,
            family=family,
            version="1",
            samples=0,
            data_sha256="d" * 64,
            metrics={metric: MetricHeader(version="1") for metric in metrics},
        )
        for family, names in families.items()
        for suite in names
    )
    given = {"started": "2026-01-01T00:00:00+00:00", "code": CODE, "settings": {}, "prompts": {}, **more}
    return Header(suites=suites, **given)


def record(suite: str, number: int, scores: dict[str, float | None], **more: Any) -> Record:
    """A finished sample with these scores."""
    output = more.pop("output", Output(answer="x"))
    error = more.pop("error", None)
    one = sample(suite, number, **more)
    return Record(
        sample=one,
        sha256=content_hash([suite, number]),
        output=output,
        scored=Scored(sample_id=one.id, scores=scores, error=error),
    )
