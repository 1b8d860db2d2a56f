"""The schema of the stream's events."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from server.stream.events import schema

router = APIRouter(tags=["runs"])


@router.get("/events/schema")
async def events_schema() -> dict[str, Any]:
    """Return the JSON schema of every event that a stream may send."""
    return schema()
