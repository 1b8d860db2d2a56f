"""An image that was uploaded to one worker is there for runs and requests of all, and goes from all."""

from __future__ import annotations

import asyncio
import hashlib
import io
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.images import ImageStore
from core.settings import Settings
from server.storage.database import Database
from server.storage.image_expiry import ImageExpiry
from server.storage.image_files import ImageFiles
from server.storage.images import OwnedImages
from server.storage.schema import MIGRATIONS
from tests.support.fakes import FakeSearch
from tests.support.live_server import ended, live, start, until
from tests.support.postgres import postgres_server
from tests.support.shared_stores import fresh_database, leases_run_out


def picture(shade: int = 90) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, 20, 20)).save(buffer, "PNG")
    return buffer.getvalue()


SHA256 = hashlib.sha256(picture()).hexdigest()


class Worker:
    """A data folder over the common database."""

    def __init__(self, home: Path, database: Database) -> None:
        settings = Settings(home=home, server_image_days=30)
        self.images = ImageStore.of(settings)
        self.files = ImageFiles(self.images, database)
        self.owned = OwnedImages(database)
        self.expiry = ImageExpiry(settings, database, self.images, lambda hashes: set())

    async def upload(self) -> None:
        await self.owned.add("ada", self.images.add_bytes(picture(), source="upload"))
        await self.files.keep(SHA256)

    @property
    def there(self) -> bool:
        return self.images.path(SHA256).is_file()


@pytest.fixture
async def database(tmp_path: Path, no_blocking: Any) -> AsyncIterator[Database]:
    no_blocking.deactivate()  # the tests look at files themselves
    database = Database(tmp_path / "server.db", MIGRATIONS)
    await database.open()
    yield database
    await database.close()


async def grown_old(database: Database) -> None:
    at = (datetime.now(UTC) - timedelta(days=31)).isoformat(timespec="milliseconds")
    await database.write(lambda to: to.execute("UPDATE images SET used_at = ?", (at,)).rowcount)


async def test_another_worker_gets_the_same_pixels_and_nothing_for_what_nobody_has(
    database: Database, tmp_path: Path
) -> None:
    one, two = Worker(tmp_path / "1", database), Worker(tmp_path / "2", database)
    await one.upload()
    await two.files.bring([SHA256, "0" * 64])
    assert (two.images.open(SHA256) == one.images.open(SHA256)).all()
    assert not two.images.path("0" * 64).exists()


async def test_an_image_that_expired_goes_from_every_worker_and_comes_back_when_it_is_sent_again(
    database: Database, tmp_path: Path
) -> None:
    one, two, three = (Worker(tmp_path / name, database) for name in "123")
    await one.upload()
    await two.files.bring([SHA256])
    await grown_old(database)
    assert await two.expiry.sweep() == 1
    assert (one.there, two.there) == (True, False)
    assert await one.expiry.sweep_copies() == 1
    assert not one.there
    await three.files.bring([SHA256])
    assert not three.there, "what went is not brought back"
    await two.upload()
    await three.files.bring([SHA256])
    assert three.there
    assert await three.expiry.sweep_copies() == 0
    assert three.there


async def test_a_copy_stays_while_somebody_owns_the_image_again(database: Database, tmp_path: Path) -> None:
    one, two = Worker(tmp_path / "1", database), Worker(tmp_path / "2", database)
    await one.upload()
    await grown_old(database)
    await two.expiry.sweep()
    await one.owned.add("eve", one.images.add_bytes(picture(), source="upload"))  # killed before `keep`
    assert await one.expiry.sweep_copies() == 0
    assert one.there


async def test_without_a_common_database_nothing_is_copied(database: Database, tmp_path: Path) -> None:
    one = Worker(tmp_path / "1", database)
    alone = ImageFiles(one.images, None)
    await one.owned.add("ada", one.images.add_bytes(picture(), source="upload"))
    await alone.keep(SHA256)
    await alone.bring(["0" * 64])
    rows = await database.read(lambda to: to.execute("SELECT sha256 FROM image_files").fetchall())
    assert rows == []


class Looking(FakeSearch):
    """Looks at the image when it may, as a tool does."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.saw: list[tuple[int, ...]] = []

    async def run(self, args: Any, context: Any) -> Any:
        result = await super().run(args, context)
        await asyncio.to_thread(self.go.wait, 60)
        self.saw.append((await asyncio.to_thread(context.images.open, SHA256)).shape)
        return result


@pytest.mark.server
def test_a_run_goes_on_at_a_worker_with_a_data_folder_of_its_own_and_sees_its_image(tmp_path: Path) -> None:
    pytest.importorskip("langgraph.checkpoint.postgres", reason="the extra `stores` is not installed")
    first, second = Looking(), Looking()
    second.go.set()
    with postgres_server() as server, fresh_database(server) as url:
        shared: dict[str, Any] = {"server_database_url": url, "server_lease_s": 3600.0}
        with (
            live(tmp_path / "1", tool=first, **shared) as one,
            live(tmp_path / "2", tool=second, **shared) as two,
        ):
            try:
                image = one.post("/v1/images", content=picture(), headers={"content-type": "image/png"})
                run_id = start(one, images=[{"image_id": image.json()["image_id"]}])["run_id"]
                until(lambda: len(first.calls) == 2)
                asyncio.run(leases_run_out(Settings(home=tmp_path, server_database_url=url)))
                until(lambda: two.get(f"/v1/runs/{run_id}").json()["status"] == "done")
                assert ended(two, run_id)["status"] == "done"
                assert set(second.saw) == {(30, 40, 3)}
                seen = two.get(f"/v1/images/{SHA256}")
                assert (seen.status_code, seen.content[:4]) == (200, b"\x89PNG")
                again = start(two, images=[{"image_id": SHA256}])["run_id"]
                assert ended(two, again)["status"] == "done"
            finally:
                first.go.set()
