"""The files of images for workers on several hosts: beside the rights to see them, in the shared database.

A run must go on wherever it is taken up, and its image was uploaded to one of the workers. So each stored PNG
is also a row; a worker whose data folder lacks an image that a request or a run names writes it there first.
An image that went leaves its row empty, so that every worker drops its copy (`image_expiry.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from core.images import ImageStore
from server.clock import iso_now
from server.storage.grouped import GroupedDatabase
from server.storage.sql import Connection

_PUT = (
    "INSERT INTO image_files (sha256, png, gone_at) VALUES (?, ?, '')"
    " ON CONFLICT (sha256) DO UPDATE SET png = excluded.png, gone_at = ''"
)
_KNOWN = "SELECT 1 FROM image_files WHERE sha256 = ? AND gone_at = ''"


class ImageFiles:
    """Images by hash in the database, and the copies of this worker's data folder.

    Args:
        images: The data folder's store.
        database: Where all workers find them; None when the data folder is all there is.
    """

    def __init__(self, images: ImageStore, database: GroupedDatabase | None) -> None:
        self._images = images
        self._database = database

    async def keep(self, sha256: str) -> None:
        """Let all workers have an image that this data folder has."""
        database = self._database
        if database is None:
            return
        if await database.read(lambda to: to.execute(_KNOWN, (sha256,)).fetchone()) is None:
            png = await asyncio.to_thread(self._images.path(sha256).read_bytes)
            await database.aside(lambda to: to.execute(_PUT, (sha256, png)).rowcount)

    async def bring(self, hashes: Iterable[str]) -> None:
        """Write into this data folder what it lacks of some images; what nobody has stays away."""
        if self._database is None:
            return
        for sha256 in dict.fromkeys(hashes):
            await self._bring(self._database, sha256)

    async def _bring(self, database: GroupedDatabase, sha256: str) -> None:
        if await asyncio.to_thread(self._images.path(sha256).exists):
            return
        statement = "SELECT png FROM image_files WHERE sha256 = ? AND gone_at = ''"
        row = await database.read(lambda to: to.execute(statement, (sha256,)).fetchone())
        if row is None:
            return

        await asyncio.to_thread(self._images.put, sha256, row["png"])


def mark_gone(to: Connection, sha256: str) -> None:
    """Empty the row of an image that went, within the transaction that drops the last right to it."""
    to.execute("UPDATE image_files SET png = ?, gone_at = ? WHERE sha256 = ?", (b"", iso_now(), sha256))


def gone_images(to: Connection) -> list[str]:
    """Return the images that went, by hash."""
    rows = to.execute("SELECT sha256 FROM image_files WHERE gone_at <> ''").fetchall()
    return [str(row["sha256"]) for row in rows]
