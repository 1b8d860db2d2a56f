"""The base that is committed decides like the run that it was made of, and tells nothing else."""

from __future__ import annotations

from pathlib import Path

from core.errors import VidenceError
from core.settings import Settings
from evals.compare.decide import compare_runs
from evals.gate import load_gate
from evals.run.file import Run, read_run
from evals.run.registry import Place
from evals.run.runner import run_suites
from evals.run.sample import Output, Sample
from evals.run.slim import write_slim
from tests.support.eval_suites import code, small_suite

ROOT = Path(__file__).resolve().parents[2]


def sums(path: Path, right: int) -> Run:
    def answer(sample: Sample, seed: int) -> Output:
        number = int(sample.id[1:])
        if number == 7:
            raise VidenceError("unavailable", "/home/jo/secret is not there")
        return Output(answer=number + 1 if number < right else 0)

    suite = small_suite(answer=answer, count=60)
    return run_suites([suite], Place(Settings(home=path.parent), path.parent), path, identify=code)


def test_a_small_base_decides_as_the_whole_one(tmp_path: Path) -> None:
    base = sums(tmp_path / "base.jsonl", 55)
    size = write_slim(base, tmp_path / "small.jsonl")
    small = read_run(tmp_path / "small.jsonl")
    assert size < (tmp_path / "base.jsonl").stat().st_size / 1.5
    for right in (55, 30, 60):
        new = sums(tmp_path / f"{right}.jsonl", right)
        whole, less = compare_runs(base, new), compare_runs(small, new)
        assert less.model_copy(update={"base": whole.base}) == whole
    assert not compare_runs(small, sums(tmp_path / "30.jsonl", 30)).passed


def test_a_small_base_holds_no_text_and_no_place(tmp_path: Path) -> None:
    write_slim(sums(tmp_path / "base.jsonl", 55), tmp_path / "small.jsonl")
    text = (tmp_path / "small.jsonl").read_text()
    for word in ("question", "secret", str(tmp_path), "max_seconds"):
        assert word not in text


def test_the_committed_base_is_small_and_has_what_the_gate_asks_for() -> None:
    path = ROOT / ".ci" / "eval_base.jsonl"
    assert path.stat().st_size < 200_000
    base = read_run(path)
    assert base.summary is not None
    assert base.summary.complete
    assert not base.summary.failed
    families = {suite.family for suite in base.header.suites}
    assert families >= {"routing", "tools", "passages"} >= set(load_gate(None).runs.require)
    assert compare_runs(base, base, load_gate(None)).passed
