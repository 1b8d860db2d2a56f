"""From paths and URLs to documents: walk folders, choose a reader by type, turn bad files into failures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from core.errors import VidenceError, invalid_input, not_found
from core.media import PDF, sniff
from knowledge.readers.context import ReadContext
from knowledge.readers.decode import decode
from knowledge.readers.file_types import (
    BY_KIND,
    CODE,
    DICOMS,
    IMAGES,
    JSON_FILES,
    JSON_LINES,
    MARKDOWN,
    PDFS,
    READABLE,
    TABLES,
    TEXT,
    check_content,
    wanted,
)
from knowledge.readers.git_history import commit_documents, is_repository
from knowledge.records import FileFailure, IndexKind, Piece, SourceDocument

__all__ = [
    "BY_KIND", "CODE", "IMAGES", "JSON_LINES", "MARKDOWN", "TEXT", "FoundFile", "decode", "failure",
    "find_files", "read_file",
]  # fmt: skip

MAX_FILE_BYTES = 50_000_000
"""Files over this are refused, JSON lines apart, which are read line by line."""
_SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "venv", "site-packages"})
_MAX_DEPTH = 64
Items = Iterator[SourceDocument | FileFailure]


@dataclass(frozen=True)
class FoundFile:
    """A file to index, or one of a folder that is of no indexed type."""

    path: Path
    root: Path
    """The folder that was named, or the file's own; document ids are relative to it."""
    wanted: bool = True
    url: str = ""
    """Where a file is fetched from before it is read."""


def find_files(
    paths: Iterable[str | Path], kind: IndexKind, context: ReadContext | None = None
) -> list[FoundFile]:
    """List the files under the paths in a stable order; URLs are listed, not fetched.

    Raises:
        VidenceError: `not_found` for a path that does not exist; what listing a bucket may raise.
    """
    context = context or ReadContext()
    extra = frozenset(context.file_readers)
    found: dict[str, FoundFile] = {}
    for given in paths:
        if _is_url(given):
            from knowledge.readers.remote import list_remote

            for url in list_remote(str(given), context, READABLE | extra):
                name = Path(url.rpartition("/")[2] or "index")
                found.setdefault(url, FoundFile(name, name.parent, url=url))
            continue
        path = Path(given).expanduser()
        if not path.exists():
            raise not_found(f"No such file or folder: {given}", help="Check the path.")
        path = path.resolve()
        if path.is_file() or is_repository(path):
            found[str(path)] = FoundFile(path, path.parent)
            continue
        for file in _walk(path):
            found.setdefault(str(file), FoundFile(file, path, wanted(file, kind, extra)))
    return list(found.values())


def _is_url(given: str | Path) -> bool:
    return isinstance(given, str) and given.lower().startswith(("http://", "https://", "s3://"))


def _walk(folder: Path, depth: int = 0) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        # A folder that may not be read holds nothing for us; its files cannot be named either.
        return
    for entry in entries:
        # Links are left out: they lead to what is indexed anyway, out of the folder, or round in circles.
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_dir():
            if entry.name not in _SKIPPED_FOLDERS and depth < _MAX_DEPTH:
                yield from _walk(entry, depth + 1)
        elif entry.is_file():
            yield entry


def read_file(file: FoundFile, kind: IndexKind, context: ReadContext | None = None) -> Items:
    """Read one file as documents: one for most types, one a record for JSON and JSON lines."""
    context = context or ReadContext()
    try:
        if file.url:
            from knowledge.readers.remote import read_remote

            yield from read_remote(file.url, context, partial(_read, kind=kind, context=context))
        else:
            yield from _read(file, kind, context)
    except VidenceError as error:
        yield failure(file.url or str(file.path), error)
    except OSError as error:
        yield FileFailure(
            file.url or str(file.path), "invalid_input", f"Cannot be read: {error.strerror}", ""
        )


def failure(path: str, error: VidenceError) -> FileFailure:
    """Return a raised error as the report shows it."""
    return FileFailure(path, error.kind, error.message, error.help)


def _read(file: FoundFile, kind: IndexKind, context: ReadContext) -> Items:
    for item in _items(file, kind, context):
        yield item if isinstance(item, FileFailure) else replace(item, pieces=_guarded(item.pieces))


