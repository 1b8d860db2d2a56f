"""Eval run files decide about a promotion: only of the very versions, and kept in the history."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.contracts import ModelRef
from core.errors import VidenceError
from core.settings import Settings
from evals.gate import GateConfig, Promotion
from evals.run.registry import Place
from evals.run.runner import run_suites
from evals.run.sample import Output, Sample
from finetune.release.registry import Registry
from finetune.release.run_gate import gate_runs
from server.cli.app import app
from tests.finetune.test_registry import checkpoint, in_production, passed
from tests.support.eval_suites import code, small_suite


def run_file(path: Path, vlm: ModelRef, right: float) -> Path:
    """Write a real run of 60 sums, of which this share is right."""

    def answer(sample: Sample, seed: int) -> Output:
        number = int(sample.id[1:])
        return Output(answer=number + 1 if number < right * 60 else 0)

    suite = small_suite(answer=answer, count=60, models={"vlm": vlm})
    run_suites([suite], Place(Settings(home=path.parent)), path, identify=code)
    return path


@pytest.fixture
def registry(isolated_home: Path) -> Registry:
    return Registry(isolated_home / "finetune" / "models", who="ada")


@pytest.fixture
def two(registry: Registry, tmp_path: Path) -> tuple[str, str]:
    """A version in production and a candidate that the gate passed on questions."""
    first = in_production(registry, tmp_path / "a", b"1")
    second = registry.register("vlm", checkpoint(tmp_path / "b", b"2"), source="x")
    registry.note(second.ref, "gated", passed(first))
    return first, second.version


def served(version: str) -> ModelRef:
    return ModelRef(name=f"vlm@{version}", hash="0" * 16)


def test_a_better_run_of_the_very_versions_passes_and_the_promotion_names_it(
    registry: Registry, two: tuple[str, str], tmp_path: Path
) -> None:
    old = run_file(tmp_path / "old.jsonl", served(two[0]), 0.7)
    new = run_file(tmp_path / "new.jsonl", ModelRef(name="anything", hash=two[1]), 1.0)
    found = gate_runs(registry, f"vlm@{two[1]}", old, new, GateConfig())
    assert found.body["passed"]
    state = registry.promote(f"vlm@{two[1]}", "production", runs_required=True)
    kept = {event.kind: event for event in state.history}
    assert kept["promoted"].body["by"] == {"gate": kept["gated"].id, "runs": kept["runs_gated"].id}
    assert state.runs is not None
    assert state.runs["parts"]["sums accuracy"]["verdict"] == "improved"
    assert state.runs["new"]["suites"].keys() == {"sums"}
    assert any("models" in one for one in state.runs["differences"])


def test_a_worse_run_refuses_the_version_although_the_rules_did_not_ask_for_runs(
    registry: Registry, two: tuple[str, str], tmp_path: Path
) -> None:
    old = run_file(tmp_path / "old.jsonl", served(two[0]), 1.0)
    new = run_file(tmp_path / "new.jsonl", served(two[1]), 0.6)
    assert not gate_runs(registry, f"vlm@{two[1]}", old, new, GateConfig()).body["passed"]
    with pytest.raises(VidenceError, match="by its eval runs: sums"):
        registry.promote(f"vlm@{two[1]}", "staging")


def test_a_run_of_another_model_says_nothing_about_this_one(
    registry: Registry, two: tuple[str, str], tmp_path: Path
) -> None:
    old = run_file(tmp_path / "old.jsonl", served(two[0]), 0.7)
    other = run_file(tmp_path / "other.jsonl", ModelRef(name="vlm", hash="f" * 16), 1.0)
    new = run_file(tmp_path / "new.jsonl", served(two[1]), 1.0)
    for base, fresh in ((old, other), (other, new), (new, new)):
        with pytest.raises(VidenceError, match="is not of vlm@") as refused:
            gate_runs(registry, f"vlm@{two[1]}", base, fresh, GateConfig())
        assert refused.value.kind == "blocked"
        assert "VIDENCE_VLM" in refused.value.help
    assert registry.resolve(f"vlm@{two[1]}").runs is None


def test_a_first_model_is_compared_with_any_other_run_but_its_own(registry: Registry, tmp_path: Path) -> None:
    record = registry.register("vlm", checkpoint(tmp_path / "a"), source="x")
    registry.note(record.ref, "gated", passed())
    stand_in = run_file(tmp_path / "old.jsonl", ModelRef(name="stand-in", hash="e" * 16), 0.5)
    new = run_file(tmp_path / "new.jsonl", served(record.version), 1.0)
    with pytest.raises(VidenceError, match="as well"):
        gate_runs(registry, record.ref, new, new, GateConfig())
    assert gate_runs(registry, record.ref, stand_in, new, GateConfig()).body["passed"]
    assert registry.promote(record.ref, "production", runs_required=True).stage == "production"


def test_rules_that_ask_for_runs_let_nothing_through_without(
    registry: Registry, two: tuple[str, str], tmp_path: Path
) -> None:
    with pytest.raises(VidenceError, match="asks for eval runs"):
        registry.promote(f"vlm@{two[1]}", "staging", runs_required=True)
    asking = GateConfig(promotion=Promotion(runs="required")).model_dump(mode="json")
    registry.note(f"vlm@{two[1]}", "gated", {**passed(two[0]), "rules": asking})
    with pytest.raises(VidenceError, match="asks for eval runs") as refused:
        registry.promote(f"vlm@{two[1]}", "staging")
    assert "--new-run" in refused.value.help


def test_a_run_that_has_not_finished_is_refused(
    registry: Registry, two: tuple[str, str], tmp_path: Path
) -> None:
    old = run_file(tmp_path / "old.jsonl", served(two[0]), 1.0)
    new = run_file(tmp_path / "new.jsonl", served(two[1]), 1.0)
    new.write_bytes(b"".join(new.read_bytes().splitlines(keepends=True)[:-5]))
    with pytest.raises(VidenceError, match="not finished"):
        gate_runs(registry, f"vlm@{two[1]}", old, new, GateConfig())


def test_promote_on_the_command_line_compares_runs_and_exits_with_1_when_they_are_worse(
    registry: Registry, two: tuple[str, str], tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("promotion: {runs: required}\n")
    promote = ["finetune", "promote", f"vlm@{two[1]}", "--to", "production", "--config", str(rules), "--json"]
    without = CliRunner().invoke(app, promote)
    assert without.exit_code == 2
    assert "--base-run" in json.loads(without.stdout)["error"]["help"]
    old = str(run_file(tmp_path / "old.jsonl", served(two[0]), 0.9))
    bad = str(run_file(tmp_path / "bad.jsonl", served(two[1]), 0.4))
    refused = CliRunner().invoke(app, [*promote, "--base-run", old, "--new-run", bad])
    body = json.loads(refused.stdout)
    assert (refused.exit_code, body["promoted"]) == (1, False)
    assert "sums" in body["reasons"][0]
    good = str(run_file(tmp_path / "good.jsonl", served(two[1]), 1.0))
    done = CliRunner().invoke(app, [*promote, "--base-run", old, "--new-run", good])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["stage"] == "production"
