"""Evaluations and training as jobs: they end, tell how, stop when asked, and survive the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.settings import Settings
from server.http.evals import _results
from server.http.jobs import _page
from server.jobs.records import Job
from server.jobs.runner import JobRunner
from server.jobs.store import JobStore
from server.storage.database import Database
from server.storage.schema import MIGRATIONS
from tests.support.live_server import live, until


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with live(tmp_path_factory.mktemp("jobs")) as client:
        yield client


def begun(client: httpx.Client, path: str, body: Any, **headers: str) -> dict[str, Any]:
    reply = client.post(path, json=body, headers=headers)
    assert reply.status_code == 202, reply.text
    job: dict[str, Any] = reply.json()
    return job


def ended(client: httpx.Client, job_id: str) -> dict[str, Any]:
    def look() -> Any:
        found = client.get(f"/v1/eval/results/{job_id}").json()
        return found if found["job"]["status"] in ("done", "failed", "cancelled") else None

    found: dict[str, Any] = until(look, 120)
    return found


def test_a_character_between_two_pieces_of_a_log_is_told_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "aé…𝄞" * 20
    path = tmp_path / "log"
    path.write_text(text, encoding="utf-8")
    for size in range(4, 12):
        monkeypatch.setattr("server.http.jobs.LOG_PAGE", size)
        told, after = "", 0
        while (piece := _page(path, after)).next > after:
            told, after = told + piece.text, piece.next
        assert told == text


@pytest.mark.parametrize("written", [None, b"", b'{"type":"header","format"'])
def test_an_evaluation_is_looked_at_before_its_file_has_a_header(
    tmp_path: Path, written: bytes | None
) -> None:
    path = tmp_path / "run.jsonl"
    if written is not None:
        path.write_bytes(written)
    job = Job(
        job_id="a", owner="ada", kind="eval", request={}, command=(), status="running", created_at="now"
    )
    found = _results(job, path)
    assert (found.job, found.samples, found.summary) == (job, 0, None)


def test_two_evaluations_run_and_are_compared(client: httpx.Client) -> None:
    body = {"suites": ["routing"], "limit": 6}
    first = ended(client, begun(client, "/v1/eval/run", body)["job_id"])
    assert first["job"]["status"] == "done", client.get(f"/v1/eval/results/{first['job']['job_id']}/log").text
    assert first["samples"] == first["summary"]["done"] == first["summary"]["total"] > 0
    assert first["summary"]["figures"]
    second = ended(client, begun(client, "/v1/eval/run", body)["job_id"])
    pair = {"base": first["job"]["job_id"], "new": second["job"]["job_id"]}
    compared = client.post("/v1/eval/compare", json=pair)
    assert compared.status_code == 200, compared.text
    assert compared.json()["passed"]
    assert client.get("/v1/eval/run").json()["jobs"][0]["job_id"] == pair["new"]
    assert client.post("/v1/eval/compare", json=pair, headers={"x-owner": "eve"}).status_code == 404
    log = client.get(f"/v1/eval/results/{pair['base']}/log").json()
    assert "routing" in log["text"]
    assert client.get(f"/v1/eval/results/{pair['base']}/log?after={log['next']}").json()["text"] == ""


def test_an_evaluation_that_failed_is_not_waited_for(client: httpx.Client) -> None:
    failed = ended(client, begun(client, "/v1/eval/run", {"suites": ["scifact"]})["job_id"])["job"]
    assert failed["status"] == "failed"
    reply = client.post("/v1/eval/compare", json={"base": failed["job_id"], "new": failed["job_id"]})
    assert (reply.status_code, reply.json().get("retryable", False)) == (422, False)
    assert "log" in reply.json()["help"]


@pytest.mark.parametrize("suites", [["nothing"], ["--help"], ["dataset:nothing"], []])
def test_a_suite_that_is_not_there_is_refused_at_once(client: httpx.Client, suites: list[str]) -> None:
    assert client.post("/v1/eval/run", json={"suites": suites}).status_code in (404, 422)


def test_a_data_set_of_no_ratings_fails_with_its_reason(client: httpx.Client) -> None:
    job = begun(client, "/v1/eval/datasets", {"name": "march"})
    done = until(
        lambda: (
            found
            if (found := client.get(f"/v1/eval/datasets/jobs/{job['job_id']}").json())["status"] != "queued"
            and found["status"] != "running"
            else None
        ),
        60,
    )
    assert done["status"] == "failed"
    assert client.get("/v1/eval/datasets").json() == {"datasets": []}


def test_an_unknown_recipe_names_those_there_are(client: httpx.Client) -> None:
    reply = client.post("/v1/train/jobs", json={"recipe": "nothing"})
    assert reply.status_code == 404
    assert "smoke" in reply.json()["help"]
    for bad in ("../smoke", "smoke.yaml", ""):
        assert client.post("/v1/train/jobs", json={"recipe": bad}).status_code == 422


def test_a_training_job_tells_what_went_wrong(client: httpx.Client) -> None:
    job = begun(client, "/v1/train/jobs", {"recipe": "smoke", "dry_run": True})
    id_ = job["job_id"]
    until(lambda: client.get(f"/v1/train/jobs/{id_}").json()["status"] == "failed", 60)
    assert client.get(f"/v1/train/jobs/{id_}/log").json()["text"]
    assert client.get(f"/v1/train/jobs/{id_}", headers={"x-owner": "eve"}).status_code == 404


@pytest.fixture
async def parts(tmp_path: Path) -> Any:
    database = Database(tmp_path / "server.db", MIGRATIONS)
    await database.open()
    yield JobStore(database), Settings(home=tmp_path)
    await database.close()


async def reached(store: JobStore, job: Job, status: str) -> Job:
    deadline = time.monotonic() + 60
    while True:
        now = await store.get(job.job_id)
        assert now is not None
        if now.status == status:
            return now
        assert time.monotonic() < deadline, now
        await asyncio.sleep(0.05)


LONG = ("eval", "run", "routing", "--epochs", "1000", "--no-cache")


async def test_a_cancelled_job_ends_and_its_process_with_it(parts: Any) -> None:
    store, settings = parts
    runner = JobRunner(settings, store, "w1")
    job = await store.create("a" * 32, "ada", "eval", {}, LONG)
    waiting = await store.create("b" * 32, "ada", "eval", {}, LONG)
    runner.start()
    await reached(store, job, "running")
    await store.cancel(waiting.job_id)
    assert (await reached(store, waiting, "cancelled")).attempts == 0
    await store.cancel(job.job_id)
    await store.cancel(job.job_id)
    await reached(store, job, "cancelled")
    await runner.stop()


async def test_a_job_goes_back_to_the_queue_when_the_server_stops(parts: Any) -> None:
    store, settings = parts
    runner = JobRunner(settings, store, "w1")
    job = await store.create("a" * 32, "ada", "eval", {}, LONG)
    runner.start()
    await reached(store, job, "running")
    await runner.stop()
    assert (await reached(store, job, "queued")).finished_at == ""
    again = await store.claim("w2", 5)
    assert again is not None
    assert again.attempts == 2


async def test_a_job_of_a_dead_worker_is_taken_over_once_its_lease_ran_out(parts: Any) -> None:
    store, _ = parts
    job = await store.create("a" * 32, "ada", "eval", {}, LONG)
    assert await store.claim("dead", 0.05) is not None
    assert await store.claim("w2", 5) is None
    await asyncio.sleep(0.1)
    taken = await store.claim("w2", 5)
    assert taken is not None
    assert taken.job_id == job.job_id
    await store.finish(job, "dead", "done", 0)
    assert (await reached(store, job, "running")).status == "running"
    assert await store.renew(job, "dead", 5) is None
