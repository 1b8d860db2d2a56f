"""Runs, threads and images over HTTP: contracts, policies, owners, and failures as problem documents."""

from __future__ import annotations

import base64
import contextlib
import io
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from core.errors import VidenceError
from tests.support.fakes import FakeSearch
from tests.support.live_server import SlowSearch, chat, ended, live, start, stream, until


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    with live(tmp_path) as client:
        yield client


def picture(shade: int = 90) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, 20, 20)).save(buffer, "PNG")
    return buffer.getvalue()


def problem(reply: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that a reply is a problem document with a code."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = reply.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"urn:vidence:problem:{code}"
    assert body["detail"]
    return body


@pytest.mark.parametrize("root", ["/v1", "/api/v1"])
def test_a_run_is_started_waited_for_and_read(client: httpx.Client, root: str) -> None:
    reply = client.post(f"{root}/runs", json={"question": "What is it?"})
    assert reply.status_code == 202
    run = client.get(reply.headers["location"], params={"wait": 20}).json()
    assert run["status"] == "done"
    assert run["result"]["short_answer"] == "42; 42"
    assert run["result"]["run_id"] == run["run_id"]
    assert client.get(f"{root}/runs/{run['run_id']}/wait").json() == run
    assert [item["run_id"] for item in client.get(f"{root}/runs").json()["runs"]] == [run["run_id"]]


def test_runs_are_listed_page_by_page(client: httpx.Client) -> None:
    runs = [start(client, thread_id=f"t{number}")["run_id"] for number in range(5)]
    first = client.get("/v1/runs", params={"limit": 3}).json()
    second = client.get("/v1/runs", params={"limit": 3, "before": first["next"]}).json()
    assert [run["run_id"] for run in first["runs"] + second["runs"]] == runs[::-1]
    assert second["next"] is None
    assert [run["thread_id"] for run in client.get("/v1/runs?thread_id=t2").json()["runs"]] == ["t2"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"question": ""},
        {"question": " \n\u200b"},
        {"question": "x" * 20_001},
        {"question": 7},
        {"question": "x", "unknown": 1},
        {"question": "x", "profile": "cooking"},
        {"question": "x", "thread_id": "../etc"},
        {"question": "x", "multitask": "maybe"},
        {"question": "x", "images": [{}]},
        {"question": "x", "images": [{"path": "/etc/passwd"}]},
        {"question": "x", "images": [{"data_url": "data:,x", "url": "http://a/b"}]},
        {"question": "x", "images": [{"data_url": "data:image/png;base64,!!!"}]},
        {"question": "x", "images": [{"data_url": "data:image/png;base64,aGVsbG8="}]},
        {"question": "x", "images": [{"url": "file:///etc/passwd"}]},
    ],
)
def test_what_is_no_question_is_refused_before_a_run_is_made(
    client: httpx.Client, body: dict[str, Any]
) -> None:
    problem(client.post("/v1/runs", json=body), 422, "invalid_input")
    problem(client.post("/v1/chat", json=body), 422, "invalid_input")
    assert client.get("/v1/runs").json()["runs"] == []


def test_a_private_address_is_not_fetched(client: httpx.Client) -> None:
    image = {"url": f"{client.base_url}/health"}
    problem(client.post("/v1/runs", json={"question": "x", "images": [image]}), 403, "blocked")


def test_failures_of_every_kind_are_problem_documents(client: httpx.Client) -> None:
    problem(client.get("/v1/nothing"), 404, "not_found")
    problem(client.delete("/v1/runs"), 405, "method_not_allowed")
    problem(client.get("/v1/runs/nothing"), 404, "not_found")
    problem(
        client.post("/v1/runs", content=b"{", headers={"content-type": "application/json"}),
        422,
        "invalid_input",
    )
    assert problem(client.get("/v1/runs?limit=0"), 422, "invalid_input")["errors"]
    form = client.post("/v1/runs", content=b'{"question": "a"}', headers={"content-type": "text/plain"})
    assert "application/json" in problem(form, 422, "invalid_input")["help"]


def test_a_body_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with live(tmp_path, server_max_body_bytes=1000) as client:
        problem(client.post("/v1/runs", json={"question": "x" * 2000}), 413, "too_large")

        # Without a declared length it is counted while it is read.
        chunks = (b"x" * 500 for _ in range(100))
        with contextlib.suppress(httpx.WriteError):  # it may answer and close before all is sent
            problem(client.post("/v1/images", content=chunks), 413, "too_large")


