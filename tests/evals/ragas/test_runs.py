"""RAGAS in runs: what has no value and what fails is counted by metric and never averaged away."""

import json
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from core.errors import VidenceError
from core.settings import Settings
from evals.ragas.replay import replayed
from evals.ragas.scorers import NO_JUDGE, lacks_judge
from evals.run.file import read_run
from evals.run.options import Options
from evals.run.registry import Place, suites
from evals.run.runner import run_suites
from evals.run.sample import Output, Sample
from tests.support.eval_suites import code, small_suite
from tests.support.ragas_cases import HashEmbedder, verdict
from tests.support.scripted_openai import Canned, scripted_openai

pytest.importorskip("ragas", reason="the extra `ragas` is not installed: make setup-ragas")


def answered(number, *, status="done"):
    """An answer of the graph, as `evals.solvers.asking` keeps it."""
    return Output(
        answer={
            "status": status,
            "short": f"{number} m",
            "text": f"It is {number} m long.",
            "retrieved": [["d1", f"The bridge is {number} m long."], ["d2", "Another bridge is red."]],
        }
    )


def asked(count=8, **more):
    """A suite whose answers are answers of the graph; every fourth one an abstention."""
    rows = [
        Sample(
            id=f"s{n}",
            suite="asked",
            family="asked",
            kind="length",
            input={"question": f"How long is bridge {n}?"},
            target={"answers": [f"{n} m"], "passages": ["d1"], "contexts": [f"The bridge is {n} m long."]},
        )
        for n in range(count)
    ]

    def answer(sample, seed):
        number = int(sample.id[1:])
        return answered(number, status="abstained" if number % 4 == 3 else "done")

    made = small_suite("asked", answer, **more)
    return type(made)(**{**vars(made), "load": lambda place: rows})


@pytest.fixture(autouse=True)
def no_weights(monkeypatch):
    """The embedded text model takes seconds to load; these tests are about counting."""
    models = SimpleNamespace(embedder=HashEmbedder)

    @contextmanager
    def opened(place):
        yield SimpleNamespace(services=SimpleNamespace(models=models))

    monkeypatch.setattr("evals.ragas.scorers.open_bench", opened)


@pytest.fixture
def base(tmp_path):
    run_suites([asked()], Place(Settings(home=tmp_path)), tmp_path / "base.jsonl", identify=code)
    return read_run(tmp_path / "base.jsonl")


def score(base, tmp_path, judge="embedded", name="new.jsonl", timeout_s=60.0, **options):
    settings = Settings(home=tmp_path, judge=judge, model_timeout_s=timeout_s, judge_at_once=8)
    return run_suites(
        replayed(base),
        Place(settings),
        tmp_path / name,
        Options(at_once=4, **options),
        identify=code,
    )


def figure(run, metric):
    return next(one for one in run.summary.figures if one.metric == metric and not one.by)


def by_schema(request):
    schema = request["response_format"]["json_schema"]["name"]
    return schema, type(schema, (), {})


class Server:
    """A judge on the loopback that answers by its schema, or fails as a test says."""

    def __init__(self, scripted, fail):
        self.fail, self.scripted = fail, scripted

    def next(self):
        request = self.scripted.requests[-1]
        schema, kind = by_schema(request)
        failing = self.fail(schema, len(self.scripted.requests))
        return failing or Canned(verdict(request["messages"][0]["content"], kind))


def serve(scripted, fail=lambda schema, number: None):
    server = Server(scripted, fail)
    scripted.next = server.next
    return server


def test_the_metrics_without_a_model_run_over_a_run_file_by_default(base, tmp_path):
    run = score(base, tmp_path)
    (suite,) = run.header.suites
    assert (suite.name, suite.family, suite.samples) == ("ragas_asked", "rag", 8)
    assert "ragas_faithfulness" not in suite.metrics
    assert figure(run, "ragas_exact_match").value == 0.75
    assert figure(run, "ragas_id_context_recall").value == 1.0
    assert figure(run, "ragas_id_context_precision").value == 0.5
    assert run.summary.usage.calls == 0
    assert {name for name, one in suite.metrics.items() if one.judged} == {
        "ragas_string_presence",
        "ragas_id_context_recall",
    }


