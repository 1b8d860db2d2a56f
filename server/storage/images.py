"""Who may see which stored image: the store itself is shared by content, the right to see is not."""

from __future__ import annotations

from core.images import StoredImage
from server.clock import iso_now
from server.runs.records import StoredImageRef
from server.storage.sql import SqlDatabase


class OwnedImages:
    """Images by owner and hash, in the server's database."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def add(self, owner: str, image: StoredImage) -> StoredImageRef:
        """Let an owner see an image; the same one again counts as used now."""
        ref = StoredImageRef(sha256=image.sha256, source=image.source, width=image.width, height=image.height)
        now = iso_now()
        values = (owner, ref.sha256, ref.width, ref.height, ref.source, now, now)
        statement = (
            "INSERT INTO images (owner, sha256, width, height, source, created_at, used_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (owner, sha256) DO UPDATE SET used_at = excluded.used_at"
        )
        await self._database.write(lambda to: to.execute(statement, values).rowcount)
        return ref

    async def use(self, owner: str, sha256: str) -> StoredImageRef | None:
        """Return an owner's image and count it as used now, so that it does not expire; or None."""
        statement = "UPDATE images SET used_at = ? WHERE owner = ? AND sha256 = ?"
        values = (iso_now(), owner, sha256)
        used = await self._database.write(lambda to: to.execute(statement, values).rowcount)
        return await self.get(owner, sha256) if used else None

    async def get(self, owner: str, sha256: str) -> StoredImageRef | None:
        """Return an owner's image, or None."""
        statement = "SELECT sha256, source, width, height FROM images WHERE owner = ? AND sha256 = ?"
        row = await self._database.read(lambda to: to.execute(statement, (owner, sha256)).fetchone())
        return None if row is None else StoredImageRef(**row)
