"""Which file types there are readers for, by suffix and by what their first bytes say."""

from __future__ import annotations

from pathlib import Path

from core.errors import VidenceError, invalid_input
from core.media import ARCHIVES, DICOM, HTML, PDF, sniff
from knowledge.records import IndexKind

MARKDOWN = frozenset({".md", ".markdown", ".mdx"})
HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})
PLAIN = frozenset({".txt", ".text", ".rst", ".log"})
TABLES = frozenset({".csv", ".tsv"})
JSON_FILES = frozenset({".json"})
JSON_LINES = frozenset({".jsonl", ".ndjson"})
PDFS = frozenset({".pdf"})
DICOMS = frozenset({".dcm", ".dicom"})
IMAGES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"})
CODE = frozenset(
    {".py", ".pyi", ".js", ".jsx", ".ts", ".tsx", ".java", ".c", ".h", ".cc", ".cpp", ".hpp", ".go", ".rs"}
    | {".rb", ".sh", ".sql"}
)
TEXT = MARKDOWN | HTML_SUFFIXES | PLAIN | PDFS | TABLES | JSON_FILES
PICTURES = IMAGES | DICOMS
BY_KIND: dict[IndexKind, frozenset[str]] = {
    "auto": TEXT | PICTURES | CODE | JSON_LINES,
    "text": TEXT | JSON_LINES,
    "image": PICTURES | JSON_LINES | JSON_FILES | TABLES,
    "code": CODE,
}
READABLE = BY_KIND["auto"]

_GENERATED = frozenset({"package-lock.json", "composer.lock", "npm-shrinkwrap.json", "tsconfig.json"})
_SIDECARS = (".txt", ".caption", ".json")
MAX_CAPTION_BYTES = 4000
"""A file beside an image and of its name is its caption up to this size, and a document above it."""


def wanted(path: Path, kind: IndexKind, extra: frozenset[str] = frozenset()) -> bool:
    """Return whether a file of a folder is indexed; `extra` are suffixes that settings add."""
    suffix = path.suffix.lower()
    if path.name in _GENERATED or (kind in ("auto", "image") and is_sidecar(path)):
        return False
    if suffix in BY_KIND[kind] or (suffix in extra and kind in ("auto", "text")):
        return True
    # Scanners export DICOM without a suffix.
    return not suffix and kind in ("auto", "image") and _is_dicom(path)


def is_sidecar(path: Path) -> bool:
    """Return whether a file is the caption of the image beside it."""
    if path.suffix.lower() not in _SIDECARS or path.stat().st_size > MAX_CAPTION_BYTES:
        return False
    return any(path.with_suffix(suffix).is_file() for suffix in IMAGES)


def check_content(path: Path, data: bytes) -> None:
    """Refuse a file whose first bytes say that it is something else than its name.

    Raises:
        VidenceError: `invalid_input`, naming what it is.
    """
    found = sniff(data)
    suffix = path.suffix.lower()
    if not found or suffix in PICTURES:
        # An image of another format than its name says is read all the same.
        return
    if found in ARCHIVES:
        raise VidenceError(
            "invalid_input",
            f"The file is an archive ({found})",
            help="Archives are not opened: unpack it, and save office documents as PDF or text.",
        )
    expected = {PDF: PDFS, HTML: HTML_SUFFIXES | MARKDOWN | PLAIN | CODE, DICOM: DICOMS | {""}}.get(found)
    if expected is None or suffix not in expected:
        raise invalid_input(
            f"The file is named `{suffix or path.name}` but its content is {found}",
            help="Give it the name of its type.",
        )


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return sniff(file.read(132)) == DICOM
    except OSError:
        return False
