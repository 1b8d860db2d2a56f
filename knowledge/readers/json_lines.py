"""JSON lines `{id, title?, text?, image?, metadata?, licence?, url?, captions?}` as documents, one a line.

A line with an `image` and `captions` needs no id (COCO's and Flickr's lists come so), and lines in the shape
of GitHub's API are read as issues and pull requests.
"""

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
from knowledge.readers.cutting import split_text
from knowledge.readers.github import github_documents, is_github
from knowledge.readers.image import image_pieces
from knowledge.records import FileFailure, Piece, SourceDocument

_FIELDS = {"id", "title", "text", "image", "metadata", "licence", "license", "url", "caption", "captions"}
_LICENCE = ("licence", "license")
_SHAPE = "Lines are `{id, title?, text?, image?, metadata?}`."


def read_records(path: Path) -> Iterator[SourceDocument | FileFailure]:
    """Yield a document for each good line and a failure for each bad one."""
    github: list[dict[str, Any]] = []
    with path.open(encoding=_encoding(path), errors="replace") as lines:
        empty = True
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            empty = False
            try:
                record = _parsed(line)
                if is_github(record):
                    github.append(record)
                else:
                    yield record_document(path, number, record)
            except VidenceError as error:
                yield FileFailure(f"{path}:{number}", error.kind, error.message, error.help)
        if empty:
            raise invalid_input("The file holds no records", help="Leave it out.")
    yield from github_documents(path, github)


def _encoding(path: Path) -> str:
    """JSON is UTF-8 (RFC 8259); what some tools write in UTF-16 says so in its first bytes."""
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _parsed(line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise invalid_input(f"Not JSON: {error}", help="Each line is one JSON object.") from error
    if not isinstance(record, dict):
        raise invalid_input("A line is no JSON object", help=_SHAPE)
    return record


def record_document(path: Path, number: int, record: dict[str, Any]) -> SourceDocument:
    """Return a record as a document; `number` is its line.

    Raises:
        VidenceError: `invalid_input`, saying which field is wrong.
    """
    captions = _captions(record)
    metadata = record.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise invalid_input("`metadata` must be an object", help="Use `{name: value}`.")
    if record.get("id") in (None, "") and record.get("image") and captions:
        # A caption list names images, not records; what else it says of them is kept with them.
        metadata |= {key: value for key, value in record.items() if _is_plain(key, value)}
        record = {"id": record["image"], **{key: record[key] for key in record.keys() & _FIELDS}}
    if not isinstance(record.get("id"), str | int) or record["id"] == "":
        raise invalid_input("A record needs an `id`, a string or a number", help=_SHAPE)
    unknown = sorted(set(record) - _FIELDS)
    if unknown:
        raise invalid_input(
            f"Unknown fields: {', '.join(unknown)}", help="Put anything else under `metadata`."
        )
    title, text, image, url = (_string(record, name) for name in ("title", "text", "image", "url"))
    licence = next(
        (_string(item, key) for item in (record, metadata) for key in _LICENCE if item.get(key)), ""
    )
    text = "\n".join(part for part in (text, captions) if part)
    if not (title or text or image):
        raise invalid_input("A record needs a `title`, a `text` or an `image`", help="Leave it out.")
    doc_id = str(record["id"])
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode())
    picture = _image_path(path, image)
    data = picture.read_bytes() if picture else b""
    digest.update(data)
    return SourceDocument(
        source=f"{path}#{doc_id}",
        doc_id=doc_id,
        title=title,
        sha256=digest.hexdigest(),
        pieces=partial(_pieces, path, number, title, text, picture, data),
        licence=licence,
        metadata={**metadata, **({"url": url} if url else {})},
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


def _captions(record: dict[str, Any]) -> str:
    found = record.get("captions") or record.get("caption") or []
    listed = [found] if isinstance(found, str) else found
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise invalid_input("`captions` must be a list of strings", help='Use `["...", "..."]`.')
    return "\n".join(dict.fromkeys(item.strip() for item in listed if item.strip()))


def _is_plain(key: str, value: Any) -> bool:
    return key not in _FIELDS and isinstance(value, str | int | float | bool)


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
