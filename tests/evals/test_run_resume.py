"""What a run has finished is kept: through kills, limits and Ctrl-C, and only for the same run."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from core.contracts import ModelRef
from core.errors import VidenceError
from core.settings import Settings
from evals.run.cache import OutputCache
from evals.run.file import RunFile, read_run
from evals.run.header import Code
from evals.run.options import Limits, Options, draw
from evals.run.registry import Place, Scorer, Suite
from evals.run.runner import run_suites
from evals.run.sample import Output, Sample, Spent
from evals.run.solver import FunctionSolver
from tests.support.eval_suites import code, header, is_right, sample, small_suite

ROOT = Path(__file__).resolve().parents[2]
PLACE = Place(Settings())
MORTAL = """
import sys, time
from pathlib import Path
from core.settings import Settings
from evals.run.options import Options
from evals.run.registry import Place
from evals.run.runner import run_suites
from evals.run.sample import Output
from tests.support.eval_suites import code, small_suite

log = Path(sys.argv[2])

def answer(sample, seed):
    with log.open("a") as file:
        file.write(sample.id + "\\n")
    time.sleep(0.01)
    return Output(answer=seed % 2 if seed % 3 else int(sample.id[1:]) + 1)

run_suites([small_suite(answer=answer, count=60)], Place(Settings()), Path(sys.argv[1]),
           Options(at_once=3), identify=code)
