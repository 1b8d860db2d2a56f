"""The audit log: who did what that others must be able to find out. Append only, each entry chained.

An entry's hash covers its content and the hash before it, so that whoever changes, drops or reorders entries
has to make every later hash anew; the newest hash, noted elsewhere, then tells (RFC 6962 uses a tree of such
hashes; a chain suffices for one log that is read from its start).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import Field

from core.contracts import Contract
from server.clock import iso_now
from server.storage.sql import Connection, SqlDatabase

GENESIS = "0" * 64


class AuditEntry(Contract):
    """What somebody did."""

    seq: int
    at: str
    actor: str = Field(description="The owner; with a key, also its id.")
    action: str = Field(examples=["key.created"])
    object: str = ""
    detail: dict[str, Any] = Field(default_factory=dict)
    previous: str
    hash: str


class AuditCheck(Contract):
    """Whether the chain holds."""

    ok: bool
    entries: int
    head: str = Field(description="The newest hash: note it elsewhere, and a rewritten log is found out.")
    broken_at: int | None = None


class AuditLog:
    """Entries in the server's file; its tables refuse changes."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def append(self, actor: str, action: str, object: str = "", **detail: Any) -> AuditEntry:
        """Write an entry; it is on disk when this returns."""
        at = iso_now()
        # PostgreSQL keeps no zero characters: what is chained has to be what is read again.
        actor, action, object = (part.replace("\0", "\ufffd") for part in (actor, action, object))

        def work(to: Connection) -> AuditEntry:
            last = to.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
            seq, previous = (last["seq"] + 1, last["hash"]) if last else (1, GENESIS)
            text = json.dumps(detail, sort_keys=True, ensure_ascii=False)
            digest = _digest(previous, seq, at, actor, action, object, text)
            values = (seq, at, actor, action, object, text, previous, digest)
            to.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
            return _entry(values)

        return await self._database.write(work)

    async def read(self, *, before: int = 0, limit: int = 100, action: str = "") -> list[AuditEntry]:
        """Return entries, the newest first; `before` is a seq."""
        statement = (
            "SELECT * FROM audit WHERE (? = 0 OR seq < ?) AND (? = '' OR action = ?) "
            "ORDER BY seq DESC LIMIT ?"
        )
        values = (before, before, action, action, limit)
        rows = await self._database.read(lambda to: to.execute(statement, values).fetchall())
        return [_entry(tuple(row)) for row in rows]

    async def check(self) -> AuditCheck:
        """Compute the whole chain again."""
        return await self._database.read(_check)


def _check(connection: Connection) -> AuditCheck:
    previous, count = GENESIS, 0
    for row in connection.execute("SELECT * FROM audit ORDER BY seq"):
        seq, *content, linked, digest = tuple(row)
        whole = seq == count + 1 and linked == previous and digest == _digest(previous, seq, *content)
        if not whole:
            return AuditCheck(ok=False, entries=count, head=previous, broken_at=seq)
        previous, count = digest, count + 1
    return AuditCheck(ok=True, entries=count, head=previous)


def _digest(previous: str, seq: int, *content: str) -> str:
    body = json.dumps([previous, seq, *content], ensure_ascii=False)
    return hashlib.sha256(body.encode()).hexdigest()


def _entry(values: tuple[Any, ...]) -> AuditEntry:
    seq, at, actor, action, object, text, previous, digest = values
    return AuditEntry(
        seq=seq,
        at=at,
        actor=actor,
        action=action,
        object=object,
        detail=json.loads(text),
        previous=previous,
        hash=digest,
    )
