"""Stores by setting: named errors at the start, and one log, one ledger and one count over real servers."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from typer.testing import CliRunner

from core.errors import VidenceError
from core.feedback_store import RatedRun
from core.run_store import journal_key
from core.settings import Settings
from server.app import create_app
from server.cli.app import app
from server.runs.ledger import RunLedger
from server.runs.records import Lease, LeaseLost, NewRun, Run, RunSpec
from server.security.audit import AuditLog
from server.security.limits import RateLimit
from server.storage.schema import MIGRATIONS, for_postgres
from server.storage.sql import marks
from server.storage.stores import Stores, check_stores, open_stores
from server.stream.events import AnswerDelta, Draft, RunFinished
from tests.core.test_run_store import result as tool_result
from tests.support.live_server import chat, live, opener
from tests.support.mortal_server import free_port
from tests.support.postgres import postgres_server
from tests.support.shared_stores import RedisServer, fresh_database, redis_server

LAST = Draft("run.finished", "finished", RunFinished(status="done"))
LEASE = Lease("here", 30.0)


def said(number: int) -> Draft:
    return Draft("answer.delta", f"said:{number}", AnswerDelta(text=f'{number} "seq":0,'))


@pytest.mark.parametrize(
    ("setting", "url", "says"),
    [
        ("server_database_url", "postgresql://u:hunter2@127.0.0.1:{port}/x", "PostgreSQL cannot be reached"),
        ("server_database_url", "mysql://u:hunter2@127.0.0.1:{port}/x", "names no database"),
        ("server_redis_url", "redis://:hunter2@127.0.0.1:{port}/0", "Redis cannot be used"),
        ("server_redis_url", "memcached://127.0.0.1:{port}", "Redis cannot be used"),
    ],
)
def test_a_store_that_is_away_ends_the_start_with_the_setting_to_change(
    tmp_path: Path, setting: str, url: str, says: str
) -> None:
    pytest.importorskip("psycopg")
    pytest.importorskip("redis")
    pytest.importorskip("langgraph.checkpoint.postgres")
    settings = Settings(home=tmp_path, **{setting: url.format(port=free_port())})  # type: ignore[arg-type]
    with pytest.raises(VidenceError, match=says) as caught:
        check_stores(settings)
    assert f"VIDENCE_{setting.upper()}" in caught.value.message + caught.value.help
    assert "hunter2" not in caught.value.message + caught.value.help + repr(settings)


@pytest.mark.parametrize("kind", ["a file", "a damaged one"])
def test_a_data_folder_that_cannot_be_used_ends_the_start_with_the_setting_to_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    home = tmp_path / "home"
    if kind == "a file":
        home.write_text("not a folder")
        home /= "below"
    else:
        home.mkdir()
        (home / "server.db").write_text("not a database, and longer than its head has to be " * 10)
    monkeypatch.setenv("VIDENCE_HOME", str(home))
    monkeypatch.setattr("server.telemetry.logs.set_up", lambda settings: None)
    monkeypatch.setattr("server.telemetry.logs.catch_strays", lambda: None)
    outcome = CliRunner().invoke(app, ["serve", "--port", "0", "--json"])
    error = json.loads(outcome.stdout)["error"]
    assert (outcome.exit_code, error["kind"]) == (3, "unavailable")
    assert "VIDENCE_HOME" in error["help"] or "Restore it" in error["help"]


def test_an_address_that_is_taken_ends_the_start_with_what_to_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDENCE_HOME", str(tmp_path))
    monkeypatch.setattr("server.telemetry.logs.set_up", lambda settings: None)
    monkeypatch.setattr("server.telemetry.logs.catch_strays", lambda: None)
    with_fakes = partial(create_app, open_services=opener(tmp_path))
    monkeypatch.setattr("server.serve.create_app", with_fakes)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        outcome = CliRunner().invoke(app, ["serve", "--port", str(taken.getsockname()[1]), "--json"])
    error = json.loads(outcome.stdout)["error"]
    assert (outcome.exit_code, error["kind"]) == (3, "unavailable")
    assert "in use" in error["message"]
    assert "--port" in error["help"]


@pytest.mark.parametrize(
    ("setting", "package"), [("server_database_url", "psycopg"), ("server_redis_url", "redis")]
)
def test_a_package_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, package: str
) -> None:
    real = builtins.__import__

    def lacking(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == package:
            raise ImportError(name=package)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", lacking)
    url = {"psycopg": "postgresql://127.0.0.1/x", "redis": "redis://127.0.0.1/0"}[package]
    with pytest.raises(VidenceError, match=package) as caught:
        check_stores(Settings(home=tmp_path, **{setting: url}))  # type: ignore[arg-type]
    assert "vidence[serve,stores]" in caught.value.help
    assert not caught.value.retryable


def test_migrations_are_translated_into_words_that_postgresql_has() -> None:
    for script in MIGRATIONS:
        translated = for_postgres(script).upper()
        for word in ("AUTOINCREMENT", "WITHOUT ROWID", "RAISE(", " INTEGER", " REAL", " BLOB"):
            assert word not in translated, word


def test_a_list_of_marks_is_never_empty() -> None:
    assert (marks(0), marks(3)) == ("?", "?, ?, ?")


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    pytest.importorskip("langgraph.checkpoint.postgres", reason="the extra `stores` is not installed")
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres", "sqlite and redis", "postgres and redis"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Every combination of stores, the embedded one too."""
    given: dict[str, Any] = {"home": tmp_path, "server_event_log": 16}
    with contextlib.ExitStack() as stack:
        if "postgres" in request.param:
            server = request.getfixturevalue("postgres")
            given["server_database_url"] = stack.enter_context(fresh_database(server))
        if "redis" in request.param:
            given["server_redis_url"] = request.getfixturevalue("redis").url
        yield Settings(**given)


