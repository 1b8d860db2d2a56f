"""PDF text as pieces with page numbers."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

from core.errors import VidenceError, invalid_input, unavailable
from knowledge.chunks import split_text
from knowledge.read_context import ReadContext
from knowledge.records import Piece


def pdf_pieces(path: Path, data: bytes, context: ReadContext | None = None) -> list[Piece]:
    """Return the text of each page in pieces; no piece crosses a page.

    Raises:
        VidenceError: `invalid_input` for a broken, locked or scanned file; `unavailable` without pypdf.
    """
    try:
        from pypdf import PdfReader
    except ImportError as error:
        raise unavailable(
            "Reading PDF needs pypdf", help="Run `pip install 'vidence[rag]'`.", retryable=False
        ) from error
    # pypdf reports every repaired cross-reference; what it cannot repair it raises.
    logging.getLogger("pypdf").setLevel(logging.ERROR)
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise invalid_input("The PDF is locked by a password", help="Save it without one.")
        title = _title(reader) or path.stem.replace("_", " ")
        pieces: list[Piece] = []
        for number, page in enumerate(reader.pages, start=1):
            text = page.extract_text()
            pieces += split_text(text, title=title, path=str(path), page=number, lines=False)
    except VidenceError:
        raise
    except Exception as error:
        raise invalid_input(
            f"The PDF is broken or cut short: {error}", help="Export or download the file again."
        ) from error
    if not pieces:
        raise invalid_input(
            "The PDF holds no text; it may be a scan",
            help="Save its pages as images and use `vidence read` or `vidence ask --image`.",
        )
    return pieces


def _title(reader: Any) -> str:
    found = reader.metadata.title if reader.metadata else None
    return str(found).strip() if found else ""
