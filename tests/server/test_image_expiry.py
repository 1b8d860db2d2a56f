"""Images go when nobody used them for a while, and never while somebody needs them."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from core.images import ImageStore
from core.settings import Settings
from server.storage.database import Database
from server.storage.image_expiry import ImageExpiry, expires_at
from server.storage.images import OwnedImages
from server.storage.schema import MIGRATIONS
from tests.support.live_server import SlowSearch, ended, live, start, until


def picture(shade: int = 90) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, 20, 20)).save(buffer, "PNG")
    return buffer.getvalue()


class House:
    """A data folder with an image of Ada's that was last used a long time ago."""

    def __init__(self, home: Path, database: Database) -> None:
        self.settings = Settings(home=home, server_image_days=30)
        self.database = database
        self.files = ImageStore(home / "images", max_bytes=10**7, max_pixels=10**7)
        self.owned = OwnedImages(database)
        self.held: set[str] = set()
        self.expiry = ImageExpiry(self.settings, database, self.files, lambda hashes: self.held & set(hashes))
        self.sha256 = hashlib.sha256(picture()).hexdigest()

    async def keep(self, owner: str = "ada", days_ago: float = 31) -> None:
        """Keep the image for an owner, used so long ago."""
        # A test's own files, small and at once.
        await self.owned.add(owner, self.files.add_bytes(picture(), source="upload"))
        await self.run_sql("UPDATE images SET used_at = ? WHERE owner = ?", _ago(days_ago), owner)

    async def ran(
        self, thread: str, days_ago: float, *, owner: str = "ada", status: str = "done", shows: bool = True
    ) -> None:
        """Let an owner's thread have a run, which names the image or does not."""
        images = [{"sha256": self.sha256, "source": "x", "width": 40, "height": 30}] if shows else []
        spec = json.dumps({"question": "What is it?", "images": images})
        run_id = f"{thread}-{days_ago}-{shows}"
        at = _ago(days_ago)
        await self.run_sql(
            "INSERT INTO runs (run_id, owner, thread_id, thread_key, status, spec, created_at, finished_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(run_id, owner, thread, f"{owner}/{thread}", status, spec, at, at if status == "done" else ""),
        )

    async def run_sql(self, statement: str, *values: Any) -> None:
        await self.database.write(lambda to: to.execute(statement, values).rowcount)

    @property
    def there(self) -> bool:
        return self.files.path(self.sha256).is_file()


def _ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")


@pytest.fixture
async def house(tmp_path: Path, no_blocking: Any) -> AsyncIterator[House]:
    no_blocking.deactivate()  # the tests look at files themselves
    database = Database(tmp_path / "server.db", MIGRATIONS)
    await database.open()
    yield House(tmp_path, database)
    await database.close()


async def test_what_nobody_used_goes_with_what_was_read_from_it(house: House) -> None:
    await house.keep()
    reading = house.settings.root / "cache" / "read_text" / "v1" / house.sha256[:2] / f"{house.sha256}.json"
    reading.parent.mkdir(parents=True)
    reading.write_text("[]")
    other = reading.with_name(f"{house.sha256[:2]}other.json")
    other.write_text("[]")
    assert house.there
    assert await house.expiry.sweep() == 1
    assert not house.there
    assert not reading.exists()
    assert other.exists()
    assert await house.owned.get("ada", house.sha256) is None
    assert await house.expiry.sweep() == 0


async def test_an_image_of_before_the_column_counts_from_its_upload(house: House) -> None:
    await house.keep()
    await house.run_sql("UPDATE images SET used_at = '', created_at = ?", _ago(29))
    assert await house.expiry.sweep() == 0
    await house.run_sql("UPDATE images SET created_at = ?", _ago(31))
    assert await house.expiry.sweep() == 1


@pytest.mark.parametrize(
    "use", [lambda house: house.owned.use("ada", house.sha256), lambda house: house.keep(days_ago=0)]
)
async def test_a_use_begins_the_time_anew(house: House, use: Callable[[House], Any]) -> None:
    await house.keep()
    await use(house)
    assert await house.expiry.sweep() == 0
    assert house.there


async def test_a_young_conversation_or_an_open_run_keeps_it(house: House) -> None:
    await house.keep()
    await house.ran("t", 40)
    await house.ran("t", 1, shows=False)
    assert await house.expiry.sweep() == 0, "it is shown in a conversation that goes on"
    await house.run_sql("DELETE FROM runs")
    await house.ran("t", 40, status="input_required")
    assert await house.expiry.sweep() == 0, "its run waits for a reply"
    await house.run_sql("UPDATE runs SET status = 'done', finished_at = ?", _ago(2))
    assert await house.expiry.sweep() == 0, "its run ended just now"
    await house.run_sql("UPDATE runs SET finished_at = ?", _ago(40))
    assert await house.expiry.sweep() == 1


async def test_anothers_conversation_keeps_nothing_of_mine(house: House) -> None:
    await house.keep()
    await house.ran("t", 1, owner="eve")
    assert await house.expiry.sweep() == 1


async def test_the_file_stays_for_who_else_has_it(house: House) -> None:
    await house.keep("ada")
    await house.keep("eve", days_ago=0)
    assert await house.expiry.sweep() == 1
    assert house.there
    assert await house.owned.get("ada", house.sha256) is None
    assert await house.owned.get("eve", house.sha256) is not None


async def test_the_file_stays_while_a_collection_or_a_rating_needs_it(house: House) -> None:
    await house.keep()
    house.held.add(house.sha256)
    assert await house.expiry.sweep() == 1
    assert house.there
    assert await house.owned.get("ada", house.sha256) is None


async def test_zero_days_keep_everything(house: House) -> None:
    await house.keep(days_ago=10_000)
    forever = house.settings.model_copy(update={"server_image_days": 0.0})
    assert await ImageExpiry(forever, house.database, house.files, lambda hashes: set()).sweep() == 0
    assert house.there
    assert expires_at(forever) is None


def test_over_http(tmp_path: Path) -> None:
    with live(tmp_path, tool=SlowSearch(0), server_image_days=30) as client:
        sent = client.post("/v1/images", content=picture(), headers={"content-type": "image/png"}).json()
        left = datetime.fromisoformat(sent["expires_at"]) - datetime.now(UTC)
        assert timedelta(days=29, hours=23) < left <= timedelta(days=30)
        assert client.get(f"/v1/images/{sent['image_id']}").status_code == 200
        asked: dict[str, Any] = {"images": [{"image_id": sent["image_id"]}]}
        assert ended(client, start(client, **asked)["run_id"])["status"] == "done"
    # Far in the past: the next start sweeps.
    _age(tmp_path / "server.db")
    with live(tmp_path, tool=SlowSearch(0), server_image_days=30) as client:
        until(lambda: client.get(f"/v1/images/{sent['image_id']}").status_code == 404)
        gone = client.post("/v1/runs", json={"question": "x", **asked})
        assert (gone.status_code, gone.json()["code"]) == (404, "not_found")
        assert "expire" in gone.json()["help"]
        again = client.post("/v1/images", content=picture(), headers={"content-type": "image/png"})
        assert again.status_code == 201
        assert _read(client, sent["image_id"]) == 200
        assert ended(client, start(client, **asked)["run_id"])["status"] == "done"


def _read(client: httpx.Client, image_id: str) -> int:
    return client.get(f"/v1/images/{image_id}").status_code


def _age(path: Path) -> None:
    import sqlite3

    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE images SET used_at = '2020-01-01T00:00:00.000+00:00'")
        connection.execute("UPDATE runs SET created_at = '2020-01-01', finished_at = '2020-01-01'")
    connection.close()
