"""What a stream promises: every event once and in order, to any client, however often it was cut off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from server.stream.events import EVENTS
from tests.support.live_server import Frame, SlowSearch, chat, ended, frames, live, start, stream


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    with live(tmp_path) as client:
        yield client


def test_a_question_is_answered_as_a_stream_of_valid_events(client: httpx.Client) -> None:
    seen = chat(client)
    assert [frame.id for frame in seen] == list(range(1, len(seen) + 1))
    for frame in seen:
        assert frame.data["type"] == frame.event
        assert frame.data["seq"] == frame.id
        EVENTS[frame.event].model_validate(frame.data)
    kinds = [frame.event for frame in seen]
    assert kinds[0] == "run.started"
    assert kinds[-2:] == ["answer.final", "run.finished"]
    assert kinds.count("evidence.added") == 3
    assert {"plan.updated", "step.started", "step.finished", "answer.delta"} <= set(kinds)
    started = {f.data["data"]["step"] for f in seen if f.event == "step.started"}
    assert started == {f.data["data"]["step"] for f in seen if f.event == "step.finished"}
    final = seen[-2].data["data"]
    said = [f.data["data"]["text"] for f in seen if f.event == "answer.delta"]
    assert "".join(said) == final["answer"]
    assert final["status"] == "done"


def test_a_client_killed_after_any_event_gets_exactly_the_rest(client: httpx.Client) -> None:
    undisturbed = chat(client)
    run_id = undisturbed[0].data["run_id"]
    for killed_after in range(len(undisturbed)):
        with client.stream("GET", f"/v1/runs/{run_id}/events") as reply:
            lines = frames(reply.iter_lines())
            seen = [next(lines) for _ in range(killed_after)]
        assert seen + stream(client, run_id, killed_after) == undisturbed
    assert stream(client, run_id, len(undisturbed)) == []


def test_a_client_killed_after_any_event_of_a_live_run_gets_exactly_the_rest(tmp_path: Path) -> None:
    """The same while the run goes on: the first client is cut off mid-run and the run does not notice."""
    with live(tmp_path, tool=SlowSearch(0.02)) as client:
        length = len(chat(client))
        for killed_after in range(1, length):
            seen: list[Frame] = []
            with client.stream("POST", "/v1/chat", json={"question": "What is it?"}) as reply:
                lines = frames(reply.iter_lines())
                seen += [next(lines) for _ in range(killed_after)]
            run_id = seen[0].data["run_id"]
            joined = seen + stream(client, run_id, killed_after)
            assert joined == stream(client, run_id)
            assert len(joined) == length
            assert joined[-1].data["data"]["status"] == "done"
            assert ended(client, run_id)["status"] == "done"


def test_the_last_event_id_counts_more_than_the_address(client: httpx.Client) -> None:
    run_id = start(client)["run_id"]
    ended(client, run_id)
    everything = stream(client, run_id)
    assert stream(client, run_id, params={"after": 3}) == everything[3:]
    assert stream(client, run_id, 5, params={"after": 3}) == everything[5:]


@pytest.mark.parametrize("header", ["abc", "-1", "1.5", "9" * 40, "99"])
def test_an_id_that_the_run_never_sent_is_refused(client: httpx.Client, header: str) -> None:
    run_id = start(client)["run_id"]
    ended(client, run_id)
    reply = client.get(f"/v1/runs/{run_id}/events", headers={"Last-Event-ID": header})
    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["code"] == "invalid_input"