def test_scores_without_a_value_are_counted_with_their_reason(base, tmp_path):
    with scripted_openai(Canned("x")) as server:
        serve(server)
        run = score(base, tmp_path, server.setting)
    found = figure(run, "ragas_faithfulness")
    reasons = [one.scored.reasons["ragas_faithfulness"] for one in run.records
               if "ragas_faithfulness" in one.scored.reasons]  # fmt: skip
    assert found.undefined == len(reasons) >= 2
    assert {one.kind for one in reasons} == {"undefined"}
    assert {"the agent abstained"} <= {one.message for one in reasons}
    defined = [one.scored.scores["ragas_faithfulness"] for one in run.records
               if one.scored.scores["ragas_faithfulness"] is not None]  # fmt: skip
    assert found.value == pytest.approx(sum(defined) / len(defined))
    assert found.n + found.undefined == 8
    assert run.header.suites[0].models["ragas_judge"].name == "scripted"
    assert not found.judged
    assert figure(run, "ragas_exact_match").undefined == 0


def test_a_judge_that_hangs_is_a_time_out_of_its_metric_alone(base, tmp_path):
    def hang(schema, number):
        return Canned("", delay_s=60.0) if schema == "ContextRecallOutput" else None

    with scripted_openai(Canned("x")) as server:
        serve(server, hang)
        run = score(base, tmp_path, server.setting, timeout_s=6.0, limit=4)
    recall, precision = figure(run, "ragas_context_recall"), figure(run, "ragas_context_precision")
    assert (recall.errors, recall.timeouts) == (4, 4)
    assert (recall.value, recall.without_errors) == (0.0, None), "never averaged away"
    assert (figure(run, "ragas_exact_match").n, figure(run, "ragas_exact_match").errors) == (4, 0)
    assert precision.timeouts == 0
    assert run.summary.failed == 0, "no sample failed"


@pytest.mark.parametrize(
    ("canned", "kind"),
    [(Canned("garbage"), "internal"), (Canned(status=429), "rate_limited"), (Canned(status=401), "blocked")],
)
def test_garbage_and_refusals_are_typed_errors_of_their_metric(base, tmp_path, monkeypatch, canned, kind):
    monkeypatch.setattr("evals.ragas.judge.WAITS_S", (0.0,))
    monkeypatch.setattr("evals.ragas.scorers._BREAK_S", 0.0)
    with scripted_openai(canned) as server:
        run = score(base, tmp_path, server.setting, limit=3)
    kinds = {reason.kind for one in run.records for name, reason in one.scored.reasons.items()}
    assert kind in kinds
    assert kinds <= {kind, "undefined", "unavailable"}
    assert figure(run, "ragas_context_recall").errors == 3
    assert figure(run, "ragas_string_similarity").n == 3


def test_a_judge_that_dies_half_way_is_asked_again_only_for_what_failed(base, tmp_path, monkeypatch):
    monkeypatch.setattr("evals.ragas.scorers._BREAK_S", 0.0)
    alive = {"until": 20}

    def die(schema, number):
        return Canned(status=503) if number > alive["until"] else None

    with scripted_openai(Canned("x")) as server:
        serve(server, die)
        first = score(base, tmp_path, server.setting)
        assert figure(first, "ragas_faithfulness").errors + figure(first, "ragas_context_recall").errors > 0
        good = {one.key for one in first.records if not any(map(one.scored.failed, one.scored.reasons))}
        alive["until"] = 10**6
        before = len(server.requests)
        again = score(base, tmp_path, server.setting, retry_errors=True)
        asked_again = len(server.requests) - before
        whole = len(server.requests)
        fresh = score(base, tmp_path, server.setting, name="fresh.jsonl")
        assert len(server.requests) == whole, "all replies were kept"
    assert not any(one.errors for one in again.summary.figures)
    assert again.summary.reused == len(good)
    assert 0 < asked_again < whole
    assert {one.key: one.scored.scores for one in again.records} == {
        one.key: one.scored.scores for one in fresh.records
    }


