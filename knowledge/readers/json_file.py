"""JSON files: records, GitHub exports and COCO captions by their shape, anything else as lines of its values.

A value's line is `path.to.value: text`, so that a line alone says what it is of. llama-index's JSONReader
flattens likewise, but puts the words of a path one after the other and cuts where it likes; here the text is
kept whole and each piece is an exact span of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from core.errors import VidenceError, invalid_input
from knowledge.readers.captions import caption_documents, captions_of_coco
from knowledge.readers.cutting import split_text
from knowledge.readers.decode import decode
from knowledge.readers.github import github_documents, github_objects
from knowledge.readers.json_lines import record_document
from knowledge.records import FileFailure, IndexKind, Piece, SourceDocument

_CONTENT = {"text", "title", "image"}


def json_documents(
    path: Path, data: bytes, doc_id: str, kind: IndexKind
) -> Iterator[SourceDocument | FileFailure]:
    """Yield the documents of a JSON file.

    Raises:
        VidenceError: `invalid_input` for what is not JSON, is nested too deeply, or holds nothing.
    """
    try:
        body = json.loads(decode(data))
    except RecursionError as error:
        raise invalid_input("The JSON is nested too deeply", help="Flatten it.") from error
    except ValueError as error:
        raise invalid_input(f"Not JSON: {error}", help="Check the file; JSON lines end in .jsonl.") from error
    objects = github_objects(body)
    if objects:
        yield from github_documents(path, objects)
        return
    captions = captions_of_coco(body) if isinstance(body, dict) else []
    if captions:
        yield from caption_documents(path, captions)
        return
    if _is_records(body):
        yield from _records(path, body)
        return
    if kind == "image":
        raise invalid_input("The JSON names no images", help="Use COCO's captions or a list of records.")
    yield SourceDocument(
        source=str(path),
        doc_id=doc_id,
        title=path.stem.replace("_", " "),
        sha256=hashlib.sha256(data).hexdigest(),
        pieces=partial(_pieces, path, body),
    )


def _is_records(body: Any) -> bool:
    """Whether this is a list in the shape of our JSON lines."""
    return (
        isinstance(body, list)
        and bool(body)
        and all(isinstance(item, dict) and "id" in item and item.keys() & _CONTENT for item in body)
    )


def _records(path: Path, body: list[dict[str, Any]]) -> Iterator[SourceDocument | FileFailure]:
    for number, record in enumerate(body, start=1):
        try:
            yield record_document(path, number, record)
        except VidenceError as error:
            yield FileFailure(f"{path}[{number - 1}]", error.kind, error.message, error.help)


def _pieces(path: Path, body: Any) -> list[Piece]:
    pieces = split_text(json_text(body), title=path.stem.replace("_", " "), path=str(path), lines=False)
    if not pieces:
        raise invalid_input("The JSON holds no values", help="Leave it out.")
    return pieces


def json_text(body: Any) -> str:
    """Return the normalised text of a JSON value: a line a value, each with its path."""
    return "\n".join(_lines(body, ""))


def _lines(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _lines(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        if value and all(isinstance(item, str | int | float | bool) for item in value):
            yield f"{path}: {', '.join(map(_plain, value))}"
            return
        for number, item in enumerate(value):
            yield from _lines(item, f"{path}[{number}]")
    elif value is not None and value != "":
        yield f"{path}: {_plain(value)}" if path else _plain(value)


def _plain(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else json.dumps(value)
