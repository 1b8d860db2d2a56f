"""PDF as pieces: text by page with its place, figures and tables as images with their captions, scans by OCR.

PDFium (pypdfium2) reads and draws the pages. Boxes are points (1/72 inch) from the top left of the page as it
is shown; an image piece is that part of the page drawn at 144 dots an inch, kept in the image store by hash.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.contracts import Box, Locator
from core.errors import VidenceError, invalid_input, unavailable
from knowledge.readers.context import ReadContext
from knowledge.readers.cutting import split_text
from knowledge.readers.pdf_captions import has_captions
from knowledge.readers.pdf_figures import Region, find_regions
from knowledge.readers.pdf_graphics import read_graphics
from knowledge.readers.pdf_page import PageText, Placing, read_page
from knowledge.records import Piece

if TYPE_CHECKING:
    from PIL import Image

    from core.contracts import OcrLine

_SCALE = 2.0
_LONGEST = 3000
_SCAN_CHARS = 20
"""A page with fewer letters than this, and something drawn, is a scan."""
_MAX_IMAGES = 300
"""Figures, tables and scanned pages a document."""
# PDFium keeps global state and may be entered by one thread at a time.
_LOCK = threading.Lock()


def pdf_pieces(path: Path, data: bytes, context: ReadContext | None = None) -> list[Piece]:
    """Return the pieces of a PDF; no passage crosses a page.

    Raises:
        VidenceError: `invalid_input` for a broken or locked file; `unavailable` without pypdfium2, and for
            a scan when nothing is there to read it.
    """
    try:
        import pypdfium2
    except ImportError as error:
        raise unavailable(
            "Reading PDF needs pypdfium2", help="Run `pip install 'vidence[rag]'`.", retryable=False
        ) from error
    with _LOCK:
        try:
            document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            if "password" in str(error).lower():
                raise invalid_input("The PDF is locked by a password", help="Save it without one.") from error
            raise invalid_input(
                f"The PDF is broken or cut short: {error}", help="Export or download the file again."
            ) from error
        try:
            return _Reader(path, document, context or ReadContext()).pieces()
        finally:
            document.close()


class _Reader:
    """One document while it is read."""

    def __init__(self, path: Path, document: Any, context: ReadContext) -> None:
        self._path = path
        self._document = document
        self._context = context
        self._title = _title(document) or path.stem.replace("_", " ")
        self._images: set[str] = set()
        self._unread_scan = False
        self._last_error = ""

    def pieces(self) -> list[Piece]:
        """Return the pieces of all pages."""
        pieces: list[Piece] = []
        broken = 0
        for number in range(1, len(self._document) + 1):
            try:
                page = self._document[number - 1]
            except Exception as error:  # noqa: BLE001  one broken page must not lose the others
                broken += 1
                self._last_error = str(error)
                continue
            pieces += self._page(page, number)
            page.close()
        if any(piece.kind == "passage" for piece in pieces):
            return pieces
        if self._unread_scan:
            raise unavailable(
                "The PDF is a scan, and its text cannot be read here",
                help="Run `pip install 'vidence[vision]'`, or set VIDENCE_IMAGE_TEXT to auto.",
                retryable=False,
            )
        if pieces:
            return pieces
        if broken:
            raise invalid_input(
                f"The PDF is broken: {self._last_error}", help="Export or download the file again."
            )
        raise invalid_input(
            "The PDF holds no text and no picture; it may be a blank scan", help="Leave it out."
        )

    def _page(self, page: Any, number: int) -> list[Piece]:
        text = read_page(page)
        pieces = list(self._passages(text, number))
        if self._context.images is None:
            self._unread_scan |= self._is_scan(page, text)
            return pieces
        if self._is_scan(page, text):
            return [*pieces, *self._scan(page, text, number)]
        if not has_captions(text) and not _has_image(page):
            return pieces
        graphics = read_graphics(page, Placing(page, text.width, text.height), text.width, text.height)
        drawn: Image.Image | None = None
        counts: dict[str, int] = {}
        for region in find_regions(text, graphics):
            if len(self._images) >= _MAX_IMAGES:
                break
            drawn = drawn or self._draw(page, text)
            counts[region.kind] = counts.get(region.kind, 0) + 1
            piece = self._picture(drawn, text, number, region)
            if piece is not None:
                pieces.append(piece)
        return pieces

    def _passages(self, page: PageText, number: int) -> Iterator[Piece]:
        cursor = 0
        for piece in split_text(page.text, title=self._title, path=str(self._path), page=number, lines=False):
            start = page.text.find(piece.text, cursor)
            box = page.box(start, start + len(piece.text)) if start >= 0 else None
            cursor = max(start, cursor)
            yield replace(piece, locator=piece.locator.model_copy(update={"box": _rounded(box)}))

    def _is_scan(self, page: Any, text: PageText) -> bool:
        if sum(char.isalnum() for char in text.text) >= _SCAN_CHARS:
            return False
        return next(iter(page.get_objects(max_depth=2)), None) is not None and _has_image(page)

    def _scan(self, page: Any, text: PageText, number: int) -> list[Piece]:
        """Return a scanned page as an image and, where it can be read, as passages with their boxes."""
        drawn = self._draw(page, text)
        whole = Region((0.0, 0.0, round(text.width, 1), round(text.height, 1)))
        picture = self._picture(drawn, text, number, whole)
        if picture is None:
            return []
        lines = self._read(picture)
        if not lines:
            return [picture]
        scale = drawn.width / max(text.width, 1.0)
        body = "\n".join(line.text for line in lines)
        passages = []
        cursor = 0
        for piece in split_text(body, title=self._title, path=str(self._path), page=number, lines=False):
            start = body.find(piece.text, cursor)
            cursor = max(start, cursor)
            box = _line_box(lines, start, start + len(piece.text), scale)
            passages.append(replace(piece, locator=piece.locator.model_copy(update={"box": box})))
        return [*passages, picture]

    def _read(self, picture: Piece) -> list[OcrLine]:
        reader, store = self._context.page_text, self._context.images
        if reader is None or store is None:
            self._unread_scan = True
            return []
        # The reader keeps what it read by hash, where the image index finds it again.
        reader.add_to(picture, lambda sha256, _: store.open(sha256))
        lines = reader.known(str(picture.locator.sha256))
        self._unread_scan |= lines is None
        return lines or []

    def _draw(self, page: Any, text: PageText) -> Image.Image:
        scale = min(_SCALE, _LONGEST / max(text.width, text.height, 1.0))
        picture: Image.Image = page.render(scale=scale).to_pil().convert("RGB")
        return picture

    def _picture(self, drawn: Image.Image, text: PageText, number: int, region: Region) -> Piece | None:
        scale = drawn.width / max(text.width, 1.0)
        left, top, right, bottom = (round(value * scale) for value in region.box)
        if right - left < 16 or bottom - top < 16 or self._context.images is None:
            return None
        body = io.BytesIO()
        drawn.crop((left, top, right, bottom)).save(body, format="PNG", compress_level=1)
        data = body.getvalue()
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 in self._images:
            # A logo on every page is one picture.
            return None
        self._images.add(sha256)
        self._context.images.add_bytes(data, source=f"{self._path.name}, page {number}")
        is_table = region.kind == "table" and region.number.isdigit()
        return Piece(
            text=region.caption or f"{self._title}, picture on page {number}",
            kind="image",
            locator=Locator(
                path=str(self._path),
                page=number,
                box=region.box,
                sha256=sha256,
                table=int(region.number) if is_table else None,
            ),
            title=self._title,
        )


def _has_image(page: Any) -> bool:
    import pypdfium2.raw as pdfium

    return any(item.type == pdfium.FPDF_PAGEOBJ_IMAGE for item in page.get_objects(max_depth=3))


def _line_box(lines: list[OcrLine], start: int, end: int, scale: float) -> Box | None:
    """Return the box of the lines that a span of their joined text touches, in points."""
    boxes, place = [], 0
    for line in lines:
        if place < end and start < place + len(line.text):
            boxes.append(line.box)
        place += len(line.text) + 1
    if not boxes:
        return None
    return _rounded(
        (
            min(box[0] for box in boxes) / scale,
            min(box[1] for box in boxes) / scale,
            max(box[2] for box in boxes) / scale,
            max(box[3] for box in boxes) / scale,
        )
    )


def _rounded(box: Box | None) -> Box | None:
    return None if box is None else (round(box[0], 1), round(box[1], 1), round(box[2], 1), round(box[3], 1))


def _title(document: Any) -> str:
    try:
        return str(document.get_metadata_value("Title")).strip()
    except VidenceError:
        raise
    except Exception:  # noqa: BLE001  a title is no reason to lose a document
        return ""
