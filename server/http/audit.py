"""The audit log: read it, and have its chain checked."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from server.http.deps import Audits, Context
from server.http.problem import documented
from server.security.audit import AuditCheck, AuditEntry

router = APIRouter(tags=["audit"])


class AuditPage(BaseModel):
    """Entries, the newest first; `next` is the `before` of the following page."""

    entries: list[AuditEntry]
    next: int | None = None


@router.get("/audit/logs", responses=documented(401, 403, 422, 429))
async def read_audit(
    context: Context,
    caller: Audits,
    before: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    action: Annotated[str, Query(max_length=100, description="Only these, as `key.created`.")] = "",
) -> AuditPage:
    """List what was done, the newest first."""
    entries = await context.audit.read(before=before, limit=limit, action=action)
    return AuditPage(entries=entries, next=entries[-1].seq if len(entries) == limit else None)


@router.get("/audit/check", responses=documented(401, 403, 429))
async def check_audit(context: Context, caller: Audits) -> AuditCheck:
    """Compute the chain again and say whether any entry was changed."""
    return await context.audit.check()
