"""Trends over versions: aligned by run, and never across what does not compare."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.settings import Settings
from evals.compare.trends import in_order, trends
from evals.run.file import Run, read_run
from evals.run.registry import Place, Suite
from evals.run.runner import run_suites
from evals.run.sample import Output, Sample
from server.cli.app import app
from tests.support.eval_suites import code, small_suite


def suite_of(right: int, count: int, name: str) -> Suite:
    def answer(sample: Sample, seed: int) -> Output:
        number = int(sample.id[1:])
        return Output(answer=number + 1 if number < right else 0)

    return small_suite(name, answer=answer, count=count)


@pytest.fixture
def files(tmp_path: Path) -> list[Run]:
    """Four real runs: the second lacks a suite, the third has other samples of the first one."""
    found = []
    for place, suites in enumerate(
        (
            [suite_of(5, 10, "sums"), suite_of(9, 10, "more")],
            [suite_of(6, 10, "sums")],
            [suite_of(6, 20, "sums"), suite_of(8, 10, "more")],
            [suite_of(12, 20, "sums"), suite_of(7, 10, "more")],
        )
    ):
        path = tmp_path / f"run{place}.jsonl"
        run_suites(suites, Place(Settings(home=tmp_path)), path, identify=code)
        # Runs of the same second have no order: each starts a day later than the one before.
        text = path.read_text().split("\n", 1)
        head = text[0].replace('"started":"20', f'"started":"2{place}')
        path.write_text(head + "\n" + text[1])
        found.append(path)
    return [read_run(path) for path in found]


def test_values_stay_with_their_runs_and_a_change_of_samples_is_a_break(files: list[Run]) -> None:
    found = {one.suite: one for one in trends(files[::-1])}
    values = {name: [(point.run, point.value) for point in one.points] for name, one in found.items()}
    assert values["sums"] == [(0, 0.5), (1, 0.6), (2, 0.3), (3, 0.6)]
    assert found["sums"].breaks == (2,)
    assert found["sums"].change == pytest.approx(0.3)
    assert values["more"] == [(0, 0.9), (2, 0.8), (3, 0.7)]
    assert found["more"].breaks == ()
    assert found["more"].change == pytest.approx(-0.2)
    assert [run.path.name for run in in_order(files[::-1])] == [f"run{n}.jsonl" for n in range(4)]


def test_people_see_a_column_a_run_and_a_bar_at_a_break(files: list[Run]) -> None:
    paths = [str(run.path) for run in files]
    shown = CliRunner().invoke(app, ["eval", "trends", *paths], env={"COLUMNS": "160"}).output
    lines = {line.split()[1]: line for line in shown.splitlines() if "accuracy" in line}
    assert [cell.strip() for cell in lines["sums"].split("│")[1:-1]] == [
        *("sums", "accuracy", "0.500", "0.600", "| 0.300", "0.600", "+0.300")
    ]
    assert [cell.strip() for cell in lines["more"].split("│")[1:-1]] == [
        *("more", "accuracy", "0.900", "-", "0.800", "0.700", "-0.200")
    ]
    assert "aaaaaaaaaa  run0.jsonl" in shown
