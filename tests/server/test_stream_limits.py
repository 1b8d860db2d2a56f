"""A bounded log, slow clients, heartbeats, and the published schema."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from server.runs.records import LeaseLost, Run, RunSpec
from server.storage.database import Database
from server.storage.schema import MIGRATIONS
from server.stream.events import DATA, AnswerDelta, Draft, RunFinished
from server.stream.sql_log import SqlEventLog
from server.stream.sse import Reader, RunStream, StreamOptions, open_stream
from tests.support.live_server import SlowSearch, chat, ended, live, start, stream

RUN = Run("r1", "me", "t1", "key", "running", RunSpec(question="x"), created_at="", epoch=1)
LAST = Draft("run.finished", "finished", RunFinished(status="done"))


def said(number: int, text: str = "x") -> Draft:
    return Draft("answer.delta", f"said:{number}", AnswerDelta(text=text))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "server.db", MIGRATIONS)
    await database.open()
    yield database
    await database.close()


def test_what_the_log_no_longer_holds_is_told_by_one_gap(tmp_path: Path) -> None:
    with live(tmp_path, server_event_log=16) as client:
        run_id = start(client)["run_id"]
        ended(client, run_id)
        events = stream(client, run_id)
        last = events[-1].id
        assert len(events) == 17
        assert events[0].event == "gap"
        assert events[0].id == last - 16
        assert events[0].data["data"] == {"missed_from": 1, "missed_to": last - 16}
        assert [frame.id for frame in events[1:]] == list(range(last - 15, last + 1))
        later = stream(client, run_id, 5)
        assert later[0].data["data"] == {"missed_from": 6, "missed_to": last - 16}
        assert later[1:] == events[1:]
        assert stream(client, run_id, last - 16) == events[1:]
        assert stream(client, run_id, last) == []


def test_a_heartbeat_comes_while_nothing_happens(tmp_path: Path) -> None:
    with (
        live(tmp_path, tool=SlowSearch(0.5), server_heartbeat_s=0.05) as client,
        client.stream("POST", "/v1/chat", json={"question": "What is it?"}) as reply,
    ):
        lines = list(reply.iter_lines())
    assert lines[0] == "retry: 1000"
    assert lines.count(": heartbeat") >= 5


async def test_a_client_that_reads_nothing_slows_no_run_and_is_let_go(database: Database) -> None:
    log = SqlEventLog(database, bound=1000)
    await log.append(RUN, [said(0)])
    left: list[bool] = []
    response = RunStream(Reader(RUN, 0, log), StreamOptions(15.0, 0.3), lambda: left.append(True))
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) > 2:  # the head and the first line pass, then its buffers are full
            await asyncio.sleep(3600)

    async def receive() -> Any:
        await asyncio.sleep(3600)

    serving = asyncio.create_task(response({"type": "http", "method": "GET"}, receive, send))
    begun = time.monotonic()
    for number in range(1, 200):
        await log.append(RUN, [said(number)])
    await log.append(RUN, [LAST])
    assert time.monotonic() - begun < 60
    await asyncio.wait_for(serving, 5)
    assert left == [True]
    assert len(sent) == 3
    reader = Reader(RUN, 1, log)
    assert len([frame async for frame in reader.frames()]) == 1 + 200, "it comes back for the rest"
    assert reader.ended


async def test_the_log_numbers_keeps_and_replays_in_order(database: Database) -> None:
    log = SqlEventLog(database, bound=100)
    await asyncio.gather(*(log.append(RUN, [said(number)]) for number in range(50)))
    page = await log.read("r1", 0)
    assert [event.seq for event in page.events] == list(range(1, 51))
    fresh = SqlEventLog(database, bound=100)
    assert await fresh.read("r1", 20) == await log.read("r1", 20)
    assert (page.first_seq, page.last_seq, page.closed) == (1, 50, False)


async def test_the_log_keeps_no_more_than_its_bound(database: Database) -> None:
    log = SqlEventLog(database, bound=20)
    for number in range(100):
        await log.append(RUN, [said(number)])
    kept = await database.read(
        lambda to: to.execute("SELECT min(seq), max(seq), count(*) FROM events").fetchone()
    )
    assert tuple(kept) == (81, 100, 20)


async def test_the_events_of_old_runs_go_and_a_late_client_is_told_so(tmp_path: Path) -> None:
    with live(tmp_path) as client:
        run_id = start(client)["run_id"]
        result = ended(client, run_id)["result"]
        last = stream(client, run_id)[-1].id
        waits = start(client, "ask me")["run_id"]
        ended(client, waits)
    database = Database(tmp_path / "server.db", MIGRATIONS)
    await database.open()
    log = SqlEventLog(database, bound=1000)
    assert await log.expire("2000-01-01") == 0
    assert await log.expire("2999-01-01") == 1
    assert await log.expire("2999-01-01") == 0
    await database.close()
    with live(tmp_path) as client:
        told = stream(client, run_id)
        assert [(frame.event, frame.id) for frame in told] == [("gap", last)]
        assert told[0].data["data"] == {"missed_from": 1, "missed_to": last}
        assert stream(client, run_id, last) == []
        assert ended(client, run_id)["result"] == result
        assert stream(client, waits)[-1].event == "input.required", "what goes on keeps its events"


async def test_an_event_told_twice_is_one_event(database: Database) -> None:
    log = SqlEventLog(database, bound=100)
    await log.append(RUN, [said(1), said(2)])
    await log.append(RUN, [said(2), said(3)])
    assert [event.seq for event in (await log.read("r1", 0)).events] == [1, 2, 3]


async def test_a_worker_whose_lease_is_gone_may_not_write(database: Database) -> None:
    log = SqlEventLog(database, bound=100)
    newer = Run("r1", "me", "t1", "key", "running", RunSpec(question="x"), created_at="", epoch=2)
    await log.append(RUN, [said(1)])
    await log.append(newer, [said(2)])
    with pytest.raises(LeaseLost):
        await log.append(RUN, [said(3)])
    assert [event.seq for event in (await log.read("r1", 0)).events] == [1, 2]


async def test_a_client_that_has_everything_is_told_to_stop_asking(database: Database) -> None:
    log = SqlEventLog(database, bound=100)
    await log.append(RUN, [said(1), LAST])
    reply = await open_stream(RUN, 2, log, StreamOptions(15.0, 30.0))
    assert reply.status_code == 204


def test_every_event_of_a_run_fits_the_published_schema(tmp_path: Path) -> None:
    with live(tmp_path, server_event_log=20) as client:
        schema = client.get("/v1/events/schema").json()
        events = chat(client) + chat(client, "ask me") + chat(client, "fail me")
        events += stream(client, events[0].data["run_id"], 1)
    validator = jsonschema.Draft202012Validator(schema)
    for frame in events:
        validator.validate(frame.data)
    assert set(schema["discriminator"]["mapping"]) == set(DATA)
    assert {frame.event for frame in events} == set(DATA), "each type was seen"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**events[0].data, "type": "other"})
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**events[0].data, "seq": 0})
