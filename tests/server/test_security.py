"""Who gets in, and what they may do."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.settings import Settings
from server.app import create_app
from server.security.access import rows
from server.security.audit import AuditLog
from server.security.keys import KeyStore
from server.security.roles import PERMISSIONS, ROLES
from server.storage.database import Database
from server.storage.schema import MIGRATIONS
from tests.support.live_server import live

PUBLIC = {"/", "/page/{name}", "/health", "/ready", "/v1/events/schema"}


@pytest.fixture
async def database(tmp_path: Path) -> Any:
    database = Database(tmp_path / "server.db", MIGRATIONS)
    await database.open()
    yield database
    await database.close()


async def test_a_key_opens_by_its_whole_text_only(database: Database) -> None:
    store = KeyStore(database)
    key, text = await store.create("page", "ada", "viewer")
    assert (await store.find(text)) == key
    other, _ = await store.create("other", "eve", "admin")
    secret = text.rsplit("_", 1)
    for wrong in (
        text[:-1],
        text + "a",
        f"vdn_{other.key_id}_{text.split('_', 2)[2]}",
        "",
        "vdn__",
        secret[0],
    ):
        assert await store.find(wrong) is None


async def test_the_secret_is_nowhere_in_the_file(database: Database, tmp_path: Path) -> None:
    _, text = await KeyStore(database).create("page", "ada", "viewer")
    await database.close()
    secret = text.split("_", 2)[2].encode()
    kept = await asyncio.to_thread(lambda: b"".join(path.read_bytes() for path in tmp_path.iterdir()))
    assert secret not in kept
    await database.open()


async def test_a_revoked_or_expired_key_opens_nothing(database: Database) -> None:
    store = KeyStore(database)
    key, text = await store.create("page", "ada", "viewer")
    await store.revoke(key.key_id)
    assert (await store.revoke(key.key_id)).revoked_at
    assert await store.find(text) is None
    _, short = await store.create("short", "ada", "viewer", days=1e-9)
    assert await store.find(short) is None


async def test_scopes_only_take_from_a_role(database: Database) -> None:
    store = KeyStore(database)
    key, _ = await store.create("page", "ada", "operator", scopes=["read"])
    assert key.permissions == {"read"}
    with pytest.raises(Exception, match="does not allow keys"):
        await store.create("page", "ada", "operator", scopes=["keys"])


async def test_the_audit_log_refuses_changes_and_shows_those_made_behind_its_back(
    database: Database, tmp_path: Path
) -> None:
    log = AuditLog(database)
    for number in range(5):
        await log.append("ada", "key.created", str(number), role="viewer")
    assert (await log.check()).ok
    with pytest.raises(sqlite3.IntegrityError, match="append only"):
        await database.write(lambda to: to.execute("UPDATE audit SET actor = 'eve' WHERE seq = 2").rowcount)
    with pytest.raises(sqlite3.IntegrityError, match="append only"):
        await database.write(lambda to: to.execute("DELETE FROM audit WHERE seq = 5").rowcount)
    with sqlite3.connect(tmp_path / "server.db") as other:
        other.execute("DROP TRIGGER audit_is_final")
        other.execute("UPDATE audit SET actor = 'eve' WHERE seq = 3")
    found = await log.check()
    assert (found.ok, found.broken_at) == (False, 3)


@pytest.mark.parametrize(
    "statement", ["DELETE FROM audit WHERE seq = 2", "UPDATE audit SET seq = 9 WHERE seq = 5"]
)
async def test_a_dropped_or_renumbered_entry_breaks_the_chain(
    database: Database, tmp_path: Path, statement: str
) -> None:
    log = AuditLog(database)
    for number in range(5):
        await log.append("ada", "key.created", str(number))
    with sqlite3.connect(tmp_path / "server.db") as other:
        other.execute("DROP TRIGGER audit_is_final")
        other.execute("DROP TRIGGER audit_is_kept")
        other.execute(statement)
    assert not (await log.check()).ok


async def test_what_is_chained_is_text_that_every_database_keeps_as_it_is(database: Database) -> None:
    log = AuditLog(database)
    entry = await log.append("ada\0", "feedback.exported", "2026-01-01\0", owner="\0")
    assert (await log.read()) == [entry]
    kept = await database.read(lambda to: tuple(to.execute("SELECT * FROM audit").fetchone()))
    assert not any("\0" in str(part) for part in kept)
    assert (await log.check()).ok


def test_every_route_asks_for_a_permission() -> None:
    found = rows(create_app(Settings()))
    assert {row.path for row in found if not row.permission} == PUBLIC
    assert {row.permission for row in found} - {""} <= set(PERMISSIONS)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, dict[str, str]]]:
    """A server with keys, and a key of each role."""
    home = tmp_path_factory.mktemp("keys")

    async def make() -> dict[str, str]:
        database = Database(home / "server.db", MIGRATIONS)
        await database.open()
        store = KeyStore(database)
        made: dict[str, str] = {role: (await store.create(role, role, role))[1] for role in ROLES}
        made["expired"] = (await store.create("old", "admin", "admin", days=1e-9))[1]
        await database.close()
        return made

    keys = asyncio.run(make())
    with live(home, identify=None, server_auth="keys", server_requests_per_minute=0) as client:
        yield client, keys


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize(
    "headers",
    [{}, bearer("vdn_000000000000_" + "a" * 43), {"Authorization": "Basic YTpi"}, {"X-API-Key": "x"}],
)
def test_nobody_gets_in_without_a_key(
    server: tuple[httpx.Client, dict[str, str]], headers: dict[str, str]
) -> None:
    client, _ = server
    for path in ("/v1/runs", "/api/v1/runs", "/v1/models", "/v1/apikeys", "/v1/audit/logs"):
        reply = client.get(path, headers=headers)
        assert reply.status_code == 401, path
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    assert client.get("/health").status_code == 200


def test_an_expired_key_is_refused(server: tuple[httpx.Client, dict[str, str]]) -> None:
    client, keys = server
    assert client.get("/v1/runs", headers=bearer(keys["expired"])).status_code == 401


def test_each_role_may_do_what_its_permissions_say(server: tuple[httpx.Client, dict[str, str]]) -> None:
    client, keys = server
    asks: dict[str, tuple[str, str, Any]] = {
        "read": ("GET", "/v1/runs", None),
        "ask": ("POST", "/v1/runs", {"question": "What is it?"}),
        "keys": ("GET", "/v1/apikeys", None),
        "audit": ("GET", "/v1/audit/logs", None),
    }
    for role, permissions in ROLES.items():
        for permission, (method, path, body) in asks.items():
            reply = client.request(method, path, json=body, headers=bearer(keys[role]))
            allowed = permission in permissions
            assert (reply.status_code == 403) is not allowed, (role, permission, reply.text)
            assert reply.status_code < 500


def test_what_one_owner_made_is_not_there_for_another(server: tuple[httpx.Client, dict[str, str]]) -> None:
    client, keys = server
    mine, other = bearer(keys["operator"]), bearer(keys["admin"])
    run = client.post("/v1/runs", json={"question": "What is it?", "thread_id": "t"}, headers=mine).json()
    id_ = run["run_id"]
    for method, path, body in (
        ("GET", f"/v1/runs/{id_}", None),
        ("GET", f"/v1/runs/{id_}/wait", None),
        ("GET", f"/v1/runs/{id_}/events", None),
        ("POST", f"/v1/runs/{id_}/cancel", None),
        ("POST", f"/v1/runs/{id_}/resume", {"reply": "a"}),
        ("GET", "/v1/threads/t", None),
        ("GET", "/v1/threads/t/history", None),
        ("DELETE", "/v1/threads/t", None),
    ):
        assert client.request(method, path, json=body, headers=other).status_code == 404, path
    assert client.get(f"/v1/runs/{id_}", headers=mine).status_code == 200


def test_keys_made_and_revoked_over_http_are_in_the_audit_log(
    server: tuple[httpx.Client, dict[str, str]],
) -> None:
    client, keys = server
    admin = bearer(keys["admin"])
    made = client.post("/v1/apikeys", json={"name": "new", "role": "viewer"}, headers=admin).json()
    new = bearer(made["secret"])
    assert client.get("/v1/runs", headers=new).status_code == 200
    id_ = made["key"]["key_id"]
    assert client.delete(f"/v1/apikeys/{id_}", headers=admin).json()["revoked_at"]
    assert client.get("/v1/runs", headers=new).status_code == 401
    entries = client.get("/v1/audit/logs", headers=admin).json()["entries"]
    assert [(entry["action"], entry["object"]) for entry in entries[:2]] == [
        ("key.revoked", id_),
        ("key.created", id_),
    ]
    assert made["secret"] not in str(entries)
    assert client.get("/v1/audit/check", headers=admin).json()["ok"]


def test_a_key_makes_none_that_allows_more_than_itself(server: tuple[httpx.Client, dict[str, str]]) -> None:
    client, keys = server
    narrow = {"name": "narrow", "role": "admin", "scopes": ["keys", "read"]}
    made = client.post("/v1/apikeys", json=narrow, headers=bearer(keys["admin"])).json()
    holder = bearer(made["secret"])
    for more in ({"role": "admin"}, {"role": "viewer"}, {"role": "admin", "scopes": ["audit"]}):
        reply = client.post("/v1/apikeys", json={"name": "more", **more}, headers=holder)
        assert (reply.status_code, reply.json()["code"]) == (403, "blocked"), more
    less = {"name": "less", "role": "viewer", "scopes": ["read"]}
    assert client.post("/v1/apikeys", json=less, headers=holder).status_code == 201


def test_too_many_requests_are_refused_with_the_time_to_wait(tmp_path: Path) -> None:
    with live(tmp_path, server_requests_per_minute=5) as client:
        codes = [client.get("/v1/runs", headers={"x-owner": "a"}).status_code for _ in range(7)]
        assert codes == [200] * 5 + [429] * 2
        refused = client.get("/v1/runs", headers={"x-owner": "a"})
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert refused.json()["retryable"]
        assert client.get("/v1/runs", headers={"x-owner": "b"}).status_code == 200


def test_a_quota_of_runs_is_kept(tmp_path: Path) -> None:
    with live(tmp_path, server_runs_per_day=1) as client:
        assert client.post("/v1/runs", json={"question": "a"}).status_code == 202
        asked = {"model": "vidence", "messages": [{"role": "user", "content": "b"}]}
        for path, body in (("/v1/runs", {"question": "b"}), ("/v1/chat/completions", asked)):
            refused = client.post(path, json=body)
            assert refused.status_code == 429
            assert "rate_limited" in refused.text
            assert 80_000 < int(refused.headers["Retry-After"]) <= 86_400


def test_a_quota_counts_runs_that_come_at_once_and_those_of_deleted_threads(tmp_path: Path) -> None:
    with live(tmp_path, server_runs_per_day=3) as client:

        def asked(number: int) -> int:
            body = {"question": "a", "thread_id": f"t{number}"}
            return client.post("/v1/runs", json=body, headers={"x-owner": "eve"}).status_code

        with ThreadPoolExecutor(12) as pool:
            codes = sorted(pool.map(asked, range(12)))
        assert codes == [202] * 3 + [429] * 9
        eve = {"x-owner": "eve"}
        for run in client.get("/v1/runs", headers=eve).json()["runs"]:
            client.get(f"/v1/runs/{run['run_id']}/wait", headers=eve)
            assert client.delete(f"/v1/threads/{run['thread_id']}", headers=eve).status_code == 204
        assert asked(12) == 429
        assert client.post("/v1/runs", json={"question": "a"}, headers={"x-owner": "ada"}).status_code == 202


def test_a_page_elsewhere_gets_nothing_from_a_server_without_keys(tmp_path: Path) -> None:
    with live(tmp_path) as client:
        assert client.get("/v1/runs", headers={"Host": "evil.example:8080"}).status_code == 400
        reply = client.get("/v1/runs", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in reply.headers
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]
    with live(tmp_path, server_cors_origins=("https://app.example",)) as client:
        reply = client.get("/v1/runs", headers={"Origin": "https://app.example"})
        assert reply.headers["access-control-allow-origin"] == "https://app.example"
        asked = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,x-stainless-lang",  # `openai` in a page
        }
        path = "/v1/chat/completions"
        reply = client.options(path, headers={"Origin": "https://app.example", **asked})
        assert (reply.status_code, "x-stainless-lang" in reply.headers["access-control-allow-headers"]) == (
            200,
            True,
        )
        assert client.options(path, headers={"Origin": "https://evil.example", **asked}).status_code == 400


def test_a_page_elsewhere_changes_nothing_on_a_server_without_keys(tmp_path: Path) -> None:
    """A browser sends a form or an image without asking the server; it says where they come from."""
    mine, page = "http://127.0.0.1:9", "https://page.example"
    with live(tmp_path, server_cors_origins=(mine,)) as client:

        def asked(site: str, origin: str) -> int:
            headers = {"sec-fetch-site": site, "origin": origin, "content-type": "application/json"}
            return client.post("/v1/threads", content=b"{}", headers=headers).status_code

        assert asked("cross-site", page) == asked("same-site", "http://localhost:3000") == 403
        assert asked("same-origin", str(client.base_url)) == asked("none", "") == 201
        assert asked("cross-site", mine) == 201
        looked = client.get("/v1/threads", headers={"sec-fetch-site": "cross-site", "origin": page})
        assert looked.status_code == 200
        assert "access-control-allow-origin" not in looked.headers


def test_only_this_machine_is_served_without_keys() -> None:
    from core.errors import VidenceError
    from server.security.identify import check_address

    check_address(Settings(), "127.0.0.1")
    check_address(Settings(server_auth="keys"), "0.0.0.0")
    with pytest.raises(VidenceError, match="no authentication"):
        check_address(Settings(), "0.0.0.0")
