"""Images as pieces: captions and names; `image_text` adds what is written in them, `image_leg` pixels."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from pathlib import Path

from core.contracts import Locator
from core.errors import invalid_input
from knowledge.records import Piece

_CAPTION_SUFFIXES = (".txt", ".caption")


def image_pieces(path: Path, data: bytes, *, caption: str = "", title: str = "") -> list[Piece]:
    """Return one piece for an image file.

    Raises:
        VidenceError: `invalid_input` when the file is not an image.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Only the header is read here; whoever decodes the pixels has a limit of their own.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as picture:
                picture.verify()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise invalid_input(
            "The file is not an image that can be read", help="Export or download it again."
        ) from error
    locator = Locator(path=str(path), sha256=hashlib.sha256(data).hexdigest())
    return [Piece(text=image_text(path, caption), kind="image", locator=locator, title=title)]


def image_text(path: Path, caption: str = "") -> str:
    """Return the words an image is found by: its caption, one kept beside it, or its name."""
    if caption.strip():
        return caption.strip()
    for suffix in _CAPTION_SUFFIXES:
        beside = path.with_suffix(suffix)
        if beside.is_file():
            return beside.read_text(encoding="utf-8", errors="replace").strip() or image_name(path)
    return image_name(path)


def image_name(path: Path) -> str:
    """Return a file's name as words."""
    return re.sub(r"[_\-.]+", " ", path.stem).strip() or path.name
