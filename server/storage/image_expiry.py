"""Images that nobody used for a while go: the owner's right to see them, the file, and what was read from it.

Last use is the last upload of the same file, or the last request that named it. An image stays while one of
the owner's conversations that shows it is younger, or has an open run. The file stays as long as an owner has
it, a collection holds it, or a rated answer was about it: ratings are what models learn from.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from core.images import ImageStore
from core.settings import Settings
from server.storage.image_files import gone_images, mark_gone
from server.storage.sql import Connection, SqlDatabase, marks

AT_ONCE = 200
"""Images that one transaction may drop."""
_USED = "CASE used_at WHEN '' THEN created_at ELSE used_at END"
_OPEN = "status IN ('queued', 'running', 'input_required')"

Held = Callable[[Collection[str]], set[str]]
"""Returns which of some images, by hash, are needed beside what owners see. Blocking."""
Image = tuple[str, str]
"""Owner and hash."""


def expires_at(settings: Settings, now: datetime | None = None) -> str | None:
    """Return when an image that is used now expires (ISO 8601), or None when it does not."""
    if not settings.server_image_days:
        return None
    until = (now or datetime.now(UTC)) + timedelta(days=settings.server_image_days)
    return until.isoformat(timespec="milliseconds")


class ImageExpiry:
    """Drops what was not used for `server_image_days`.

    Args:
        settings: Read for the days and the data folder.
        database: Has the table of owned images and the runs.
        images: The store of the files.
        held: Names the files that something else needs.
    """

    def __init__(self, settings: Settings, database: SqlDatabase, images: ImageStore, held: Held) -> None:
        self._settings = settings
        self._database = database
        self._images = images
        self._held = held

    async def sweep(self) -> int:
        """Drop what expired; return how many owners lost sight of an image."""
        days = self._settings.server_image_days
        if not days:
            return 0
        before = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")
        old = await self._database.read(lambda to: _old(to, before))
        held = await asyncio.to_thread(self._held, {sha256 for _, sha256 in old}) if old else set()
        dropped = 0
        for start in range(0, len(old), AT_ONCE):
            drop = partial(self._drop, images=old[start : start + AT_ONCE], before=before, held=held)
            dropped += await self._database.write(drop)
        return dropped

    async def sweep_copies(self) -> int:
        """Drop this data folder's copies of images that went at another worker; return how many."""
        gone = await self._database.read(gone_images)
        here = await asyncio.to_thread(lambda: [one for one in gone if self._images.path(one).exists()])
        held = await asyncio.to_thread(self._held, here) if here else set()
        drop = partial(self._drop_copies, copies=[sha256 for sha256 in here if sha256 not in held])
        return await self._database.write(drop) if here else 0

    def _drop_copies(self, to: Connection, copies: list[str]) -> int:
        """Drop copies that nobody owns; within the one writer, as `_drop`."""
        statement = "SELECT 1 FROM images WHERE sha256 = ? LIMIT 1"
        unowned = [one for one in copies if to.execute(statement, (one,)).fetchone() is None]
        for sha256 in unowned:
            self._unlink(sha256)
        return len(unowned)

    def _drop(self, to: Connection, images: list[Image], before: str, held: set[str]) -> int:
        """Drop images that nobody used since; within the one writer, so that no upload comes in between."""
        dropped = 0
        for owner, sha256 in images:
            gone = to.execute(
                f"DELETE FROM images WHERE owner = ? AND sha256 = ? AND {_USED} < ?", (owner, sha256, before)
            ).rowcount
            dropped += gone
            others = to.execute("SELECT 1 FROM images WHERE sha256 = ? LIMIT 1", (sha256,)).fetchone()
            if gone and others is None and sha256 not in held:
                self._unlink(sha256)
                mark_gone(to, sha256)
        return dropped

    def _unlink(self, sha256: str) -> None:
        self._images.path(sha256).unlink(missing_ok=True)
        # What was read from it: `cache/JOB/VERSION/ab/abc....json` (`models.hub`).
        read: list[Path] = list((self._settings.root / "cache").glob(f"*/*/{sha256[:2]}/{sha256}.*"))
        for path in read:
            path.unlink(missing_ok=True)


def _old(to: Connection, before: str) -> list[Image]:
    """Return images that were not used since a time and that no young conversation shows."""
    statement = f"SELECT owner, sha256 FROM images WHERE {_USED} < ? ORDER BY owner"
    rows = to.execute(statement, (before,)).fetchall()
    old = [(str(row[0]), str(row[1])) for row in rows]
    shown = {owner: _shown(to, owner, before) for owner in {owner for owner, _ in old}}
    return [(owner, sha256) for owner, sha256 in old if sha256 not in shown[owner]]


def _shown(to: Connection, owner: str, since: str) -> set[str]:
    """Return the images of an owner's conversations that had a run since a time, or have an open one."""
    young = to.execute(
        "SELECT DISTINCT thread_key FROM runs"
        f" WHERE owner = ? AND (created_at >= ? OR finished_at >= ? OR {_OPEN})",
        (owner, since, since),
    ).fetchall()
    found: set[str] = set()
    keys = [row[0] for row in young]
    for start in range(0, len(keys), AT_ONCE):
        part = keys[start : start + AT_ONCE]
        specs = to.execute(f"SELECT spec FROM runs WHERE thread_key IN ({marks(len(part))})", tuple(part))
        found |= {image["sha256"] for row in specs for image in json.loads(row[0])["images"]}
    return found