def test_a_run_without_answers_of_the_graph_is_refused(tmp_path):
    run_suites([small_suite()], Place(Settings(home=tmp_path)), tmp_path / "r.jsonl", identify=code)
    with pytest.raises(VidenceError) as raised:
        replayed(read_run(tmp_path / "r.jsonl"))
    assert raised.value.kind == "invalid_input"


def test_metrics_whose_parts_no_answer_has_are_left_out(tmp_path):
    def answer(sample, seed):
        return Output(answer={"status": "done", "short": "1", "text": "It is 1."})

    run_suites(
        [small_suite("sums", answer)], Place(Settings(home=tmp_path)), tmp_path / "r.jsonl", identify=code
    )
    run = score(read_run(tmp_path / "r.jsonl"), tmp_path)
    assert run.header.suites[0].metrics == {}


def test_epochs_are_samples_of_one_group(tmp_path):
    run_suites(
        [asked(2)], Place(Settings(home=tmp_path)), tmp_path / "r.jsonl", Options(epochs=3), identify=code
    )
    run = score(read_run(tmp_path / "r.jsonl"), tmp_path)
    found = figure(run, "ragas_exact_match")
    assert (found.n, found.groups) == (6, 2)


def test_the_suites_say_what_they_lack(tmp_path, monkeypatch):
    registry = suites()
    assert {one.name for one in registry if one.family == "rag"} == {"ragas", "ragas_judged", "ragas_images"}
    place = Place(Settings(home=tmp_path))
    assert registry.suites["ragas"].lack(place) == ""
    assert registry.suites["ragas_judged"].lack(place) == NO_JUDGE
    served = Place(Settings(home=tmp_path, judge="openai:http://127.0.0.1:9/v1#m"))
    assert registry.suites["ragas_images"].lack(served) == ""
    monkeypatch.setattr("evals.ragas.package.find_spec", lambda name: None)
    assert "setup-ragas" in registry.suites["ragas"].lack(place)
    assert "setup-ragas" in lacks_judge(served)


def test_the_suites_score_the_answers_of_the_suites_that_they_name(tmp_path):
    registry, place = suites().suites, Place(Settings(home=tmp_path))
    for name, of in (
        ("ragas", "answers"),
        ("ragas_judged", "answers"),
        ("ragas_images", "drawn_chart_questions"),
    ):
        mine = {one.id: one.input for one in registry[name].samples(place)}
        assert registry[name].answers_of is registry[of]
        assert registry[name].open_solver is registry[of].open_solver
        assert mine == {one.id: one.input for one in registry[of].samples(place)}
    rows = registry["ragas"].samples(place)
    assert len({one.unit for one in rows}) >= 115, "enough to notice a fall of 20 points"
    assert all(len(one.target["contexts"]) == len(one.target["passages"]) for one in rows)


def test_the_command_writes_a_run_file_that_the_report_reads(base, tmp_path):
    from typer.testing import CliRunner

    from server.cli.app import app

    runner = CliRunner()
    with scripted_openai(Canned("x")) as server:
        serve(server)
        out = tmp_path / "o.jsonl"
        done = runner.invoke(
            app, ["eval", "ragas", str(base.path), "--judge", server.setting, "-o", str(out), "--json"]
        )
    assert done.exit_code == 0, done.output
    body = json.loads(done.stdout)
    assert body["complete"]
    assert body["judge"]["calls"] > 8
    assert body["judge"]["tokens_in"] > 0
    assert "ragas_faithfulness" in read_run(out).header.suites[0].metrics
    shown = runner.invoke(app, ["eval", "report", str(out), "--markdown", "-"])
    assert "faithfulness" in shown.output
    bad = runner.invoke(app, ["eval", "ragas", str(base.path), "--judge", "gpt", "--json"])
    assert bad.exit_code == 2
    assert json.loads(bad.stdout)["error"]["kind"] == "invalid_input"
