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
        """Let an owner see an image; the same one twice changes nothing."""
        ref = StoredImageRef(sha256=image.sha256, source=image.source, width=image.width, height=image.height)
        values = (owner, ref.sha256, ref.width, ref.height, ref.source, iso_now())
        statement = "INSERT INTO images VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
        await self._database.write(lambda to: to.execute(statement, values).rowcount)
        return ref

    async def get(self, owner: str, sha256: str) -> StoredImageRef | None:
        """Return an owner's image, or None."""
        statement = "SELECT sha256, source, width, height FROM images WHERE owner = ? AND sha256 = ?"
        row = await self._database.read(lambda to: to.execute(statement, (owner, sha256)).fetchone())
        return None if row is None else StoredImageRef(**row)