def test_a_run_that_fails_says_why_and_ends(tmp_path: Path) -> None:
    class Away(FakeSearch):
        async def run(self, args: Any, context: Any) -> Any:
            raise VidenceError("unavailable", "The index is away", help="Wait.")

    with live(tmp_path, tool=Away()) as client:
        events = chat(client)
        assert events[-2].data["data"]["status"] == "abstained"
        assert "The index is away" in events[-2].data["data"]["abstain_reason"]
    with live(tmp_path / "empty") as client:
        events = chat(client, "fail me")
        told = ["run.started", "step.started", "step.finished", "step.started", "run.error", "run.finished"]
        assert [frame.event for frame in events] == told
        assert events[-2].data["data"]["kind"] == "invalid_input"
        run = ended(client, events[0].data["run_id"])
        assert (run["status"], run["error"]["kind"]) == ("failed", "invalid_input")


def test_one_run_a_thread_unless_the_request_says_what_else(tmp_path: Path) -> None:
    with live(tmp_path, tool=SlowSearch(0.25)) as client:
        first = start(client, thread_id="t")["run_id"]
        problem(client.post("/v1/runs", json={"question": "x", "thread_id": "t"}), 409, "conflict")
        second = start(client, "second", thread_id="t", multitask="enqueue")
        assert second["status"] == "queued"
        assert ended(client, second["run_id"])["status"] == "done"
        done = ended(client, first)
        assert done["status"] == "done"
        assert done["finished_at"] <= client.get(f"/v1/runs/{second['run_id']}").json()["started_at"]

        third = start(client, thread_id="t")["run_id"]
        fourth = start(client, thread_id="t", multitask="enqueue")["run_id"]
        fifth = start(client, thread_id="t", multitask="interrupt")["run_id"]
        statuses = [ended(client, run_id)["status"] for run_id in (third, fourth, fifth)]
        assert statuses == ["cancelled", "cancelled", "done"]
        history = client.get("/v1/threads/t/history").json()
        assert [run["run_id"] for run in history["runs"]] == [first, second["run_id"], third, fourth, fifth]


def test_a_question_back_is_answered_and_the_numbers_go_on(client: httpx.Client) -> None:
    events = chat(client, "ask me", thread_id="t")
    assert events[-1].event == "input.required"
    assert events[-1].data["data"] == {"question": "Which one?", "options": ["a", "b"]}
    run_id = events[0].data["run_id"]
    assert ended(client, run_id)["status"] == "input_required"
    problem(client.post("/v1/runs", json={"question": "x", "thread_id": "t"}), 409, "conflict")
    problem(client.post(f"/v1/runs/{run_id}/resume", json={}), 422, "invalid_input")
    assert client.post(f"/v1/runs/{run_id}/resume", json={"reply": "a"}).status_code == 202
    rest = stream(client, run_id, events[-1].id)
    assert [frame.id for frame in rest] == list(range(events[-1].id + 1, events[-1].id + 1 + len(rest)))
    assert rest[-1].data["data"]["status"] == "done"
    problem(client.post(f"/v1/runs/{run_id}/resume", json={"reply": "b"}), 409, "conflict")


def test_what_belongs_to_one_owner_is_not_there_for_another(client: httpx.Client) -> None:
    mine = {"x-owner": "mine"}
    other = {"x-owner": "other"}
    image = client.post("/v1/images", content=picture(), headers=mine).json()["image_id"]
    body = {"question": "ask me", "thread_id": "t", "images": [{"image_id": image}]}
    run_id = client.post("/v1/runs", json=body, headers=mine).json()["run_id"]
    until(lambda: client.get(f"/v1/runs/{run_id}", headers=mine).json()["status"] == "input_required")
    for method, path in (
        ("GET", f"/v1/runs/{run_id}"),
        ("GET", f"/v1/runs/{run_id}/wait"),
        ("GET", f"/v1/runs/{run_id}/events"),
        ("POST", f"/v1/runs/{run_id}/cancel"),
        ("GET", "/v1/threads/t"),
        ("GET", "/v1/threads/t/history"),
        ("DELETE", "/v1/threads/t"),
        ("GET", f"/v1/images/{image}"),
    ):
        problem(client.request(method, path, headers=other), 404, "not_found")
    problem(client.post(f"/v1/runs/{run_id}/resume", json={"reply": "a"}, headers=other), 404, "not_found")
    problem(client.post("/v1/runs", json=body, headers=other), 404, "not_found")
    for path, key in (("/v1/runs", "runs"), ("/v1/threads", "threads")):
        assert client.get(path, headers=other).json()[key] == []
    assert client.get(f"/v1/runs/{run_id}", headers=mine).json()["status"] == "input_required"
    # The same name is another thread: its memory is not shared either.
    theirs = client.post("/v1/runs", json={"question": "x", "thread_id": "t"}, headers=other).json()
    assert until(lambda: client.get(f"/v1/runs/{theirs['run_id']}", headers=other).json()["result"])


