"""The chat page at `/`: plain files, no build step, nothing loaded from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).resolve().parents[1] / "page"
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "media-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


@router.head("/", include_in_schema=False)
@router.get("/")
async def page() -> FileResponse:
    """Return the page."""
    return _file("index.html")


@router.get("/page/{name}")
async def part(name: Literal["style.css", "app.js", "api.js", "view.js"]) -> FileResponse:
    """Return a part of the page."""
    return _file(name)


def _file(name: str) -> FileResponse:
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    return FileResponse(_FOLDER / name, media_type=_TYPES[name.rpartition(".")[2]], headers=headers)