@pytest.fixture
async def stores(settings: Settings) -> AsyncIterator[Stores]:
    async with open_stores(settings) as opened:
        yield opened


async def made(stores: Stores, run_id: str, **options: Any) -> Run:
    new = NewRun(run_id, "me", options.pop("thread_id", run_id), RunSpec(question="x", **options), LEASE)
    return (await RunLedger(stores.database, stores.log).create(new))[0]


@pytest.mark.server
async def test_the_log_numbers_once_drops_the_oldest_and_shuts_out_an_older_lease(stores: Stores) -> None:
    run = await made(stores, "numbered")
    await stores.log.append(run, [said(1), said(2)])
    await stores.log.append(run, [said(2), said(3)])
    page = await stores.log.read("numbered", 0)
    assert [event.seq for event in page.events] == [1, 2, 3, 4]
    assert page.events[0].type == "run.started"
    assert '"seq":4,' in page.events[3].body
    assert '3 \\"seq\\":0,' in page.events[3].body, "a text that looks like the number's place is kept"
    await stores.log.append(run, [said(number) for number in range(4, 30)])
    page = await stores.log.read("numbered", 0)
    assert (page.first_seq, page.last_seq, len(page.events)) == (15, 30, 16)
    later = replace(run, epoch=run.epoch + 1)
    assert [event.seq for event in await stores.log.take_up(later)] == list(range(15, 31))
    await stores.log.append(later, [said(30), LAST])
    with pytest.raises(LeaseLost):
        await stores.log.append(run, [said(31)])
    assert (await stores.log.read("numbered", 31)).closed
    await stores.log.forget(["numbered"])


@pytest.mark.server
async def test_a_run_ends_once_and_only_under_its_lease(stores: Stores) -> None:
    ledger = RunLedger(stores.database, stores.log)
    run = await made(stores, "ends")
    assert await ledger.claim(Lease("other", 30.0), 5) == []
    assert [held.run_id for held in await ledger.renew(LEASE, ["ends"])] == ["ends"]
    assert await ledger.renew(Lease("other", 30.0), ["ends"]) == []
    await ledger.expire(["here"])
    (taken,) = await ledger.claim(Lease("other", 30.0), 5, ["another"])
    assert taken.epoch == run.epoch + 1
    with pytest.raises(LeaseLost):
        await ledger.finish(run, "done", result="{}", drafts=[LAST])
    await ledger.finish(taken, "done", result='{"a": 1}', drafts=[LAST])
    with pytest.raises(LeaseLost):
        await ledger.finish(taken, "failed", drafts=[LAST])
    assert await ledger.result("ends") == '{"a": 1}'
    page = await stores.log.read("ends", 0)
    assert [event.type for event in page.events] == ["run.started", "run.finished"]
    assert page.closed


@pytest.mark.server
async def test_two_claimers_never_get_the_same_run(stores: Stores) -> None:
    ledger = RunLedger(stores.database, stores.log)
    for number in range(8):
        new = NewRun(f"q{number}", "me", f"t{number}", RunSpec(question="x"), None)
        await ledger.create(new)
    claims = await asyncio.gather(*(ledger.claim(Lease(f"w{n}", 30.0), 3) for n in range(6)))
    claimed = [run.run_id for runs in claims for run in runs]
    assert len(claimed) == len(set(claimed)) == 8


