"""The Python client: typed events, each once, whatever happens to connection and server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from core.errors import VidenceError
from core.settings import Settings
from graph.services import Services, open_services
from server.client import Client
from server.stream.events import AnswerFinal, Envelope
from tests.support.hash_embedder import HashEmbedder
from tests.support.live_server import SlowSearch, ThreeSearches, live
from tests.support.mortal_server import Mother, Nursery


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with live(tmp_path / "home") as http, Client(str(http.base_url)) as client:
        yield client


def test_a_question_about_an_image_is_answered_as_typed_events(client: Client, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), "red").save(tmp_path / "red.png")
    events = list(client.chat("What is it?", images=[tmp_path / "red.png"], thread_id="t"))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert isinstance(events[-2].data, AnswerFinal)
    run = client.run(events[0].run_id)
    assert run.result is not None
    assert run.result["answer"] == events[-2].data.answer
    assert [item.run_id for item in client.history("t").runs] == [run.run_id]
    assert [item.run_id for item in client.runs(limit=1).runs] == [run.run_id]
    assert list(client.follow(run.run_id, 10)) == events[10:]
    assert list(client.follow(run.run_id, len(events))) == []


def test_a_question_back_is_answered_and_the_stream_followed_on(client: Client) -> None:
    events = list(client.chat("ask me"))
    assert events[-1].type == "input.required"
    client.resume(events[0].run_id, "a")
    rest = list(client.follow(events[0].run_id, events[-1].seq))
    assert rest[0].seq == events[-1].seq + 1
    assert rest[-1].type == "run.finished"
    assert list(client.follow(events[0].run_id)) == events + rest


def test_text_with_line_breaks_of_any_kind_comes_through(client: Client) -> None:
    question = "What\u2028is\u2029it\x85 then\x0b?\r\nAnd\nthat?"
    started = next(iter(client.chat(question)))
    assert started.data.question == question


def test_what_the_server_refuses_is_raised_with_its_kind(client: Client) -> None:
    with pytest.raises(VidenceError) as missing:
        client.run("nothing")
    assert missing.value.kind == "not_found"
    with pytest.raises(VidenceError) as wrong:
        list(client.chat(""))
    assert wrong.value.kind == "invalid_input"
    with (
        Client("http://127.0.0.1:9") as nowhere,
        pytest.raises(VidenceError, match="cannot be reached"),
    ):
        nowhere.start("x")


def test_a_run_is_cancelled(tmp_path: Path) -> None:
    with live(tmp_path, tool=SlowSearch(5)) as http, Client(str(http.base_url)) as client:
        run = client.start("What is it?")
        assert client.cancel(run.run_id).status == "cancelled"
        assert client.run(run.run_id, wait_s=5).status == "cancelled"


def test_collections_images_ratings_and_jobs_are_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.app.JobRunner.start", lambda self: None)  # jobs are queued, not run
    Image.new("RGB", (40, 30), "red").save(tmp_path / "red.png")

    def services(settings: Settings) -> Services:
        return open_services(settings, planner=ThreeSearches(), wrap_embedder=lambda _: HashEmbedder())

    with live(tmp_path / "home", open_services=services) as http, Client(str(http.base_url)) as client:
        # Names of the vector store's own are kept, and cannot be filtered by.
        odd = {"#page": 4, "": 1, "$and": 2, "chroma:document": "x", "page": 4}
        record = {"id": "1", "text": "Close the valve first.", "metadata": odd}
        assert client.build("docs", [record]).added == 1
        assert [one.name for one in client.collections().collections] == ["docs"]
        found = client.search("valve", ["docs"], k=1, where={"page": 4})
        assert found.hits[0].snippet == record["text"]
        assert client.embed(["valve"]).dim == HashEmbedder.dim
        assert client.analyze(tmp_path / "red.png").colors == ["red"]
        result = client.vqa("What is it?", images=[tmp_path / "red.png"])
        assert client.rate(result.run_id, "down", correction="A square").edits == 0
        assert client.rating(result.run_id).correction == "A square"
        client.unrate(result.run_id)
        with pytest.raises(VidenceError) as gone:
            client.rating(result.run_id)
        assert gone.value.kind == "not_found"
        job = client.evaluate(["routing"], limit=1)
        assert client.evaluation(job.job_id).job == client.job(job)
        assert client.job_log(job).text == ""
        assert client.cancel_job(job).cancel_requested
        client.drop("docs")
        assert client.collections().collections == []


def test_a_stream_goes_on_over_a_killed_and_restarted_server(tmp_path: Path) -> None:
    mother = Mother()
    nursery = Nursery(tmp_path, mother)
    nursery.start()
    seen: list[Envelope] = []

    def follow() -> None:
        with Client(nursery.url) as client:
            seen.extend(client.follow(run_id))

    try:
        with Client(nursery.url) as client:
            run_id = client.start("What is it?").run_id
        follower = threading.Thread(target=follow)
        follower.start()
        time.sleep(0.1)
        nursery.kill()
        nursery.start()
        follower.join(40)
        with Client(nursery.url) as client:
            assert list(client.follow(run_id)) == seen
        assert seen[-1].type == "run.finished"
        assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
    finally:
        nursery.kill()
        mother.close()
