"""API keys: make, list, revoke. Each is an entry of the audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from core.errors import VidenceError
from server.http.bodies import Body
from server.http.deps import Context, ManagesKeys
from server.http.problem import documented
from server.security.keys import ApiKey
from server.security.roles import ROLES, Permission, Role

router = APIRouter(tags=["keys"])

KeyId = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$")]


class NewKey(Body):
    """A key to be made."""

    name: str = Field(min_length=1, max_length=200, description="What it is for.")
    owner: str = Field(
        "", max_length=200, description="Whose objects it sees; the caller's own when left out."
    )
    role: Role = "viewer"
    scopes: list[Permission] = Field(default_factory=list, description="Fewer permissions than the role has.")
    days: float | None = Field(None, gt=0, le=3650, description="Days until it expires; never when left out.")


class MadeKey(BaseModel):
    """A new key with its text, which is shown this once."""

    key: ApiKey
    secret: str


class KeyList(BaseModel):
    """All keys, without their secrets."""

    keys: list[ApiKey]


@router.post("/apikeys", status_code=201, responses=documented(401, 403, 413, 422, 429))
async def create_key(body: NewKey, context: Context, caller: ManagesKeys) -> MadeKey:
    """Make a key. Its text is in this answer and nowhere else; it allows no more than the caller may do."""
    beyond = (ROLES[body.role] & frozenset(body.scopes or ROLES[body.role])) - caller.permissions
    if beyond:
        raise VidenceError(
            "blocked",
            f"The key would allow what its maker may not do: {', '.join(sorted(beyond))}",
            help="Give it fewer scopes, or ask an admin whose key has all of them.",
        )
    key, secret = await context.keys.create(
        body.name, body.owner or caller.owner, body.role, scopes=body.scopes, days=body.days
    )
    await context.audit.append(
        caller.actor,
        "key.created",
        key.key_id,
        owner=key.owner,
        role=key.role,
        scopes=list(key.scopes),
        expires_at=key.expires_at,
    )
    return MadeKey(key=key, secret=secret)


@router.get("/apikeys", responses=documented(401, 403, 429))
async def list_keys(context: Context, caller: ManagesKeys) -> KeyList:
    """List all keys, the newest first."""
    return KeyList(keys=await context.keys.list())


@router.delete("/apikeys/{key_id}", responses=documented(401, 403, 404, 422, 429))
async def revoke_key(key_id: KeyId, context: Context, caller: ManagesKeys) -> ApiKey:
    """Revoke a key: its next request is refused. A second time changes nothing."""
    key = await context.keys.revoke(key_id)
    await context.audit.append(caller.actor, "key.revoked", key.key_id)
    return key
