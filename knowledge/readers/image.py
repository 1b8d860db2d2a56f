"""Images as pieces: captions and names; `images.written` adds their text, `images.leg` their pixels."""

from __future__ import annotations

import hashlib
import io
import json
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.contracts import Locator
from core.errors import VidenceError, invalid_input
from knowledge.readers.file_types import MAX_CAPTION_BYTES
from knowledge.records import Piece

if TYPE_CHECKING:
    from core.images import ImageStore

_CAPTION_SUFFIXES = (".txt", ".caption", ".json")
_CAPTION_FIELDS = ("caption", "captions", "description", "text", "title", "alt")


def image_pieces(
    path: Path, data: bytes, *, caption: str = "", title: str = "", keep: ImageStore | None = None
) -> list[Piece]:
    """Return one piece for an image file. Its EXIF data is never read, so none is stored.

    Args:
        path: The file, which stays where it is: its pixels are read from there.
        data: Its bytes.
        caption: What is known of it.
        title: Title of its document.
        keep: Keeps the pixels of an image whose file will not stay.

    Raises:
        VidenceError: `invalid_input` when the file is not an image that can be decoded.
    """
    if keep is not None:
        keep.add_bytes(data, source=path.name)
    else:
        _check(data)
    locator = Locator(path=str(path), sha256=hashlib.sha256(data).hexdigest())
    return [Piece(text=image_text(path, caption), kind="image", locator=locator, title=title)]


def _check(data: bytes) -> None:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Whoever decodes the pixels has a limit of their own; a decode of a small copy finds what is cut.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as picture:
                picture.verify()
            with Image.open(io.BytesIO(data)) as picture:
                if picture.format == "JPEG":
                    picture.draft("RGB", (64, 64))
                    picture.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif"):
            raise invalid_input(
                "HEIC and AVIF images are not supported", help="Convert it to PNG or JPEG first."
            ) from error
        raise invalid_input(
            "The file is not an image that can be read", help="Export or download it again."
        ) from error


def image_text(path: Path, caption: str = "") -> str:
    """Return the words an image is found by: its caption, one kept beside it, or its name."""
    return caption.strip() or sidecar(path) or image_name(path)


def image_name(path: Path) -> str:
    """Return a file's name as words."""
    return re.sub(r"[_\-.]+", " ", path.stem).strip() or path.name


def sidecar(path: Path) -> str:
    """Return the caption kept beside an image: text in `.txt` or `.caption`, a field of `.json`."""
    from knowledge.readers.decode import decode

    for suffix in _CAPTION_SUFFIXES:
        beside = path.with_suffix(suffix)
        try:
            if not beside.is_file() or beside.stat().st_size > MAX_CAPTION_BYTES:
                continue
            text = decode(beside.read_bytes())
            found = _field(json.loads(text)) if suffix == ".json" else text
        except (VidenceError, OSError, ValueError):
            continue
        if found.strip():
            return found.strip()
    return ""


def _field(body: Any) -> str:
    if not isinstance(body, dict):
        return ""
    for name in _CAPTION_FIELDS:
        value = body.get(name)
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            return "\n".join(value)
    return ""