@pytest.mark.server
async def test_evidence_ratings_and_text_with_a_zero_character_come_back(stores: Stores) -> None:
    if stores.run_store is not None:
        key = journal_key("q1", "search", {})
        await stores.run_store.journal_put("r", key, "search", tool_result("a"))
        await stores.run_store.journal_put("r", key, "search", tool_result("another"))
        assert await stores.run_store.journal_get("r", key) == tool_result("a")
        ids = [tool_result("a").evidence[0].id, "unknown"]
        assert await stores.run_store.get_evidence("r", ids) == list(tool_result("a").evidence)
    put = stores.feedback.put
    await asyncio.to_thread(put, RatedRun(run_id="r", question="a\x00b"), "up", user="me")
    edited = await asyncio.to_thread(put, RatedRun(run_id="r", question="x"), "down", user="me", comment="no")
    assert edited.edits == 1
    assert await asyncio.to_thread(stores.feedback.get, "r", "me") == edited
    assert await asyncio.to_thread(lambda: list(stores.feedback.all())) == [edited]
    assert await asyncio.to_thread(stores.feedback.delete, "r", "me")
    assert not await asyncio.to_thread(stores.feedback.delete, "r", "me")


@pytest.mark.server
def test_a_server_over_any_stores_answers_remembers_and_keeps_its_audit_log(settings: Settings) -> None:
    given = settings.model_dump(exclude={"home", "server_event_log"}, exclude_defaults=True)
    with live(settings.home, server_cache="exact", **given) as client:
        events = chat(client, "What\x00 is it?", thread_id="t")
        assert [frame.id for frame in events] == list(range(1, len(events) + 1))
        run_id = events[-1].data["run_id"]
        assert client.get(f"/v1/runs/{run_id}").json()["result"]["status"] == "done"
        again = chat(client, "What\x00 is it?")
        assert client.get(f"/v1/runs/{again[-1].data['run_id']}").json()["result"]["cached_from"] == run_id
        client.post("/v1/threads", json={"thread_id": "later"})
        assert client.get("/v1/threads").json()["threads"][0]["thread_id"] == "later"
        assert client.delete("/v1/threads/t").status_code == 204
        assert client.get(f"/v1/runs/{run_id}/events").status_code == 404
        assert asyncio.run(kept_of(settings, run_id)) == 0
        assert client.get("/v1/feedback").status_code == 200  # an export is noted in the audit log
        assert client.get("/v1/audit/check").json()["ok"]


async def kept_of(settings: Settings, run_id: str) -> int:
    """Return how many rows the server's database has of a run."""
    tables = ("runs", "results", "events", "streams", "owed", "journal", "evidence")
    counts = " + ".join(f"(SELECT count(*) FROM {table} WHERE run_id = :run)" for table in tables)
    async with open_stores(settings) as stores:
        row = await stores.database.read(
            lambda to: to.execute(f"SELECT {counts}", {"run": run_id}).fetchone()
        )
    return int(row[0])


@pytest.mark.server
async def test_the_audit_log_in_postgresql_refuses_changes(postgres: str, tmp_path: Path) -> None:
    import psycopg

    with fresh_database(postgres) as url:
        async with open_stores(Settings(home=tmp_path, server_database_url=url)) as stores:
            log = AuditLog(stores.database)
            await asyncio.gather(*(log.append("ada", "key.created", str(n)) for n in range(20)))
            with psycopg.connect(url) as eve, pytest.raises(psycopg.errors.RaiseException, match="append"):
                eve.execute("UPDATE vidence.audit SET actor = 'eve'")
            found = await log.check()
            assert (found.ok, found.entries) == (True, 20)


@pytest.mark.server
async def test_workers_share_one_count_of_requests_and_count_alone_without_redis(
    redis: RedisServer, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, server_redis_url=redis.url, server_requests_per_minute=3)
    async with open_stores(settings) as stores:
        one, two = RateLimit(settings, stores.windows), RateLimit(settings, stores.windows)
        for limit in (one, two, one):
            await limit.hit("ada")
        with pytest.raises(HTTPException) as caught:
            await two.hit("ada")
        assert caught.value.status_code == 429
        assert int((caught.value.headers or {})["Retry-After"]) <= 60
        await two.hit("bob")
        redis.kill()
        try:
            await two.hit("ada")
        finally:
            redis.start()


@pytest.mark.server
async def test_events_that_a_dead_worker_owed_are_told_by_another(stores: Stores, settings: Settings) -> None:
    if not settings.server_redis_url:
        pytest.skip("without Redis events are written with the run")
    run = await made(stores, "owed")

    async def died(written: object) -> None:
        """Die between the commit and the telling."""

    announce, stores.log.announce = stores.log.announce, died  # type: ignore[method-assign]
    await RunLedger(stores.database, stores.log).finish(run, "done", result="{}", drafts=[LAST])
    stores.log.announce = announce  # type: ignore[method-assign]
    deadline = time.monotonic() + 60
    while not (await stores.log.read("owed", 0)).closed:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    page = await stores.log.read("owed", 0)
    assert [event.type for event in page.events] == ["run.started", "run.finished"]