def _items(file: FoundFile, kind: IndexKind, context: ReadContext) -> Items:
    suffix = file.path.suffix.lower()
    if is_repository(file.path):
        yield from commit_documents(file.path)
    elif kind == "code":
        yield _document(file, kind, context)
    elif suffix in JSON_LINES:
        from knowledge.readers.json_lines import read_records

        yield from read_records(file.path)
    elif suffix in JSON_FILES:
        from knowledge.readers.json_file import json_documents

        yield from json_documents(file.path, _data(file.path), _doc_id(file), kind)
    elif suffix in TABLES:
        from knowledge.readers.table import table_documents

        yield from table_documents(file.path, _data(file.path), _doc_id(file), kind)
    elif suffix in DICOMS or (not suffix and wanted(file.path, "image")):
        from knowledge.readers.dicom import dicom_document

        yield dicom_document(file.path, _data(file.path), _doc_id(file), context)
    else:
        yield _document(file, kind, context)


def _doc_id(file: FoundFile) -> str:
    return file.path.relative_to(file.root).as_posix()


def _data(path: Path) -> bytes:
    size = path.stat().st_size
    if size == 0:
        raise invalid_input("The file is empty (0 bytes)", help="Leave it out.")
    if size > MAX_FILE_BYTES:
        raise invalid_input(
            f"The file has {size:,} bytes, over the limit of {MAX_FILE_BYTES:,}",
            help="Split it, or turn it into JSON lines.",
        )
    data = path.read_bytes()
    check_content(path, data)
    return data


def _document(file: FoundFile, kind: IndexKind, context: ReadContext) -> SourceDocument:
    data = _data(file.path)
    suffix = file.path.suffix.lower()
    doc_id = _doc_id(file)
    digest = hashlib.sha256(data)
    if kind == "image" or (kind == "auto" and suffix in IMAGES):
        from knowledge.readers.image import sidecar

        digest.update(sidecar(file.path).encode())
    return SourceDocument(
        source=str(file.path),
        doc_id=doc_id,
        title=file.path.stem.replace("_", " ") if suffix not in CODE else doc_id,
        sha256=digest.hexdigest(),
        pieces=partial(_pieces, file, data, kind, doc_id, context),
    )


def _pieces(file: FoundFile, data: bytes, kind: IndexKind, doc_id: str, context: ReadContext) -> list[Piece]:
    path, suffix = file.path, file.path.suffix.lower()
    is_pdf = suffix in PDFS and kind != "code"
    if not is_pdf and (kind == "image" or (kind == "auto" and suffix in IMAGES)):
        from knowledge.readers.image import image_pieces

        # A fetched image has no path that stays: the store keeps its pixels.
        return image_pieces(path, data, keep=context.images if file.url else None)
    if is_pdf:
        from knowledge.readers.pdf import pdf_pieces

        if sniff(data) != PDF:
            raise invalid_input("The file is no PDF, whatever its name says", help="Download it again.")
        return pdf_pieces(path, data, context)
    if suffix in context.file_readers and kind != "code":
        from knowledge.readers.llama import llama_pieces

        return llama_pieces(path, context.file_readers[suffix])
    text = decode(data)
    if kind == "code" or (kind == "auto" and suffix in CODE):
        from knowledge.readers.source_code import code_pieces

        pieces = code_pieces(path, text, doc_id)
    else:
        from knowledge.readers.plain import text_pieces

        pieces = text_pieces(path, text)
    if not pieces:
        raise invalid_input("The file holds no text", help="Leave it out, or read it as an image.")
    return pieces


def _guarded(pieces: Callable[[], list[Piece]]) -> Callable[[], list[Piece]]:
    """Turn what a parser stumbles over into a typed error: one bad file must not end an add."""

    def read() -> list[Piece]:
        try:
            return pieces()
        except VidenceError:
            raise
        except RecursionError as error:
            raise invalid_input("The file is nested too deeply", help="Simplify or split it.") from error
        except (MemoryError, OSError) as error:
            raise invalid_input(f"The file cannot be read: {error}", help="Split it.") from error
        except Exception as error:
            raise invalid_input(
                f"The file cannot be read: {type(error).__name__}: {error}"[:300],
                help="Open it in another program and save it again.",
            ) from error

    return read
