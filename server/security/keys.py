"""API keys: `vdn_ID_SECRET`. Only a hash of the secret is kept, so a key is seen once, when it is made.

The secret has 256 random bits: it cannot be guessed, and a plain SHA-256 of it cannot be searched, so no slow
password hash is needed on every request.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from core.contracts import Contract
from core.errors import invalid_input, not_found
from server.clock import iso_now
from server.security.roles import ROLES, Permission, Role
from server.storage.sql import Connection, SqlDatabase

PREFIX = "vdn"
_FORM = re.compile(rf"{PREFIX}_(?P<id>[0-9a-f]{{12}})_(?P<secret>[A-Za-z0-9_-]{{43}})", re.ASCII)
_NOTED_EVERY = timedelta(minutes=1)
_NOBODY = hashlib.sha256(b"").hexdigest()


class ApiKey(Contract):
    """A key as it is kept and shown; its secret is not among it."""

    key_id: str
    name: str
    owner: str
    role: Role
    scopes: tuple[Permission, ...] = ()
    """Fewer permissions than the role has; empty: all of the role's."""
    created_at: str
    expires_at: str = ""
    revoked_at: str = ""
    last_used_at: str = ""

    @property
    def permissions(self) -> frozenset[Permission]:
        """What the key allows."""
        role = ROLES[self.role]
        return role & frozenset(self.scopes) if self.scopes else role


class KeyStore:
    """Keys in the server's file."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def create(
        self,
        name: str,
        owner: str,
        role: Role,
        *,
        scopes: Iterable[Permission] = (),
        days: float | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key; returns it with the text that its user sends, which is kept nowhere.

        Raises:
            VidenceError: `invalid_input` for a scope that the role does not have.
        """
        wanted = tuple(dict.fromkeys(scopes))
        beyond = set(wanted) - ROLES[role]
        if beyond:
            raise invalid_input(
                f"The role {role} does not allow {', '.join(sorted(beyond))}",
                help=f"It allows {', '.join(sorted(ROLES[role]))}.",
            )
        now = datetime.now(UTC)
        expires = (now + timedelta(days=days)).isoformat(timespec="milliseconds") if days else ""
        key = ApiKey(
            key_id=secrets.token_hex(6),
            name=name,
            owner=owner,
            role=role,
            scopes=wanted,
            created_at=now.isoformat(timespec="milliseconds"),
            expires_at=expires,
        )
        secret = secrets.token_urlsafe(32)
        body = key.model_dump(exclude={"scopes"}) | {
            "scopes": json.dumps(list(wanted)),
            "hash": _hash(secret),
        }
        names = ", ".join(body)
        marks = ", ".join(f":{name}" for name in body)
        await self._database.write(
            lambda to: to.execute(f"INSERT INTO api_keys ({names}) VALUES ({marks})", body).rowcount
        )
        return key, f"{PREFIX}_{key.key_id}_{secret}"

    async def find(self, text: str) -> ApiKey | None:
        """Return the key that a client sent, when it is known, not revoked and not expired."""
        form = _FORM.fullmatch(text)
        if form is None:
            return None
        row = await self._database.read(lambda to: _row(to, form["id"]))
        # Compared even when there is no such key: how long it takes tells nothing.
        same = hmac.compare_digest(_hash(form["secret"]), row["hash"] if row else _NOBODY)
        if row is None or not same:
            return None
        key = _key(row)
        now = iso_now()
        if key.revoked_at or (key.expires_at and key.expires_at <= now):
            return None
        await self._note_use(key, now)
        return key

    async def list(self) -> list[ApiKey]:
        """Return all keys, the newest first."""
        rows = await self._database.read(
            lambda to: to.execute("SELECT * FROM api_keys ORDER BY created_at DESC, key_id").fetchall()
        )
        return [_key(row) for row in rows]

    async def revoke(self, key_id: str) -> ApiKey:
        """End a key now; a second time changes nothing. Raises `not_found`."""
        statement = "UPDATE api_keys SET revoked_at = ? WHERE key_id = ? AND revoked_at = ''"
        await self._database.write(lambda to: to.execute(statement, (iso_now(), key_id)).rowcount)
        row = await self._database.read(lambda to: _row(to, key_id))
        if row is None:
            raise not_found(
                f"No key `{key_id}`", help="See the ids with GET /v1/apikeys, or `vidence keys list`."
            )
        return _key(row)

    async def _note_use(self, key: ApiKey, now: str) -> None:
        """Keep when a key was last used, to the minute: not every request needs a write."""
        if key.last_used_at:
            since = datetime.fromisoformat(now) - datetime.fromisoformat(key.last_used_at)
            if since < _NOTED_EVERY:
                return
        statement = "UPDATE api_keys SET last_used_at = ? WHERE key_id = ?"
        await self._database.write(lambda to: to.execute(statement, (now, key.key_id)).rowcount)


def _row(connection: Connection, key_id: str) -> Any:
    return connection.execute("SELECT * FROM api_keys WHERE key_id = ?", (key_id,)).fetchone()


def _key(row: Any) -> ApiKey:
    values = {name: row[name] for name in ApiKey.model_fields if name != "scopes"}
    return ApiKey(**values, scopes=tuple(json.loads(row["scopes"])))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
