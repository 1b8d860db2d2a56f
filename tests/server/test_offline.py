"""Commands work on the ratings and runs that the settings name: files, or PostgreSQL from another host."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from typer.testing import CliRunner

from core.contracts import RunResult, SubQuestion
from core.errors import EXIT_UNAVAILABLE
from core.feedback_store import RatedRun
from core.images import ImageStore
from core.run_store import SqliteRunStore
from core.settings import load_settings
from server.cli.app import app
from server.storage.offline import open_ratings
from tests.finetune.test_cycle import workshop
from tests.support.hash_embedder import HashEmbedder
from tests.support.live_server import ended, live, start, until
from tests.support.mortal_server import free_port
from tests.support.postgres import postgres_server
from tests.support.shared_stores import fresh_database

QUESTIONS = ("Which crane lifts most?", "How long is the bridge?", "Who painted the harbour?")
STORES = ("feedback.db", "runs.db", "server.db")


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    pytest.importorskip("langgraph.checkpoint.postgres", reason="the extra `stores` is not installed")
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["files", pytest.param("postgres", marks=pytest.mark.server)])
def client(
    request: pytest.FixtureRequest, tmp_path: Path, isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[httpx.Client]:
    """A server over the data folder of the commands; or over PostgreSQL, with a data folder of its own."""
    monkeypatch.setattr("models.embeddings.open_embedder", lambda settings: HashEmbedder())
    home, options = isolated_home, dict[str, Any](server_cache="exact")
    with contextlib.ExitStack() as stack:
        if request.param == "postgres":
            url = stack.enter_context(fresh_database(request.getfixturevalue("postgres")))
            monkeypatch.setenv("VIDENCE_SERVER_DATABASE_URL", url)
            home, options["server_database_url"] = tmp_path / "host", url
        yield stack.enter_context(live(home, **options))
    if request.param == "postgres":
        assert not [name for name in ("feedback.db", "server.db") if (isolated_home / name).exists()]


def call(*arguments: str) -> tuple[int, Any]:
    outcome = CliRunner().invoke(app, [*arguments, "--json"])
    assert outcome.exception is None or isinstance(outcome.exception, SystemExit), outcome.exception
    return outcome.exit_code, json.loads(outcome.stdout.strip().splitlines()[-1])


def asked(client: httpx.Client, question: str) -> dict[str, Any]:
    run = ended(client, start(client, question)["run_id"])
    assert run["status"] == "done", run
    result: dict[str, Any] = run["result"]
    return result


def rated(client: httpx.Client) -> list[str]:
    """Ask three questions and rate two of the answers over HTTP; return the runs."""
    runs = [str(asked(client, question)["run_id"]) for question in QUESTIONS]
    for run_id, correction in zip(runs, ("the red one", "40 m"), strict=False):
        body = {"run_id": run_id, "rating": "down", "correction": correction}
        assert client.post("/v1/feedback", json=body).status_code == 201
    return runs


def test_what_was_rated_over_http_is_what_commands_read(client: httpx.Client, tmp_path: Path) -> None:
    first, second, third = rated(client)
    status, shown = call("feedback", first, "--user", "anonymous")
    assert (status, shown["correction"], shown["question"]) == (0, "the red one", QUESTIONS[0])
    # Not in the data folder: what is measured on there is not trained on.
    assert call("eval", "dataset", "create", "march", "-o", str(tmp_path / "march"))[1]["ratings"] == 2
    assert call("finetune", "incorporate", "--from", "feedback", "--out", "new")[1]["votes"] == 2
    status, filled = call("finetune", "queue", "fill")
    assert (status, filled["runs"]) == (0, 3), "each run once, wherever it lies"
    listed = call("finetune", "queue", "list")[1]["items"]
    wrong = {run for item in listed if "rated_down" in item["reasons"] for run in item["run_ids"]}
    assert wrong == {first, second}
    workshop(tmp_path).registry.close()  # what a cycle needs, in the data folder of the commands
    status, plan = call("finetune", "cycle", str(tmp_path / "cycle.yaml"), "--dry-run")
    assert status == 0, plan
    assert "from feedback (2 votes)" in plan["todo"][0]
    # And the other way round.
    assert call("feedback", third, "--rating", "up", "--user", "anonymous")[0] == 0
    assert client.get(f"/v1/feedback/{third}").json()["rating"] == "up"
    assert call("feedback", first, "--user", "anonymous", "--delete")[1]["deleted"]
    assert client.get(f"/v1/feedback/{first}").status_code == 404


def test_a_run_that_the_cache_answered_is_rated_and_its_answer_not_given_again(client: httpx.Client) -> None:
    first, again = asked(client, QUESTIONS[0]), asked(client, QUESTIONS[0])
    assert again["cached_from"] == first["run_id"]
    status, body = call("feedback", again["run_id"], "--rating", "down", "--correction", "the red one")
    assert (status, body["question"]) == (0, QUESTIONS[0])
    assert "cached_from" not in asked(client, QUESTIONS[0])
    assert call("finetune", "queue", "fill")[1]["runs"] == 3
    (item,) = call("finetune", "queue", "list")[1]["items"]
    assert item["run_ids"] == [again["run_id"]]


def test_a_run_of_this_machine_is_rated_where_the_settings_say(
    client: httpx.Client, isolated_home: Path
) -> None:
    mine = RunResult(
        run_id="mine", thread_id="t", status="done", profile="general", question="Mine?", short_answer="yes"
    )
    store = SqliteRunStore(isolated_home / "runs.db")
    asyncio.run(store.put_result("mine", "t", mine.model_dump_json()))
    store.close()
    assert call("feedback", "mine", "--rating", "up")[0] == 0
    exported = client.get("/v1/feedback").text.splitlines()
    assert [json.loads(line)["run"]["run_id"] for line in exported] == ["mine"]
    assert call("feedback", "nobodys", "--rating", "up")[1]["error"]["kind"] == "not_found"


def test_what_the_server_exports_makes_the_same_data_elsewhere(
    client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    third = rated(client)[2]
    assert call("feedback", third, "--rating", "up")[0] == 0
    exported = tmp_path / "ratings.jsonl"
    exported.write_bytes(client.get("/v1/feedback").content)
    here = call("finetune", "incorporate", "--from", "feedback", "--out", "new")[1]
    monkeypatch.setenv("VIDENCE_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.delenv("VIDENCE_SERVER_DATABASE_URL", raising=False)
    there = call("finetune", "incorporate", "--from", str(exported), "--out", "new")[1]
    assert there == here
    assert here["rows"] == 3
    arguments = ("--from", str(exported), "--no-confirmed", "--out", "corrected")
    assert call("finetune", "incorporate", *arguments)[1]["rows"] == 2


def test_images_of_what_was_rated_or_unsure_are_brought_from_where_they_were_uploaded(
    client: httpx.Client, isolated_home: Path, tmp_path: Path
) -> None:
    def uploaded(colour: str) -> str:
        content = io.BytesIO()
        Image.new("RGB", (40, 30), colour).save(content, "PNG")
        headers = {"content-type": "image/png"}
        return str(client.post("/v1/images", content=content.getvalue(), headers=headers).json()["image_id"])

    def rate(run_id: str, image: str) -> None:
        run = RatedRun(run_id=run_id, question="What colour is it?", short_answer="blue", images=(image,))
        with open_ratings(settings) as ratings:
            ratings.put(run, "down", correction="red")

    settings = load_settings()
    images = ImageStore.of(settings)
    red = uploaded("red")
    rate("r1", red)
    here = images.path(red).exists()
    workshop(tmp_path).registry.close()
    assert call("finetune", "cycle", str(tmp_path / "cycle.yaml"), "--dry-run")[0] == 0
    assert images.path(red).exists() == here, "a plan writes nothing"
    made = call("eval", "dataset", "create", "march", "-o", str(tmp_path / "march"))[1]
    assert (made["samples"], made["aside"]) == (1, {})
    rate("r2", uploaded("green"))
    made = call("finetune", "incorporate", "--from", "feedback", "--out", "new")[1]
    assert (made.get("rows"), made.get("left_out")) == (2, {}), made
    blue = uploaded("blue")
    look = SubQuestion(id="s1", question="?", action="look", args={"image": blue, "question": "?"})
    mine = RunResult(
        run_id="mine", thread_id="t", status="abstained", profile="general", question="?", plan=(look,)
    )
    store = SqliteRunStore(isolated_home / "runs.db")
    asyncio.run(store.put_result("mine", "t", mine.model_dump_json()))
    store.close()
    assert call("finetune", "queue", "fill")[1]["added"] == 1
    assert images.path(blue).exists()


@pytest.mark.server
@pytest.mark.parametrize("client", ["postgres"], indirect=True)
def test_a_job_of_the_server_makes_its_data_set_of_postgresqls_ratings(client: httpx.Client) -> None:
    rated(client)
    job = client.post("/v1/eval/datasets", json={"name": "march"}).json()

    def look() -> Any:
        found = client.get(f"/v1/eval/datasets/jobs/{job['job_id']}").json()
        return found if found["status"] in ("done", "failed") else None

    assert until(look, 300)["status"] == "done"
    (made,) = client.get("/v1/eval/datasets").json()["datasets"]
    assert (made["name"], made["ratings"]) == ("march", 2)


def test_reading_makes_no_store(isolated_home: Path) -> None:
    for arguments in (["r1"], ["r1", "--delete"], ["r1", "--rating", "up"]):
        call("feedback", *arguments)
    call("eval", "dataset", "create", "march")
    call("finetune", "incorporate", "--from", "feedback", "--out", "new")
    assert not [name for name in STORES if (isolated_home / name).exists()]


def test_a_database_that_is_away_is_named_and_nothing_is_kept_instead(
    isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("langgraph.checkpoint.postgres", reason="the extra `stores` is not installed")
    monkeypatch.setenv("VIDENCE_SERVER_DATABASE_URL", f"postgresql://127.0.0.1:{free_port()}/x")
    status, body = call("feedback", "r1", "--rating", "up")
    assert status == EXIT_UNAVAILABLE
    assert "VIDENCE_SERVER_DATABASE_URL" in body["error"]["help"]
    assert not [name for name in STORES if (isolated_home / name).exists()]