"""


def results(path: Path):
    found = read_run(path)
    rows = {
        record.key: (record.output.answer, record.scored.scores, record.error) for record in found.records
    }
    return rows, found.summary.figures


def mortal(path: Path, log: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", MORTAL, str(path), str(log)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )


def test_after_kill_9_no_finished_sample_runs_twice_and_the_result_is_the_same(tmp_path: Path) -> None:
    path, log = tmp_path / "run.jsonl", tmp_path / "log"
    lines = random.Random(time.time_ns()).randrange(2, 50)
    process = mortal(path, log)
    try:
        until = time.monotonic() + 60
        while not path.exists() or path.read_bytes().count(b"\n") < lines:
            assert process.poll() is None, "ended before it could be killed"
            assert time.monotonic() < until
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    finished = {record.sample.id for record in read_run(path).records}
    assert 0 < len(finished) < 60, lines
    log.unlink()
    assert mortal(path, log).wait() == 0
    again = log.read_text().split()
    assert not finished & set(again), lines
    assert finished | set(again) == {f"s{number:03}" for number in range(60)}
    assert mortal(tmp_path / "whole.jsonl", tmp_path / "log2").wait() == 0
    assert results(path) == results(tmp_path / "whole.jsonl")


def test_a_torn_last_line_counts_as_not_finished(tmp_path: Path) -> None:
    path, asked = tmp_path / "run.jsonl", []

    def answer(one: Sample, seed: int) -> Output:
        asked.append(one.id)
        return Output(answer=1)

    suite = small_suite(answer=answer)
    run_suites([suite], PLACE, path, identify=code)
    whole = path.read_bytes().split(b"\n")
    last = json.loads(whole[3])["sample"]["id"]
    path.write_bytes(b"\n".join(whole[:3]) + b"\n" + whole[3][: len(whole[3]) // 2])
    assert len(read_run(path).records) == 2
    asked.clear()
    found = run_suites([suite], PLACE, path, identify=code)
    assert (len(found.records), len(asked), last in asked) == (6, 4, True)


@pytest.mark.parametrize("length", [0, 1, 30])
def test_a_header_torn_by_a_kill_begins_anew(tmp_path: Path, length: int) -> None:
    path = tmp_path / "run.jsonl"
    run_suites([small_suite()], PLACE, path, identify=code)
    path.write_bytes(path.read_bytes()[:length])
    assert len(run_suites([small_suite()], PLACE, path, identify=code).records) == 6


def test_a_run_file_that_another_program_wrote_anew_is_read_and_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    first = run_suites([small_suite()], PLACE, path, identify=code)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("\n".join(json.dumps(line, sort_keys=True, indent=None) for line in lines))
    found = read_run(path)
    assert (found.header, found.records, found.summary) == (first.header, first.records, first.summary)
    assert len(run_suites([small_suite()], PLACE, path, identify=code).records) == 6


@pytest.mark.parametrize("score", ["NaN", "Infinity", '"good"'])
def test_a_score_that_is_no_number_is_named_with_its_line(tmp_path: Path, score: str) -> None:
    path = tmp_path / "run.jsonl"
    run_suites([small_suite()], PLACE, path, identify=code)
    path.write_text(path.read_text().replace('"accuracy":1.0', f'"accuracy":{score}', 1))
    with pytest.raises(VidenceError, match=r"line 2, .*scored\.scores\.accuracy"):
        read_run(path)


def test_another_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes")
    with pytest.raises(VidenceError, match="not a run file"):
        run_suites([small_suite()], PLACE, path, identify=code)
    assert path.read_text() == "my notes"


def test_running_a_finished_run_again_leaves_its_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    run_suites([small_suite()], PLACE, path, identify=code)
    before = path.read_bytes()
    assert run_suites([small_suite()], PLACE, path, identify=code).summary.complete
    assert path.read_bytes() == before


def _other_target(place: Place) -> list[Sample]:
    return [sample("sums", number, target=0) for number in range(6)]


CHANGED = {
    "code": {"identify": lambda: Code(commit="b" * 40, dirty=True, sha256="e" * 64, version="0")},
    "seed": {"options": Options(seed=3)},
    "epochs": {"options": Options(epochs=2)},
    "limit": {"options": Options(limit=3)},
    "settings.router": {"place": Place(Settings(router="rules"))},
    "suites.sums.version": {"suite": small_suite(version="2")},
    "suites.sums.metrics.accuracy.version": {
        "suite": small_suite(scorers=(Scorer("accuracy", is_right, version="2"),))
    },
    "suites.sums.models.vlm": {"suite": small_suite(models={"vlm": ModelRef(name="m", hash="2")})},
    "suites.sums.data_sha256": {"suite": small_suite(count=7)},
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_run_that_differs_is_refused_and_the_difference_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / "run.jsonl"
    run_suites([small_suite()], PLACE, path, identify=code)
    before, change = path.read_bytes(), CHANGED[name]
    with pytest.raises(VidenceError) as raised:
        run_suites(
            [change.get("suite", small_suite())],
            change.get("place", PLACE),
            path,
            change.get("options", Options()),
            identify=change.get("identify", code),
        )
    assert raised.value.kind == "invalid_input"
    assert f"{name} " in raised.value.message or f"{name}." in raised.value.message
    assert "-o FILE" in raised.value.help
    assert path.read_bytes() == before


def test_how_a_run_goes_may_change_between_its_parts(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    run_suites([small_suite()], PLACE, path, Options(limits=Limits(tokens=5)), identify=code)
    found = run_suites([small_suite()], PLACE, path, Options(at_once=5, timeout_s=9), identify=code)
    assert found.summary.complete


def test_two_processes_cannot_write_one_file(tmp_path: Path) -> None:
    first = RunFile(tmp_path / "run.jsonl", header({"sums": ["sums"]}))
    with pytest.raises(VidenceError, match="Another process"):
        RunFile(tmp_path / "run.jsonl", header({"sums": ["sums"]}))
    first.close()


@pytest.mark.parametrize(("limits", "stop"), [({"tokens": 25}, "token_limit"), ({"cost": 0.3}, "cost_limit")])
def test_a_limit_ends_a_run_marked_and_the_next_one_goes_on(tmp_path: Path, limits, stop: str) -> None:
    def answer(one: Sample, seed: int) -> Output:
        return Output(answer=1, usage=Spent(tokens_in=7, tokens_out=3, calls=1, cost=0.1))

    path = tmp_path / "run.jsonl"
    found = run_suites(
        [small_suite(answer=answer)], PLACE, path, Options(at_once=1, limits=Limits(**limits)), identify=code
    )
    assert (found.summary.stop, found.summary.done, found.summary.total) == (stop, 3, 6)
    assert not found.summary.complete
    found = run_suites([small_suite(answer=answer)], PLACE, path, identify=code)
    assert (found.summary.stop, found.summary.done, found.summary.reused) == ("", 6, 3)
    assert found.summary.usage.tokens_in == 42


def test_the_time_limit_drops_what_is_under_way(tmp_path: Path) -> None:
    def answer(one: Sample, seed: int) -> Output:
        time.sleep(0.05 if one.id == "s000" else 30)
        return Output(answer=1)

    started = time.monotonic()
    found = run_suites(
        [small_suite(answer=answer)],
        PLACE,
        tmp_path / "run.jsonl",
        Options(at_once=1, limits=Limits(seconds=0.5)),
        identify=code,
    )
    assert time.monotonic() - started < 10
    assert (found.summary.stop, len(found.records)) == ("time_limit", 1)


def test_ctrl_c_ends_a_run_marked(tmp_path: Path) -> None:
    def answer(one: Sample, seed: int) -> Output:
        if one.id == "s003":
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        return Output(answer=1)

    found = run_suites(
        [small_suite(answer=answer)], PLACE, tmp_path / "run.jsonl", Options(at_once=1), identify=code
    )
    assert (found.summary.stop, len(found.records)) == ("interrupted", 3)


def test_failed_samples_are_only_asked_again_when_that_is_wanted(tmp_path: Path) -> None:
    broken = [True]

    def answer(one: Sample, seed: int) -> Output:
        if broken[0] and one.id == "s001":
            raise VidenceError("unavailable", "no server")
        return Output(answer=int(one.id[1:]) + 1)

    path, suite = tmp_path / "run.jsonl", small_suite(answer=answer)
    run_suites([suite], PLACE, path, identify=code)
    broken[0] = False
    assert run_suites([suite], PLACE, path, identify=code).summary.failed == 1
    found = run_suites([suite], PLACE, path, Options(retry_errors=True), identify=code)
    assert (found.summary.failed, found.summary.done, found.summary.reused) == (0, 6, 5)


def test_a_cached_answer_is_used_for_the_same_input_and_model_only(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(one: Sample, seed: int) -> Output:
        asked.append(one.id)
        return Output(answer=int(one.id[1:]) + 1, usage=Spent(tokens_in=10))

    cache = OutputCache(tmp_path / "cache.sqlite")
    vlm = {"vlm": ModelRef(name="m", hash="1")}
    for name, models, asks in (("a", vlm, 6), ("b", vlm, 0), ("c", {"vlm": ModelRef(name="m", hash="2")}, 6)):
        asked.clear()
        suite = small_suite(answer=answer, models=models)
        found = run_suites([suite], PLACE, tmp_path / name, cache=cache, identify=code)
        assert (len(asked), found.summary.cached) == (asks, 6 - asks)
        assert found.summary.usage.tokens_in == asks * 10
        assert found.summary.figures[0].value == 1.0
    asked.clear()
    timed = small_suite(answer=answer, models=vlm, reuse=False)
    run_suites([timed], PLACE, tmp_path / "d", cache=cache, identify=code)
    assert len(asked) == 6
    cache.close()


def test_a_failure_is_never_cached(tmp_path: Path) -> None:
    def answer(one: Sample, seed: int) -> Output:
        raise VidenceError("unavailable", "no server")

    cache = OutputCache(tmp_path / "cache.sqlite")
    run_suites([small_suite(answer=answer)], PLACE, tmp_path / "a", cache=cache, identify=code)
    found = run_suites([small_suite()], PLACE, tmp_path / "b", cache=cache, identify=code)
    assert (found.summary.cached, found.summary.failed) == (0, 0)
    cache.close()


def test_a_model_call_is_made_once_for_content_and_weights(tmp_path: Path) -> None:
    cache, calls = OutputCache(tmp_path / "cache.sqlite"), []

    def make() -> list[int]:
        calls.append(1)
        return [1, 2]

    for hash_, text in (("1", "a"), ("1", "a"), ("2", "a"), ("1", "b")):
        assert cache.model_call("embed", ModelRef(name="m", hash=hash_), {"text": text}, make) == [1, 2]
    assert len(calls) == 3
    cache.close()


def test_a_draw_is_the_same_each_time_and_part_of_a_larger_one() -> None:
    rows = [sample("sums", number) for number in range(100)]
    small, large = draw(rows, 10), draw(rows, 30)
    assert small == draw(list(rows), 10)
    assert {one.id for one in small} < {one.id for one in large}
    assert draw(rows, None) == rows


def test_a_kept_answer_is_not_used_when_its_image_is_another_one(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(one: Sample, seed: int) -> Output:
        asked.append(one.id)
        return Output(answer=1)

    data = tmp_path / "data"
    data.mkdir()
    for name in ("a", "b"):
        (data / f"{name}.png").write_bytes(b"as it was")
    rows = [
        Sample(id=name, suite="seen", family="seen", input={"images": [f"{name}.png"]}) for name in ("a", "b")
    ]
    looks = replace(small_suite("seen", answer=answer, count=0), load=lambda place: rows)
    cache, place = OutputCache(tmp_path / "cache.sqlite"), replace(PLACE, data=data)
    run_suites([looks], place, tmp_path / "first", cache=cache, identify=code)
    (data / "a.png").write_bytes(b"another one")
    asked.clear()
    with pytest.raises(VidenceError, match="rests_on"):
        run_suites([looks], place, tmp_path / "first", cache=cache, identify=code)
    found = run_suites([looks], place, tmp_path / "second", cache=cache, identify=code)
    assert (asked, found.summary.cached) == (["a"], 1)
    # Which other samples are drawn does not matter.
    run_suites([looks], place, tmp_path / "third", Options(limit=1), cache=cache, identify=code)
    assert asked == ["a"]
    cache.close()


def test_a_kept_answer_is_not_used_when_what_is_searched_or_installed_has_changed(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(one: Sample, seed: int) -> Output:
        asked.append(one.id)
        return Output(answer=1)

    def searching(content: str) -> Suite:
        def opened(place: Place) -> AbstractContextManager[FunctionSolver]:
            return nullcontext(FunctionSolver(answer, {}, {"library": content}))

        return replace(small_suite(), open_solver=opened)

    def upgraded() -> Code:
        return code().model_copy(update={"packages": {"bm25s": "2"}})

    cache = OutputCache(tmp_path / "cache.sqlite")
    for name, content, version, asks in (
        ("a", "1", code, 6),
        ("b", "1", code, 0),
        ("c", "2", code, 6),
        ("d", "2", upgraded, 6),
    ):
        asked.clear()
        run_suites([searching(content)], PLACE, tmp_path / name, cache=cache, identify=version)
        assert len(asked) == asks, name
    with pytest.raises(VidenceError, match=r"rests_on\.library"):
        run_suites([searching("2")], PLACE, tmp_path / "a", cache=cache, identify=code)
    with pytest.raises(VidenceError, match=r"packages\.bm25s"):
        run_suites([searching("2")], PLACE, tmp_path / "c", cache=cache, identify=upgraded)
    cache.close()
