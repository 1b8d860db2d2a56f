"""Every route by every kind of caller, against a running server: as docs/access.md says."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from core.settings import Settings
from server.app import create_app
from server.jobs.records import JobKind
from server.jobs.store import JobStore
from server.security.access import CALLERS, DOCUMENT, OWN_LISTS, Row, rows, table
from server.security.keys import KeyStore
from server.security.roles import ROLES
from server.storage.database import Database
from server.storage.schema import MIGRATIONS
from tests.support.live_server import ended, live

ROWS = rows(create_app(Settings()))
JOBS: dict[str, JobKind] = {"a" * 32: "eval", "b" * 32: "dataset", "c" * 32: "train"}
STRANGE = {"run_id": "0" * 32, "thread_id": "nobody", "image_id": "0" * 64, "job_id": "0" * 32,
           "collection": "none", "key_id": "0" * 12, "name": "none"}  # fmt: skip
"""Values of addresses that name nothing."""


@dataclass
class Server:
    """A server with keys, and what its owner `ada` made there."""

    client: httpx.Client
    keys: dict[str, str]
    made: dict[str, str]

    def send(self, row: Row, caller: str, names: dict[str, str], body: Any = None) -> httpx.Response:
        """Call a route as somebody."""
        key = self.keys.get(caller, "")
        return self.client.request(
            row.method,
            row.path.format(**names),
            json=({} if body is None else body) if row.method in ("POST", "PUT", "PATCH") else None,
            headers={"Authorization": f"Bearer {key}"} if key else {},
        )


async def prepare(home: Path) -> dict[str, str]:
    """Make the keys, and jobs of ada's that are ended before they began."""
    database = Database(home / "server.db", MIGRATIONS)
    await database.open()
    store, jobs = KeyStore(database), JobStore(database)
    keys = {str(role): (await store.create(role, f"a {role}", role))[1] for role in ROLES}
    for name in ("ada", "eve"):
        keys[name] = (await store.create(name, name, "admin"))[1]
    keys["wrong"] = "vdn_000000000000_" + "a" * 43
    keys["expired"] = (await store.create("old", "ada", "admin", days=1e-9))[1]
    revoked, keys["revoked"] = await store.create("gone", "ada", "admin")
    await store.revoke(revoked.key_id)
    for job_id, kind in JOBS.items():
        await jobs.create(job_id, "ada", kind, {}, ("eval", "list"))
        await jobs.cancel(job_id)
    await database.close()
    return keys


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("matrix")
    keys = asyncio.run(prepare(home))
    with live(home, identify=None, server_auth="keys", server_requests_per_minute=0) as client:
        ada = {"Authorization": f"Bearer {keys['ada']}"}
        asked = {"question": "What is it?", "thread_id": "mine"}
        run = client.post("/v1/runs", json=asked, headers=ada).json()["run_id"]
        client.headers.update(ada)
        ended(client, run)
        del client.headers["Authorization"]
        picture = io.BytesIO()
        Image.new("RGB", (8, 8), "red").save(picture, "PNG")
        url = f"data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}"
        image = client.post("/v1/images", json={"data_url": url}, headers=ada).json()["image_id"]
        rated = client.post("/v1/feedback", json={"run_id": run, "rating": "up"}, headers=ada)
        assert rated.status_code == 201, rated.text
        yield Server(client, keys, {"run_id": run, "thread_id": "mine", "image_id": image})


def named(row: Row, made: dict[str, str]) -> dict[str, str]:
    """Return what an address names: ada's things, and of jobs the one of the route's kind."""
    kind = "train" if "/train/" in row.path else "dataset" if "/datasets/" in row.path else "eval"
    job = next(job_id for job_id, its in JOBS.items() if its == kind)
    return {**STRANGE, **made, "job_id": job}


def test_the_document_is_what_the_routes_say() -> None:
    assert DOCUMENT.read_text() == table(create_app(Settings())), "run `python -m server.security.access`"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method} {row.path}")
def test_each_caller_gets_what_the_table_says(server: Server, row: Row) -> None:
    found = {}
    for caller in CALLERS:
        reply = server.send(row, caller, STRANGE)
        assert reply.status_code < 500, (caller, reply.text)
        found[caller] = {401: "401", 403: "403"}.get(reply.status_code, "yes")
    assert found == {caller: row.answer(caller) for caller in CALLERS}


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.others.startswith("404")], ids=lambda row: f"{row.method} {row.path}"
)
def test_what_one_owner_made_is_not_there_for_another_admin(server: Server, row: Row) -> None:
    body = naming(row, server.made)
    reply = server.send(row, "eve", named(row, server.made), body)
    assert reply.status_code == 404, reply.text
    assert reply.json().get("code", "not_found") == "not_found"


def naming(row: Row, made: dict[str, str]) -> dict[str, Any]:
    """Return a body that is right but for what it names: a run or an image of ada's."""
    image = {"image_id": made["image_id"]}
    bodies: dict[str, dict[str, Any]] = {
        "/v1/feedback": {"run_id": made["run_id"], "rating": "down"},
        "/v1/eval/compare": {"base": "a" * 32, "new": "a" * 32},
        "/v1/runs/{run_id}/resume": {"reply": "a"},
        "/v1/images": image,
        "/v1/vision/analyze": {"image": image},
        "/v1/vision/ocr": {"image": image},
        "/v1/vision/chart-data": {"image": image},
        "/v1/vision/rag": {"image": image, "collections": ["c"]},
        "/v1/vision/compare": {"first": image, "second": image},
        "/v1/inference/embeddings": {"images": [image]},
        "/v1/rag/query": {"question": "a", "collections": ["c"], "images": [image]},
    }
    return bodies.get(row.path, {"question": "a", "images": [image]} if row.others != "404" else {})


def test_lists_hold_ones_own_and_nothing_else(server: Server) -> None:
    for row in ROWS:
        if row.method == "GET" and row.path in OWN_LISTS:
            mine, others = (server.send(row, who, {}).json() for who in ("ada", "eve"))
            (held,) = [value for value in mine.values() if isinstance(value, list)]
            (seen,) = [value for value in others.values() if isinstance(value, list)]
            assert (bool(held), seen) == (True, []), row.path


def test_after_all_that_everything_is_still_there(server: Server) -> None:
    """Runs last: the calls of others changed nothing."""
    ada = {"Authorization": f"Bearer {server.keys['ada']}"}
    run = server.client.get(f"/v1/runs/{server.made['run_id']}", headers=ada).json()
    assert run["status"] == "done"
    for path in ("threads/mine", f"images/{server.made['image_id']}", *(f"train/jobs/{'c' * 32}",)):
        assert server.client.get(f"/v1/{path}", headers=ada).status_code == 200, path
    rating = server.client.get(f"/v1/feedback/{server.made['run_id']}", headers=ada).json()
    assert rating["rating"] == "up"
