"""JSON lines `{id, title?, text?, image?, metadata?}` as documents, one a line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from core.contracts import Locator
from core.errors import VidenceError, invalid_input
from knowledge.chunks import split_text
from knowledge.read_image import image_pieces
from knowledge.records import FileFailure, Piece, SourceDocument

_FIELDS = {"id", "title", "text", "image", "metadata"}


def read_records(path: Path) -> Iterator[SourceDocument | FileFailure]:
    """Yield a document for each good line and a failure for each bad one."""
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        empty = True
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            empty = False
            try:
                yield _record(path, number, line)
            except VidenceError as error:
                yield FileFailure(f"{path}:{number}", error.kind, error.message, error.help)
        if empty:
            raise invalid_input("The file holds no records", help="Leave it out.")


def _record(path: Path, number: int, line: str) -> SourceDocument:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise invalid_input(f"Not JSON: {error}", help="Each line is one JSON object.") from error
    if not isinstance(record, dict) or record.get("id") in (None, ""):
        raise invalid_input(
            "A record needs an `id`", help="Lines are `{id, title?, text?, image?, metadata?}`."
        )
    unknown = sorted(set(record) - _FIELDS)
    if unknown:
        raise invalid_input(
            f"Unknown fields: {', '.join(unknown)}", help="Put anything else under `metadata`."
        )
    title, text, image = (_string(record, name) for name in ("title", "text", "image"))
    metadata = record.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise invalid_input("`metadata` must be an object", help="Use `{name: value}`.")
    if not (title or text or image):
        raise invalid_input("A record needs a `title`, a `text` or an `image`", help="Leave it out.")
    doc_id = str(record["id"])
    digest = hashlib.sha256(line.strip().encode())
    picture = _image_path(path, image)
    data = picture.read_bytes() if picture else b""
    digest.update(data)
    return SourceDocument(
        source=f"{path}#{doc_id}",
        doc_id=doc_id,
        title=title,
        sha256=digest.hexdigest(),
        pieces=partial(_pieces, path, number, title, text, picture, data),
        licence=str(metadata.get("licence") or metadata.get("license") or ""),
        metadata=metadata,
    )


def _pieces(path: Path, number: int, title: str, text: str, picture: Path | None, data: bytes) -> list[Piece]:
    if picture:
        return image_pieces(picture, data, caption=text, title=title)
    if not text.strip():
        return [Piece(title, "passage", Locator(path=str(path), lines=(number, number)))]
    # A record is one line of its file, whatever line breaks its text holds.
    return [
        replace(piece, locator=Locator(path=str(path), lines=(number, number)))
        for piece in split_text(text, title=title, lines=False)
    ]


def _string(record: dict[str, Any], name: str) -> str:
    value = record.get(name) or ""
    if not isinstance(value, str):
        raise invalid_input(f"`{name}` must be a string", help="Quote it.")
    return value


def _image_path(path: Path, image: str) -> Path | None:
    if not image:
        return None
    picture = (path.parent / image).resolve()
    # A data file must not be able to name files outside its own folder.
    if not picture.is_relative_to(path.parent.resolve()):
        raise invalid_input(f"The image is outside the file's folder: {image}", help="Move it beside it.")
    if not picture.is_file():
        raise invalid_input(f"No such image: {image}", help="Paths are relative to the JSON lines file.")
    return picture
