"""The table of leading measures: one row a suite over several runs, put where a document marks its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import VidenceError
from evals.report.table import BEGIN, END, leading_table, put_between
from evals.run.file import Run, RunFile
from evals.run.summary import summarise
from server.cli.app import app
from tests.support.eval_suites import header, record


def run_of(suite: str, right: int, count: int = 20, **more: object) -> Run:
    head = header({"numbers": [suite]}, metrics=("accuracy", "again"), **more)
    rows = [
        record(suite, number, {"accuracy": float(number < right), "again": 1.0}, family="numbers")
        for number in range(count)
    ]
    return Run(Path("run.jsonl"), head, tuple(rows), summarise(head, rows))


def rows_of(table: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.startswith("| ") and "suite |" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_each_suite_has_one_row_with_its_first_measure_and_an_interval() -> None:
    (row,) = rows_of(leading_table([run_of("sums", 15)]))
    assert row[:5] == ["`sums`", "numbers", "20", "accuracy", "0.750"]
    low, _, high = row[5].partition(" to ")
    assert float(low) < 0.75 < float(high)


def test_of_a_suite_in_several_runs_the_last_one_counts_and_each_run_is_named() -> None:
    table = leading_table([run_of("sums", 15), run_of("parts", 5), run_of("sums", 10, limit=20)])
    assert [(row[0], row[4]) for row in rows_of(table)] == [("`parts`", "0.250"), ("`sums`", "0.500")]
    assert table.count("- Code") == 3
    assert "at most 20 samples a suite" in table


def test_every_measure_stands_below_the_leading_one() -> None:
    rows = rows_of(leading_table([run_of("sums", 15)], every=True))
    assert [(row[0], row[3]) for row in rows] == [("`sums`", "accuracy"), ("", "again")]


def test_the_table_replaces_what_stands_between_its_marks_and_nothing_else() -> None:
    document = f"# Title\n\n{BEGIN}\nold | row\n{END}\n\nThe rest.\n"
    once = put_between(document, leading_table([run_of("sums", 15)]))
    assert "old | row" not in once
    assert once.startswith("# Title\n")
    assert once.endswith("The rest.\n")
    assert put_between(once, leading_table([run_of("sums", 15)])) == once
    with pytest.raises(VidenceError, match="no place"):
        put_between("# Title\n", "table")


def test_the_command_writes_into_a_document(tmp_path: Path) -> None:
    found = run_of("sums", 15)
    file = RunFile(tmp_path / "run.jsonl", found.header)
    for line in (*found.records, found.summary):
        assert line is not None
        file.append(line)
    file.close()
    page = tmp_path / "README.md"
    page.write_text(f"Before\n{BEGIN}\n{END}\nAfter\n")
    done = CliRunner().invoke(app, ["eval", "table", str(tmp_path / "run.jsonl"), "--into", str(page)])
    assert done.exit_code == 0, done.output
    assert "| `sums` | numbers | 20 | accuracy | 0.750 |" in page.read_text()
    page.write_text("no marks")
    assert (
        CliRunner().invoke(app, ["eval", "table", str(tmp_path / "run.jsonl"), "--into", str(page)]).exit_code
        == 2
    )
