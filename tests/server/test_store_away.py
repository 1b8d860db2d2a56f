"""A database that is away: requests are refused at once, and no run fails for it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.run_store import SqliteRunStore
from server.storage.database import Database
from server.storage.postgres import PATIENCE_S, SILENCE_S, PostgresDatabase
from server.storage.sql import StoreAway
from tests.support.fakes import FakeSearch, fake_services
from tests.support.live_server import SlowSearch, ThreeSearches, ended, live, start, stream, until


class Forgetful(SqliteRunStore):
    """Is away when the first result is to be journalled."""

    refused = 0

    async def journal_put(self, *args: Any) -> None:
        if not self.refused:
            self.refused += 1
            raise StoreAway("It does not answer", help="Start it.")
        await super().journal_put(*args)


def test_a_run_whose_database_went_away_is_continued_and_does_not_fail(tmp_path: Path) -> None:
    store = Forgetful(tmp_path / "runs.db")
    services = fake_services(tmp_path, ThreeSearches(), FakeSearch(), store=store)
    with live(tmp_path, services=services) as client:
        run_id = start(client)["run_id"]
        assert ended(client, run_id)["status"] == "done"
        kinds = [frame.event for frame in stream(client, run_id)]
    assert store.refused == 1
    assert "run.error" not in kinds
    assert (kinds.count("run.started"), kinds.count("run.finished")) == (1, 1)
    assert kinds.count("evidence.added") == 3


def test_while_the_database_is_known_to_be_away_every_request_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(self: Database) -> None:
        raise StoreAway("It does not answer", help="Start it.")

    with live(tmp_path) as client:
        run_id = start(client)["run_id"]
        assert ended(client, run_id)["status"] == "done"
        assert [client.head(path).status_code for path in ("/", "/health", "/ready")] == [200, 200, 200]
        monkeypatch.setattr(Database, "check", check)
        looked = client.get("/ready")
        assert (looked.status_code, looked.json()["status"]) == (503, "away")
        assert client.get("/health").status_code == 200
        replies = [
            client.post("/v1/runs", json={"question": "What is it?"}),
            client.get(f"/v1/runs/{run_id}"),
            client.post(f"/v1/runs/{run_id}/cancel"),
            client.post("/v1/feedback", json={"run_id": run_id, "rating": "up"}),
        ]
        assert [(reply.status_code, reply.json()["code"]) for reply in replies] == [(503, "unavailable")] * 4
        assert all(reply.headers["retry-after"] for reply in replies)
        assert client.get("/health").status_code == 200
        monkeypatch.undo()
        assert client.get(f"/v1/runs/{run_id}").status_code == 200


@pytest.mark.parametrize("name", ["server.db", "checkpoints.db", "runs.db"])
def test_a_run_goes_on_when_another_process_lets_go_of_a_file_that_it_held_for_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    monkeypatch.setattr("server.storage.database.LOCK_WAIT_S", 0.2)
    monkeypatch.setattr("core.run_store.LOCK_WAIT_S", 0.2)
    with live(tmp_path, tool=SlowSearch(0.3), server_lease_s=2.0) as client:
        assert ended(client, start(client)["run_id"])["status"] == "done"
        run_id = start(client)["run_id"]
        with closing(sqlite3.connect(tmp_path / name, isolation_level=None)) as other:
            until(lambda: _hold(other))
            if name == "server.db":
                until(lambda: client.get("/ready").json()["status"] == "away")
                refused = client.post("/v1/runs", json={"question": "What is it?"})
                assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
                assert "Another process" in refused.json()["detail"]
            else:
                until(lambda: f"Run {run_id} has to be continued: Another process" in caplog.text)
        until(lambda: client.get("/ready").status_code == 200)
        assert ended(client, run_id)["status"] == "done"
        kinds = [frame.event for frame in stream(client, run_id)]
    assert "run.error" not in kinds
    assert (kinds.count("run.started"), kinds.count("run.finished")) == (1, 1)
    assert kinds.count("evidence.added") == 3


def _hold(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    return True


class Silent(PostgresDatabase):
    """A server that answers when it is let."""

    def __init__(self) -> None:
        super().__init__("postgresql://127.0.0.1/none", ())
        self.asked, self.answers = threading.Event(), threading.Event()
        self.done: list[str] = []

    def _prepare(self) -> None: ...

    def _connection(self) -> Any:
        return None

    def _transaction(self, connection: Any, work: Any) -> Any:
        self.asked.set()
        self.answers.wait(60)
        outcomes: list[Any] = []
        for piece in work:
            try:
                outcomes.append((piece(connection), None))
            except StoreAway as error:
                outcomes.append((None, error))
        return outcomes


async def test_a_write_that_nobody_waits_for_any_more_is_not_done_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setattr("server.storage.postgres.PATIENCE_S", 0.05)
    monkeypatch.setattr("server.storage.postgres.SILENCE_S", 0.0)
    assert SILENCE_S < PATIENCE_S, "requests are refused before those that wait give up"
    database = Silent()
    await database.open()
    try:
        database.check()
        with pytest.raises(StoreAway):
            await database.write(lambda to: database.done.append("late"))
        assert database.asked.is_set(), "it was on its way"
        with pytest.raises(StoreAway, match="does not answer"):
            database.check()
        database.answers.set()
        monkeypatch.setattr("server.storage.postgres.PATIENCE_S", 60.0)
        await database.write(lambda to: database.done.append("in time"))
        assert database.done == ["in time"]
        database.check()
    finally:
        database.answers.set()
        await asyncio.wait_for(database.close(), 60)