def test_threads_are_made_listed_and_forgotten(client: httpx.Client) -> None:
    made = client.post("/v1/threads", json={"title": "Receipts"})
    assert made.status_code == 201
    thread_id = made.json()["thread_id"]
    run_id = start(client, thread_id=thread_id)["run_id"]
    ended(client, run_id)
    assert client.get(f"/v1/threads/{thread_id}").json()["runs"] == 1
    assert [item["title"] for item in client.get("/v1/threads").json()["threads"]] == ["Receipts"]
    assert client.delete(f"/v1/threads/{thread_id}").status_code == 204
    problem(client.get(f"/v1/threads/{thread_id}"), 404, "not_found")
    problem(client.get(f"/v1/runs/{run_id}"), 404, "not_found")
    problem(client.get(f"/v1/runs/{run_id}/events"), 404, "not_found")


def test_nothing_of_a_forgotten_thread_is_left_in_the_data_folder(tmp_path: Path) -> None:
    with live(tmp_path) as client:
        gone, other = start(client, "How many quaggas?"), start(client, "How many zebras?")
        for run in (gone, other):
            assert ended(client, run["run_id"])["status"] == "done"
        assert client.delete(f"/v1/threads/{gone['thread_id']}").status_code == 204
        left = kept_text(tmp_path)
        assert other["run_id"] in left
        assert "zebras" in left
        assert gone["run_id"] not in left
        assert "quaggas" not in left
        assert client.get(f"/v1/runs/{other['run_id']}").json()["result"]["citations"]


def kept_text(home: Path) -> str:
    """Return all rows of all databases of a data folder; checkpoints as far as they are text."""
    rows: list[str] = []
    for path in home.glob("*.db"):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in tables:
                for row in connection.execute(f"SELECT * FROM {table}"):
                    rows += [
                        str(cell, errors="replace") if isinstance(cell, bytes) else str(cell) for cell in row
                    ]
    return "\n".join(rows)


def test_an_image_is_kept_by_its_hash_in_each_of_its_forms(client: httpx.Client) -> None:
    data = picture()
    sent = client.post("/v1/images", content=data, headers={"content-type": "image/png"})
    assert sent.status_code == 201
    image = sent.json()
    assert (image["width"], image["height"]) == (40, 30)
    url = "data:image/png;base64," + base64.b64encode(data).decode()
    again = client.post("/v1/images", json={"data_url": url}).json()
    assert again["image_id"] == image["image_id"]  # it expires later, being sent again
    kept = client.get(f"/v1/images/{image['image_id']}")
    assert kept.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(kept.content)) as opened:
        assert opened.size == (40, 30)
    body = [
        {"image_id": image["image_id"]},
        {"data_url": "data:image/png;base64," + base64.b64encode(picture(9)).decode()},
    ]
    run = ended(client, start(client, images=body)["run_id"])
    assert run["status"] == "done"
    assert run["images"][0] == image["image_id"]
    problem(client.post("/v1/images", content=b"%PDF-1.4 not an image"), 422, "invalid_input")
    problem(client.post("/v1/images", content=b""), 422, "invalid_input")
    problem(client.get("/v1/images/" + "0" * 64), 404, "not_found")
    problem(client.get("/v1/images/etc"), 422, "invalid_input")


def test_more_runs_than_the_server_works_on_wait_their_turn(tmp_path: Path) -> None:
    tool = SlowSearch(0.1)
    with live(tmp_path, tool=tool, server_max_runs=2, server_max_queued=6) as client:
        replies = [client.post("/v1/runs", json={"question": "What is it?"}) for _ in range(12)]
        accepted = [reply.json()["run_id"] for reply in replies if reply.status_code == 202]
        refused = [reply for reply in replies if reply.status_code != 202]
        assert len(accepted) >= 6
        for reply in refused:
            problem(reply, 429, "rate_limited")
            assert reply.headers["retry-after"]
        assert {ended(client, run_id)["status"] for run_id in accepted} == {"done"}


def test_health_answers_while_the_models_load(tmp_path: Path) -> None:
    with live(tmp_path) as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/ready").json()["status"] == "ready"


def test_what_is_asked_before_the_models_are_loaded_is_kept_and_answered(tmp_path: Path) -> None:
    with live(tmp_path, opens_after_s=0.6, wait_until_ready=False) as client:
        assert client.get("/ready").status_code == 503
        begun = time.monotonic()
        run = start(client)
        assert run["status"] == "queued"
        assert time.monotonic() - begun < 0.5
        assert ended(client, run["run_id"])["status"] == "done"
        assert stream(client, run["run_id"])[0].data["data"]["queued"] is True


def test_a_server_whose_models_do_not_open_says_so_and_takes_no_runs(tmp_path: Path) -> None:
    missing = VidenceError("unavailable", "The text model is missing", help="Install it.")
    with live(tmp_path, opens_with=missing, wait_until_ready=False) as client:
        ready = until(lambda: (found := client.get("/ready").json())["status"] == "failed" and found)
        assert ready["detail"] == "The text model is missing"
        body = problem(client.post("/v1/runs", json={"question": "x"}), 503, "unavailable")
        assert "The text model is missing" in body["detail"]
        assert client.get("/health").status_code == 200
