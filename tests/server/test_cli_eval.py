"""`vidence eval`: what the commands print, and the codes with which they end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from core.settings import Settings
from evals.compare.decide import compare_runs
from evals.run.registry import Place, Registry
from evals.run.runner import run_suites
from evals.run.sample import Output, Sample
from server.cli.app import app
from server.cli.eval_show import show_comparison, show_run, show_suites
from tests.support.eval_suites import code, small_suite

runner = CliRunner()


def call(*arguments: str) -> tuple[int, Any]:
    outcome = runner.invoke(app, ["eval", *arguments, "--json"])
    assert outcome.exception is None or isinstance(outcome.exception, SystemExit), outcome.exception
    lines = outcome.stdout.strip().splitlines()
    assert len(lines) == 1, outcome.stdout
    return outcome.exit_code, json.loads(lines[0])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch):
    """Two small suites in the place of the real ones; one needs a public set."""
    right = {"share": 1.0}

    def answer(sample: Sample, seed: int) -> Output:
        number = int(sample.id[1:])
        return Output(answer=number + 1 if number < right["share"] * 60 else 0)

    found = Registry.of([small_suite(answer=answer, count=60), small_suite("public", needs="scifact")])
    monkeypatch.setattr("evals.run.registry.suites", lambda: found)
    monkeypatch.setattr("evals.run.runner.code_identity", code)
    return right


def run_file(tmp_path: Path, small, name: str, share: float) -> str:
    small["share"] = share
    path = str(tmp_path / name)
    assert call("run", "sums", "-o", path, "--no-cache")[0] == 0
    return path


def test_list_names_every_suite_and_the_public_set_that_is_missing(small) -> None:
    status, rows = call("list")
    assert status == 0
    assert [(row["name"], row["family"], row["samples"], row["missing"]) for row in rows] == [
        ("sums", "sums", 60, ""),
        ("public", "public", 0, "scifact"),
    ]
    assert all(row["description"] for row in rows)


def test_the_real_suites_can_be_listed() -> None:
    status, rows = call("list")
    assert status == 0
    assert {"name", "family", "description", "samples"} <= set(rows[0])
    assert {"routing", "known_failures"} <= {row["name"] for row in rows}


def test_run_skips_a_missing_public_set_by_name_and_writes_the_file(small, tmp_path: Path) -> None:
    status, body = call("run", "all", "-o", str(tmp_path / "run.jsonl"), "--limit", "10")
    assert (status, body["done"], body["total"], body["complete"]) == (0, 10, 10, True)
    assert [(skip["suite"], skip["needs"]) for skip in body["skipped"]] == [("public", "scifact")]
    assert (tmp_path / "run.jsonl").is_file()
    figure = body["figures"][0]
    assert (figure["suite"], figure["metric"], figure["n"], figure["value"]) == ("sums", "accuracy", 10, 1.0)


def test_a_suite_alone_whose_set_is_missing_is_unavailable(small) -> None:
    status, body = call("run", "public")
    assert (status, body["error"]["kind"]) == (3, "unavailable")
    assert "scifact" in body["error"]["message"]


@pytest.mark.parametrize(
    "arguments",
    [["run", "nosuch"], ["compare", "no.jsonl", "none.jsonl"], ["run", "sums", "--max-cost", "0"]],
)
def test_bad_input_ends_with_2_and_help(small, arguments: list[str]) -> None:
    status, body = call(*arguments)
    assert status == 2
    assert body["error"]["help"]


def test_another_run_in_the_same_file_is_refused(small, tmp_path: Path) -> None:
    path = run_file(tmp_path, small, "run.jsonl", 1.0)
    status, body = call("run", "sums", "-o", path, "--seed", "5")
    assert (status, body["error"]["kind"]) == (2, "invalid_input")
    assert "seed (0 to 5)" in body["error"]["message"]


def test_compare_exits_with_1_on_a_regression_and_0_without(small, tmp_path: Path) -> None:
    good, bad = (
        run_file(tmp_path, small, name, share) for name, share in (("good.jsonl", 1.0), ("bad.jsonl", 0.6))
    )
    status, body = call("compare", good, bad)
    assert (status, body["passed"], body["parts"][0]["verdict"]) == (1, False, "regressed")
    assert body["parts"][0]["detectable"] > 0
    assert body["sizes"]["0.2"] > 0
    assert call("compare", bad, good)[0] == 0
    assert call("compare", good, good)[0] == 0


def test_the_gate_takes_its_rules_from_a_file(small, tmp_path: Path) -> None:
    good = run_file(tmp_path, small, "good.jsonl", 0.9)
    rules = tmp_path / "gate.yaml"
    rules.write_text("runs: {families: {sums: {floor: {accuracy: 0.95}}}}\n")
    status, body = call("gate", good, good, "--config", str(rules))
    assert (status, body["passed"]) == (1, False)
    assert "at least 0.950" in body["reasons"][0]
    rules.write_text("runs: {families: {sums: {floor: {accuracy: 0.85}}}}\n")
    assert call("gate", good, good, "--config", str(rules))[0] == 0
    status, body = call("gate", good, good)
    assert (status, body["reasons"]) == (
        1,
        ["family routing was not run", "routing accuracy was not measured, 0.900 is wanted"],
    )


def test_report_writes_a_page_and_markdown(small, tmp_path: Path) -> None:
    good, bad = (
        run_file(tmp_path, small, name, share) for name, share in (("good.jsonl", 1.0), ("bad.jsonl", 0.6))
    )
    status, body = call(
        "report", bad, "--base", good, "--history", good, "--markdown", str(tmp_path / "run.md")
    )
    assert status == 0
    page = Path(body["output"]).read_text()
    assert page.startswith("<!doctype html>")
    assert "Refused" in page
    assert "| sums | accuracy | 60 | 0.600 |" in (tmp_path / "run.md").read_text()


def test_trends_go_over_run_files(small, tmp_path: Path) -> None:
    files = [run_file(tmp_path, small, f"{share}.jsonl", share) for share in (0.5, 1.0)]
    status, body = call("trends", *files)
    assert status == 0
    assert sorted(point["value"] for point in body["trends"][0]["points"]) == [0.5, 1.0]


def test_verdicts_and_names_are_whole_where_the_terminal_is_narrow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    suite = small_suite("a_suite_of_many_sums", count=20)
    found = run_suites([suite], Place(Settings()), tmp_path / "run.jsonl", identify=code)
    compared = compare_runs(found, found)
    part = compared.parts[0].model_copy(update={"n": 1092, "groups": 840, "verdict": "regressed"})
    show_comparison(compared.model_copy(update={"parts": (part,)}))
    assert "regressed" in capsys.readouterr().out
    show_run(found)
    named = {"name": suite.name, "family": "f" * 20, "description": "words " * 20}
    show_suites([{**named, "samples": 1, "missing": "", "skipped": ""}])
    assert "…" not in capsys.readouterr().out


def test_a_slip_in_a_gate_file_and_a_report_that_cannot_be_written_are_errors_with_help(
    small, tmp_path: Path
) -> None:
    good = run_file(tmp_path, small, "good.jsonl", 1.0)
    rules = tmp_path / "gate.yaml"
    rules.write_text("runs: {families: {sum: {max_fall: 0.1}}}\n")
    status, body = call("gate", good, good, "--config", str(rules))
    assert (status, body["error"]["kind"]) == (2, "invalid_input")
    assert "sums" in body["error"]["help"]
    status, body = call("report", good, "--markdown", str(Path(good) / "run.md"))
    assert (status, body["error"]["kind"]) == (3, "unavailable")


def test_people_see_tables_and_the_numbers_that_matter(small, tmp_path: Path) -> None:
    good, bad = (
        run_file(tmp_path, small, name, share) for name, share in (("good.jsonl", 1.0), ("bad.jsonl", 0.6))
    )
    wide = {"COLUMNS": "200"}
    shown = runner.invoke(app, ["eval", "compare", good, bad], env=wide).output
    for words in ("regressed", "refused", "Samples a part needs", "notices"):
        assert words in shown
    assert "sums" in runner.invoke(app, ["eval", "list"], env=wide).output
    shown = runner.invoke(app, ["eval", "run", "sums", "-o", bad, "--no-cache"], env=wide).output
    assert "0.600" in shown
    assert "60 finished before" in shown
    assert "accuracy" in runner.invoke(app, ["eval", "report", bad, "--markdown", "-"], env=wide).output
    assert "accuracy" in runner.invoke(app, ["eval", "trends", good, bad], env=wide).output
