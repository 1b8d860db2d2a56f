"""From paths to documents: walk folders, choose a reader by type, turn bad files into typed failures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from core.errors import VidenceError, invalid_input, not_found
from knowledge.records import FileFailure, IndexKind, Piece, SourceDocument

MAX_FILE_BYTES = 50_000_000
"""Files over this are refused, JSON lines apart, which are read line by line."""

MARKDOWN = frozenset({".md", ".markdown", ".mdx"})
TEXT = MARKDOWN | {".txt", ".text", ".rst", ".html", ".htm", ".pdf"}
IMAGES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"})
CODE = frozenset(
    {".py", ".pyi", ".js", ".jsx", ".ts", ".tsx", ".java", ".c", ".h", ".cc", ".cpp", ".hpp", ".go", ".rs"}
    | {".rb", ".sh", ".sql"}
)
JSON_LINES = frozenset({".jsonl", ".ndjson"})
_BY_KIND: dict[IndexKind, frozenset[str]] = {
    "auto": TEXT | IMAGES | CODE | JSON_LINES,
    "text": TEXT | JSON_LINES,
    "image": IMAGES | JSON_LINES,
    "code": CODE,
}
_SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "venv", "site-packages"})


@dataclass(frozen=True)
class FoundFile:
    """A file to index, or one of a folder that is of no indexed type."""

    path: Path
    root: Path
    """The folder that was named, or the file's own; document ids are relative to it."""
    wanted: bool = True


def find_files(paths: Iterable[str | Path], kind: IndexKind) -> list[FoundFile]:
    """List the files under the paths in a stable order.

    Raises:
        VidenceError: `not_found` for a path that does not exist.
    """
    found: dict[Path, FoundFile] = {}
    for given in paths:
        path = Path(given).expanduser()
        if not path.exists():
            raise not_found(f"No such file or folder: {given}", help="Check the path.")
        path = path.resolve()
        if path.is_file():
            found[path] = FoundFile(path, path.parent)
            continue
        for file in _walk(path):
            found.setdefault(file, FoundFile(file, path, file.suffix.lower() in _BY_KIND[kind]))
    return list(found.values())


def _walk(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_dir():
            if entry.name not in _SKIPPED_FOLDERS:
                yield from _walk(entry)
        elif entry.is_file():
            yield entry


def read_file(file: FoundFile, kind: IndexKind) -> Iterator[SourceDocument | FileFailure]:
    """Read one file as documents: one for most types, one a line for JSON lines."""
    try:
        if file.path.suffix.lower() in JSON_LINES and kind != "code":
            from knowledge.read_jsonl import read_records

            yield from read_records(file.path)
        else:
            yield _document(file, kind)
    except VidenceError as error:
        yield failure(str(file.path), error)
    except OSError as error:
        yield FileFailure(str(file.path), "invalid_input", f"Cannot be read: {error.strerror}", "")


def failure(path: str, error: VidenceError) -> FileFailure:
    """Return a raised error as the report shows it."""
    return FileFailure(path, error.kind, error.message, error.help)


def _document(file: FoundFile, kind: IndexKind) -> SourceDocument:
    size = file.path.stat().st_size
    if size == 0:
        raise invalid_input("The file is empty (0 bytes)", help="Leave it out.")
    if size > MAX_FILE_BYTES:
        raise invalid_input(
            f"The file has {size:,} bytes, over the limit of {MAX_FILE_BYTES:,}",
            help="Split it, or turn it into JSON lines.",
        )
    data = file.path.read_bytes()
    suffix = file.path.suffix.lower()
    doc_id = file.path.relative_to(file.root).as_posix()
    return SourceDocument(
        source=str(file.path),
        doc_id=doc_id,
        title=file.path.stem.replace("_", " ") if suffix not in CODE else doc_id,
        sha256=hashlib.sha256(data).hexdigest(),
        pieces=partial(_pieces, file.path, data, kind, doc_id),
    )


def _pieces(path: Path, data: bytes, kind: IndexKind, doc_id: str) -> list[Piece]:
    suffix = path.suffix.lower()
    if kind == "image" or (kind == "auto" and suffix in IMAGES):
        from knowledge.read_image import image_pieces

        return image_pieces(path, data)
    if suffix == ".pdf" and kind != "code":
        from knowledge.read_pdf import pdf_pieces

        return pdf_pieces(path, data)
    text = decode(data)
    if kind == "code" or (kind == "auto" and suffix in CODE):
        from knowledge.read_code import code_pieces

        pieces = code_pieces(path, text, doc_id)
    else:
        from knowledge.read_text import text_pieces

        pieces = text_pieces(path, text)
    if not pieces:
        raise invalid_input("The file holds no text", help="Leave it out, or read it as an image.")
    return pieces


def decode(data: bytes) -> str:
    """Return bytes as text: UTF-8, UTF-16 with its mark, or Windows-1252.

    Raises:
        VidenceError: `invalid_input` for what is not text.
    """
    marked = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        controls = sum(1 for char in text if ord(char) < 32 and char not in "\t\n\r\f\v")
        if controls == 0 or (controls < len(text) / 1000 and "\0" not in text):
            return text
        break
    raise invalid_input(
        "The file is not text", help="Check its type: its name says text, its content does not."
    )
