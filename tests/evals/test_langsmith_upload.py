"""Runs reach LangSmith once, whatever the network does, with nothing in them that should stay here."""

from __future__ import annotations

import io
import json
import logging
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from core.contracts import ModelRef
from core.errors import VidenceError
from core.feedback_store import FeedbackStore, RatedRun
from core.settings import Settings, load_settings
from evals.langsmith.api import LangSmithApi
from evals.langsmith.plan import SuitePlan, plan_run, plan_samples
from evals.langsmith.receipts import Receipts
from evals.langsmith.upload import Uploaded, image_reader, upload
from evals.run.file import Run, read_run
from evals.run.registry import Place, Registry, Scorer
from evals.run.runner import run_suites
from evals.run.sample import Output, Sample
from server.cli.app import app
from tests.support.eval_suites import code, is_right, small_suite
from tests.support.fake_langsmith import KEY, FakeLangSmith, fake_langsmith

pytest.importorskip("langsmith")


def even_only(sample: Sample, output: Output) -> float | None:
    return float(sample.target % 2 == 0) if sample.target > 2 else None


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A real run: 12 sums, of which one fails; the second measure is not defined for the first two."""

    def answer(sample: Sample, seed: int) -> Output:
        if sample.id == "s005":
            raise VidenceError("timeout", "jo@example.org took too long")
        return Output(answer=int(sample.id[1:]) + 1)

    scorers = (Scorer("accuracy", is_right), Scorer("even", even_only))
    suite = small_suite(
        answer=answer, count=12, scorers=scorers, models={"vlm": ModelRef(name="tiny", hash="a" * 16)}
    )
    folder = tmp_path_factory.mktemp("secret-place")
    settings = Settings(home=folder, langsmith_api_key=KEY)
    return run_suites([suite], Place(settings), folder / "run.jsonl", identify=code)


@pytest.fixture
def fake() -> Iterator[FakeLangSmith]:
    with fake_langsmith() as server:
        yield server


@pytest.fixture
def receipts(tmp_path: Path) -> Iterator[Receipts]:
    kept = Receipts(tmp_path / "receipts.sqlite")
    yield kept
    kept.close()


def send(
    fake: FakeLangSmith,
    plans: list[SuitePlan],
    receipts: Receipts,
    waits: list[float] | None = None,
    **more: Any,
) -> list[Uploaded]:
    slept = [] if waits is None else waits
    api = LangSmithApi(fake.url, more.pop("key", KEY), sleep=slept.append)
    try:
        return upload(plans, api, receipts, **more)
    finally:
        api.close()


WHOLE = {"datasets": 1, "examples": 12, "sessions": 1, "runs": 12, "feedback": 20}
"""11 of 12 samples went well and have an accuracy; of these 9 have the second measure."""


def test_a_run_becomes_a_data_set_and_an_experiment_with_scores(
    fake: FakeLangSmith, run: Run, receipts: Receipts
) -> None:
    found = send(fake, plan_run(run, "pier"), receipts)[0]
    assert fake.counts() == WHOLE
    assert (found.examples, found.runs, found.scores, found.failed, found.undefined) == (12, 12, 20, 1, 2)
    (session,) = fake.sessions.values()
    (dataset,) = fake.datasets.values()
    assert (dataset["name"], session["reference_dataset_id"]) == ("pier-sums", dataset["id"])
    assert session["name"].startswith("pier-sums-")
    figures = session["extra"]["metadata"]["figures"]
    assert figures["accuracy"]["failed"] == 1
    assert figures["accuracy"]["value"] == pytest.approx(11 / 12)
    assert session["end_time"]
    for row in fake.runs.values():
        example = fake.examples[row["reference_example_id"]]
        assert row["inputs"] == example["inputs"]
        assert row["session_id"] == session["id"]
        assert row["dotted_order"].endswith(row["id"])
    failed = [row for row in fake.runs.values() if row["error"]]
    assert [row["error"] for row in failed] == ["timeout: [email] took too long"]
    scored = {(row["run_id"], row["key"]) for row in fake.feedback.values()}
    assert not any(run_id == failed[0]["id"] for run_id, _ in scored)
    values = {row["key"]: [] for row in fake.feedback.values()}
    for row in fake.feedback.values():
        values[row["key"]].append(row["score"])
    # Undefined scores are nowhere, least of all as 0.
    assert (len(values["accuracy"]), len(values["even"])) == (11, 9)
    assert sorted(set(values["accuracy"])) == [1.0]


def test_uploading_twice_adds_nothing_even_from_another_machine(
    fake: FakeLangSmith, run: Run, receipts: Receipts, tmp_path: Path
) -> None:
    send(fake, plan_run(run, "pier"), receipts)
    before = len(fake.requests)
    again = send(fake, plan_run(run, "pier"), receipts)[0]
    assert (again.examples, again.runs, again.scores) == (0, 0, 0)
    assert (again.examples_there, again.runs_there, again.scores_there) == (12, 12, 20)
    assert {method for method, _ in fake.requests[before:]} == {"GET"}
    other = Receipts(tmp_path / "other.sqlite")
    send(fake, plan_run(run, "pier"), other)
    other.close()
    assert fake.counts() == WHOLE


def test_a_second_run_over_the_same_samples_is_a_second_experiment_over_the_same_data_set(
    fake: FakeLangSmith, run: Run, receipts: Receipts, tmp_path: Path
) -> None:
    send(fake, plan_run(run, "pier"), receipts)
    later = run.header.model_copy(update={"started": "2030-01-01T00:00:00+00:00"})
    send(fake, plan_run(Run(run.path, later, run.records, run.summary), "pier"), receipts)
    assert fake.counts() == {**WHOLE, "sessions": 2, "runs": 24, "feedback": 40}


def test_a_sample_with_other_content_is_another_example(
    fake: FakeLangSmith, run: Run, receipts: Receipts
) -> None:
    samples = [record.sample for record in run.records]
    changed = samples[0].model_copy(update={"target": 99})
    send(fake, [plan_samples(samples, "pier-sums", "Sums.")], receipts)
    found = send(fake, [plan_samples([changed, *samples[1:]], "pier-sums", "Sums.")], receipts)[0]
    assert (found.examples, found.examples_there) == (1, 11)


@pytest.mark.parametrize("fault", [429, 500, 503, 408, "drop", "lost", "partial"])
@pytest.mark.parametrize(
    "call",
    [
        "GET /info",
        "GET /datasets",
        "POST /datasets",
        "GET /examples",
        "POST /examples/bulk",
        "POST /sessions",
        "POST /runs/batch",
        "POST /feedback",
    ],
)
def test_one_fault_of_any_call_is_made_good_and_nothing_is_there_twice(
    fake: FakeLangSmith, run: Run, receipts: Receipts, call: str, fault: str | int
) -> None:
    fake.faults[call] = [fault]
    waits: list[float] = []
    send(fake, plan_run(run, "pier"), receipts, waits)
    assert fake.counts() == WHOLE
    assert len(waits) == 1
    assert waits[0] == 3.0 if fault in (429, 503) else waits[0] < 2.0


@pytest.mark.parametrize(
    ("fault", "kind", "retryable"),
    [
        (500, "unavailable", True),
        (429, "rate_limited", True),
        (504, "timeout", True),
        ("drop", "unavailable", True),
        ("partial", "unavailable", True),
        (401, "invalid_input", False),
        (403, "invalid_input", False),
        (422, "invalid_input", False),
    ],
)
def test_a_server_that_stays_down_is_a_typed_error_and_the_next_upload_goes_on(
    fake: FakeLangSmith,
    run: Run,
    receipts: Receipts,
    fault: str | int,
    kind: str,
    retryable: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen = {"left": 7}

    def after_seven_scores(method: str, path: str) -> str | int | None:
        if path != "/feedback":
            return None
        seen["left"] -= 1
        return fault if seen["left"] < 0 else None

    fake.always = after_seven_scores
    with caplog.at_level(logging.DEBUG), pytest.raises(VidenceError) as raised:
        send(fake, plan_run(run, "pier"), receipts)
    assert (raised.value.kind, raised.value.retryable) == (kind, retryable)
    assert raised.value.help
    for text in (str(raised.value), raised.value.help, caplog.text):
        assert KEY not in text
        assert KEY[:5] not in text
    assert fake.counts()["feedback"] >= 7
    fake.always = lambda method, path: None
    before = len(fake.requests)
    found = send(fake, plan_run(run, "pier"), receipts)[0]
    assert fake.counts() == WHOLE
    assert ("POST", "/runs/batch") not in fake.requests[before:]
    assert found.scores_there >= 7 or fault == "partial"


def test_random_faults_over_many_tries_still_give_exactly_one_of_each(
    fake: FakeLangSmith, run: Run, receipts: Receipts
) -> None:
    rng = random.Random(0)
    faults: list[str | int | None] = [429, 500, 503, "drop", "lost", "partial"]
    fake.always = lambda method, path: rng.choice(faults) if rng.random() < 0.6 else None
    failed: list[VidenceError] = []
    for _ in range(60):
        try:
            send(fake, plan_run(run, "pier"), receipts)
            break
        except VidenceError as error:
            failed.append(error)
    assert all(error.retryable for error in failed), failed
    assert len(fake.requests) > 35  # 27 without faults
    assert fake.counts() == WHOLE
    assert {row["run_id"] for row in fake.feedback.values()} <= fake.runs.keys()


def test_the_key_is_in_no_body_no_run_file_and_no_settings_on_record(
    fake: FakeLangSmith, run: Run, receipts: Receipts
) -> None:
    send(fake, plan_run(run, "pier"), receipts)
    assert KEY not in "".join(fake.bodies)
    assert KEY not in run.path.read_text()
    assert not any(name.startswith("langsmith") for name in run.header.settings)
    # Nothing of this machine either: no folder, no system.
    assert "secret-place" not in "".join(fake.bodies)
    assert '"platform"' not in "".join(fake.bodies)


def test_a_wrong_key_says_so_at_once(fake: FakeLangSmith, run: Run, receipts: Receipts) -> None:
    waits: list[float] = []
    with pytest.raises(VidenceError, match="refuses the key") as raised:
        send(fake, plan_run(run, "pier"), receipts, waits, key="lsv2_wrong")
    assert "VIDENCE_LANGSMITH_API_KEY" in raised.value.help
    assert waits == []


def test_another_experiment_of_that_name_is_not_written_into(
    fake: FakeLangSmith, run: Run, receipts: Receipts
) -> None:
    plan = plan_run(run, "pier")[0]
    fake.sessions["x"] = {"id": "x", "name": plan.experiment, "reference_dataset_id": None}
    with pytest.raises(VidenceError, match="something else") as raised:
        send(fake, [plan], receipts)
    assert raised.value.kind == "blocked"
    assert fake.runs == {}


def with_picture(folder: Path) -> Sample:
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    exif = picture.getexif()
    exif[0x010E] = "Jane Roe, born 1970"
    picture.save(folder / "scan.jpg", exif=exif)
    return Sample(
        id="1",
        suite="scans",
        family="scans",
        input={"question": "What is it? Call +44 20 7946 0958.", "images": ["scan.jpg"]},
        target="a lung",
    )


def test_images_stay_here_unless_they_are_asked_for(receipts: Receipts, tmp_path: Path) -> None:
    plan = plan_samples([with_picture(tmp_path / "data")], "pier-scans", "Scans.")
    with fake_langsmith(multipart=True) as fake:
        found = send(fake, [plan], receipts)[0]
        (example,) = fake.examples.values()
        assert (found.images, found.images_left_out, example["attachments"]) == (0, 1, {})
        assert example["inputs"]["question"] == "What is it? Call [phone]."
    with fake_langsmith(multipart=True) as fake:
        reader = image_reader([tmp_path / "data"], 1_000_000, 1_000_000)
        found = send(fake, [plan], receipts, images=reader)[0]
        (example,) = fake.examples.values()
        sent = Image.open(io.BytesIO(example["attachments"]["image0"]))
        assert (found.images, sent.size, sent.format, dict(sent.getexif())) == (1, (30, 20), "PNG", {})
    with fake_langsmith() as fake, pytest.raises(VidenceError, match="takes no images"):
        send(fake, [plan], receipts, images=reader)
    with pytest.raises(VidenceError, match="not here"):
        image_reader([tmp_path / "data"], 10_000, 10_000)("../receipts.sqlite")


@pytest.fixture
def at_fake(fake: FakeLangSmith, monkeypatch: pytest.MonkeyPatch) -> FakeLangSmith:
    monkeypatch.setenv("LANGSMITH_API_KEY", KEY)
    monkeypatch.setenv("VIDENCE_LANGSMITH_ENDPOINT", fake.url)
    return fake


def call(*arguments: str) -> tuple[int, Any]:
    outcome = CliRunner().invoke(app, ["eval", *arguments, "--json"])
    assert outcome.exception is None or isinstance(outcome.exception, SystemExit), outcome.exception
    assert KEY not in outcome.output
    return outcome.exit_code, json.loads(outcome.stdout.strip().splitlines()[-1])


def test_upload_on_the_command_line(run: Run, at_fake: FakeLangSmith) -> None:
    status, body = call("upload", str(run.path), "--project", "pier")
    assert (status, body["suites"][0]["scores"]) == (0, 20)
    assert call("upload", str(run.path), "--project", "pier")[1]["suites"][0]["scores"] == 0
    assert at_fake.counts() == WHOLE
    shown = CliRunner().invoke(app, ["eval", "upload", str(run.path)], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert "vidence-sums" in shown.output


def test_a_data_set_from_use_is_uploaded_by_its_name(at_fake: FakeLangSmith, isolated_home: Path) -> None:
    rated = RatedRun(run_id="r", question="Who owns the pier?", short_answer="Bo")
    FeedbackStore.under(isolated_home).put(rated, "up")
    assert call("dataset", "create", "march")[0] == 0
    status, body = call("upload", "dataset:march")
    assert (status, body["suites"][0]["examples"], body["suites"][0]["runs"]) == (0, 1, 0)
    assert [row["name"] for row in at_fake.datasets.values()] == ["vidence-dataset:march"]


def test_nothing_is_sent_without_a_key(
    run: Run, at_fake: FakeLangSmith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LANGSMITH_API_KEY")
    status, body = call("upload", str(run.path))
    assert (status, body["error"]["kind"]) == (2, "invalid_input")
    assert "VIDENCE_LANGSMITH_API_KEY" in body["error"]["help"]
    assert at_fake.requests == []


def test_eval_run_uploads_by_setting_only_and_a_failure_does_not_fail_the_run(
    at_fake: FakeLangSmith, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("evals.run.registry.suites", lambda: Registry.of([small_suite()]))
    monkeypatch.setattr("evals.run.runner.code_identity", code)
    assert call("run", "sums", "-o", str(tmp_path / "a.jsonl"), "--no-cache")[0] == 0
    assert at_fake.requests == []
    monkeypatch.setenv("VIDENCE_LANGSMITH_UPLOAD", "true")
    assert call("run", "sums", "-o", str(tmp_path / "b.jsonl"), "--no-cache")[0] == 0
    assert at_fake.counts()["runs"] == 6
    at_fake.always = lambda method, path: 403
    assert call("run", "sums", "-o", str(tmp_path / "c.jsonl"), "--no-cache")[0] == 0
    assert read_run(tmp_path / "c.jsonl").summary is not None


def test_the_variables_of_langsmith_count_where_ours_are_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGSMITH_API_KEY", "theirs")
    monkeypatch.setenv("LANGSMITH_ENDPOINT", "http://theirs")
    assert (load_settings().langsmith_api_key, load_settings().langsmith_endpoint) == (
        "theirs",
        "http://theirs",
    )
    monkeypatch.setenv("VIDENCE_LANGSMITH_API_KEY", "ours")
    assert load_settings().langsmith_api_key == "ours"
    assert "ours" not in repr(load_settings())
