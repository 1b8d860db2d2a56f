"""The text in images, read when they are indexed: a chart is found by its title, a page by its words.

Reading takes 1 to 6 seconds an image on a laptop, so that by default only charts and pages are read: those
whose pixels say so (large areas of one colour, dark marks on a bright ground). Photos and scans are not.
What was read is kept by content hash in the cache that `vidence read` uses too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.contracts import Box, OcrLine
from core.errors import VidenceError
from core.text import content_words
from knowledge.images.options import ReadText
from knowledge.records import Piece

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

_KINDS_WITH_TEXT = ("chart", "document")
_SURE = 0.55
"""Confidence from which an image counts as a chart or a page."""


class ImageText:
    """Reads the lines of text of images, once for each content hash."""

    def __init__(self, cache_folder: Path, when: ReadText) -> None:
        self._cache = cache_folder / "read_text"
        self._when = when
        self._reader: Any = None

    def add_to(self, piece: Piece, load: Callable[[str, str], Pixels | None]) -> Piece:
        """Return an image piece with the text of its image, if it has some that is worth reading.

        Args:
            piece: A piece of any kind; only images change.
            load: Returns the pixels of an image by hash and path.
        """
        sha256 = piece.locator.sha256
        if piece.kind != "image" or not sha256 or self._when == "never":
            return piece
        lines = self.known(sha256)
        if lines is None:
            pixels = load(sha256, piece.locator.path or "")
            if pixels is None or not self._wanted(pixels):
                return piece
            lines = self._read(sha256, pixels)
        if not lines:
            return piece
        written = "\n".join(line.text for line in lines)
        return replace(piece, text=f"{piece.text}\n{written}" if _captioned(piece) else written)

    def known(self, sha256: str) -> list[OcrLine] | None:
        """Return the lines of an image that was read before, or None."""
        path = self._path(sha256)
        try:
            return [OcrLine.model_validate(line) for line in json.loads(path.read_text())]
        except (OSError, ValueError):
            return None

    def _wanted(self, pixels: Pixels) -> bool:
        if self._when == "always":
            return True
        from models.pixels import describe

        facts = describe(pixels)
        return facts.kind in _KINDS_WITH_TEXT and facts.kind_confidence >= _SURE

    def _read(self, sha256: str, pixels: Pixels) -> list[OcrLine]:
        from models.ocr import OcrReader

        if self._reader is None:
            self._reader = OcrReader()
        try:
            lines: list[OcrLine] = self._reader.read_lines(pixels)
        except VidenceError as error:
            if error.kind != "unavailable":
                raise
            # Without the vision extra an image is found by its caption or name.
            return []
        path = self._path(sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.tmp")
        partial.write_text(json.dumps([line.model_dump() for line in lines]))
        partial.replace(path)
        return lines

    def _path(self, sha256: str) -> Path:
        from models.ocr import OCR_VERSION

        return self._cache / OCR_VERSION / sha256[:2] / f"{sha256}.json"


def _captioned(piece: Piece) -> bool:
    """Whether a piece says more than its file's name."""
    from knowledge.readers.image import image_name

    return piece.text != image_name(Path(piece.locator.path or ""))


def best_line(query: str, lines: Sequence[OcrLine]) -> tuple[str, Box] | None:
    """Return the line that shares most words with a query, with its box; None when none shares any."""
    asked = set(content_words(query))
    shared = [len(asked & set(content_words(line.text))) for line in lines]
    if not any(shared):
        return None
    best = shared.index(max(shared))
    return lines[best].text, lines[best].box
