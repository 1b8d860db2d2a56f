"""Falls planted in run files: as large as asked, where they were asked, and noticed only where they are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gate_power import main
from benchmarks.planted_falls import (
    WAYS,
    Table,
    churn,
    decided,
    families,
    leading,
    losing_order,
    plant,
    refused,
    together,
)
from evals.compare.rules import FamilyRules, RunRules
from evals.gate import GateConfig
from evals.run.file import Run, RunFile, read_run
from evals.run.header import Code, Header, MetricHeader, SuiteHeader
from evals.run.sample import Output, Record, Sample, SampleError, Scored

GROUPS = 130


def made(folder: Path, samples: int = GROUPS) -> Run:
    """A run of three families: right or wrong, an error rate, and cells beside a measure over all samples."""
    rng = np.random.default_rng(5)
    metrics = {
        "a": (
            "answers",
            {"right": MetricHeader(version="1"), "more": MetricHeader(version="1", judged=False)},
        ),
        "b": ("reading", {"cer": MetricHeader(version="1", higher_is_better=False)}),
        "c": ("charts", {"cells": MetricHeader(version="1")}),
        "d": ("charts", {"bleu": MetricHeader(version="1", corpus=True)}),
    }
    suites = tuple(
        SuiteHeader(name=name, family=family, version="1", samples=samples, data_sha256=name, metrics=found)
        for name, (family, found) in metrics.items()
    )
    header = Header(
        started="2026-01-01",
        code=Code(sha256="c", version="1"),
        settings={},
        prompts={},
        suites=suites,
    )
    file = RunFile(folder / "run.jsonl", header)
    for suite in suites:
        for number in range(samples):
            sample = Sample(id=str(number), suite=suite.name, family=suite.family, input={})
            value = {
                "a": float(rng.random() < 0.75),
                "b": 0.02,
                "c": float(rng.random()),
                "d": 0.5,
            }[suite.name]
            failed = suite.name == "a" and number == 3
            scored = Scored(sample_id=sample.id, scores=dict.fromkeys(suite.metrics, value))
            error = SampleError(kind="bug", message="x") if failed else None
            file.append(
                Record(sample=sample, sha256=sample.sha256, output=Output(error=error), scored=scored)
            )
    file.close()
    return read_run(folder / "run.jsonl")


def mean(run: Run, suite: str, name: str) -> float:
    values = [
        record.scored.scores[name]
        for record in run.records
        if record.sample.suite == suite and record.error is None
    ]
    return float(np.mean([value for value in values if value is not None]))


def test_several_run_files_are_taken_as_one_and_the_last_one_of_a_suite_counts(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = made(tmp_path / "one"), made(tmp_path / "two", 20)
    whole = together(
        [one, replace(two, header=two.header.model_copy(update={"suites": two.header.suites[:1]}))]
    )
    assert [suite.name for suite in whole.header.suites] == ["a", "b", "c", "d"]
    assert len(whole.records) == 3 * GROUPS + 20
    assert families(whole) == families(one)


def test_a_planted_fall_is_as_large_as_asked_and_nowhere_else(tmp_path: Path) -> None:
    run = made(tmp_path)
    assert families(run) == ["answers", "reading", "charts"]
    assert leading(run.header.suite("d")) is None
    for family, suite, name, sign in (
        ("answers", "a", "right", -1),
        ("reading", "b", "cer", 1),
        ("charts", "c", "cells", -1),
    ):
        new, fell = plant(run, [family], 0.2, np.random.default_rng(1))
        assert fell == {suite: pytest.approx(0.2)}
        assert mean(new, suite, name) == pytest.approx(mean(run, suite, name) + sign * 0.2, abs=1e-9)
        for other, measure in (("a", "right"), ("b", "cer"), ("c", "cells"), ("a", "more")):
            if (other, measure) != (suite, name):
                assert mean(new, other, measure) == mean(run, other, measure)
    assert plant(run, ["charts"], 0.9, np.random.default_rng(1))[1]["c"] < 0.9


def test_falls_of_every_shape_are_as_large_and_hit_whom_they_say(tmp_path: Path) -> None:
    run = made(tmp_path)
    table = Table(run, GateConfig())
    suite = table.suites["c"]
    before = suite["values"][:, suite["lead"]]
    lost = {}
    for way in WAYS:
        after = table.version(np.random.default_rng(0), 0.0, "charts", 0.2, way)["c"][:, suite["lead"]]
        assert np.nanmean(after) == pytest.approx(np.nanmean(before) - 0.2), way
        lost[way] = set(np.flatnonzero(before - after > 0))
    some, least = (min(before[[*lost[way]]]) for way in ("best", "worst"))
    assert some > np.median(before[before > 0]) >= least
    assert len(lost["best"]) < len(lost["random"]) < len(lost["worst"])


def test_kinds_fall_one_after_another_and_the_largest_groups_first() -> None:
    samples = [
        Sample(id=str(n), suite="s", family="f", kind="ab"[n % 2], group=group, input={})
        for n, group in enumerate("xxyyyz")
    ]
    column, rng = np.asarray([1.0, 1.0, 1.0, 1.0, 1.0, 0.0]), np.random.default_rng(1)
    by_kind = [samples[at].kind for at in losing_order(column, samples, 0.0, "kinds", rng)]
    assert by_kind in (list("aaabb"), list("bbaaa"))
    by_group = [samples[at].group for at in losing_order(column, samples, 0.0, "groups", rng)]
    assert by_group == list("yyyxx")


def test_chance_changes_answers_and_leaves_means_as_they_are_in_expectation(tmp_path: Path) -> None:
    run = made(tmp_path)
    means = [mean(churn(run, 0.3, np.random.default_rng(seed)), "a", "right") for seed in range(60)]
    assert len(set(means)) > 5
    assert np.mean(means) == pytest.approx(mean(run, "a", "right"), abs=0.02)
    assert churn(run, 0.0, np.random.default_rng(1)).records == run.records


def test_the_gate_names_the_family_that_fell_and_passes_what_is_equal(tmp_path: Path) -> None:
    run, config = made(tmp_path), GateConfig()
    for family in families(run):
        rng = np.random.default_rng(2)
        new, _ = plant(churn(run, 0.1, rng), [family], 0.2, rng)
        assert refused(decided(run, new, config), config) == {family}
        better, _ = plant(run, [family], 0.2, np.random.default_rng(3))
        assert refused(decided(better, run, config), config) == set(), "rising is no fall"
    assert decided(run, run, config).passed


def test_a_family_too_small_for_the_test_is_refused_by_how_far_it_may_fall(tmp_path: Path) -> None:
    run = made(tmp_path, 12)
    new, _ = plant(run, ["answers"], 0.2, np.random.default_rng(2))
    plain = GateConfig()
    assert refused(decided(run, new, plain), plain) == set()
    strict = GateConfig(runs=RunRules(families={"answers": FamilyRules(max_fall=0.15)}))
    assert refused(decided(run, new, strict), strict) == {"answers"}
    assert not decided(run, new, strict).passed


def test_too_few_samples_miss_falls_and_the_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for samples, status in ((GROUPS, 0), (12, 1)):
        folder = tmp_path / str(samples)
        folder.mkdir()
        run = made(folder, samples)
        arguments = ["gate_power", "--run", str(run.path), "--seeds", "5", "--pairs", "5", "--churn", "0.05"]
        monkeypatch.setattr("sys.argv", arguments)
        assert main() == status
        assert f'"good": {"true" if status == 0 else "false"}' in capsys.readouterr().out


def test_a_family_with_less_to_lose_than_the_fall_is_named_and_not_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "gate_power",
        "--run",
        str(made(tmp_path).path),
        "--fall",
        "0.9",
        "--seeds",
        "2",
        "--pairs",
        "2",
    ]
    monkeypatch.setattr("sys.argv", arguments)
    assert main() == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["cannot_fall"] == ["answers", "charts"]
    assert printed["families"]["reading"]["caught"] == 2


def test_the_table_says_what_the_gate_says_of_the_same_scores(tmp_path: Path) -> None:
    run, config = made(tmp_path), GateConfig()
    table = Table(run, config)
    seen = set()
    for seed in range(12):
        fall = (0.0, 0.05, 0.12, 0.2)[seed % 4]
        family = families(run)[seed % 3]
        version = table.version(np.random.default_rng(seed), 0.1, family, fall)
        records = []
        for record in run.records:
            suite = table.suites.get(record.sample.suite)
            if suite is not None and record.error is None:
                place = sorted({one.sample.id for one in run.records}).index(record.sample.id)
                row = version[record.sample.suite][place]
                names = [part.metric for part in suite["parts"]]
                scores = {**record.scored.scores, **dict(zip(names, row.tolist(), strict=True))}
                record = record.model_copy(  # noqa: PLW2901
                    update={"scored": record.scored.model_copy(update={"scores": scores})}
                )
            records.append(record)
        said = refused(decided(run, replace(run, records=tuple(records)), config), config)
        assert table.refused(version) == said
        seen.add(bool(said))
    assert seen == {True, False}
