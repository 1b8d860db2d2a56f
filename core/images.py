"""The image store: every image is checked before decoding, normalised, and kept by content hash.

What is stored is an 8-bit RGB PNG after EXIF rotation, without metadata, so that every box anywhere
in Vidence refers to the same pixels and no identity tag reaches a model, a log or the disk.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from core.errors import VidenceError, invalid_input, not_found
from core.image_costs import TooCostly, check_exif, check_file, check_size
from core.memory import give_back

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.settings import Settings

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
LARGE_PIXELS = 16_000_000
"""Images larger than this are decoded one at a time: one of 100 million pixels takes 0.7 GB for a moment."""
MAX_SCANS = 100
"""A progressive JPEG has about ten; each of thousands of empty ones costs a pass over the whole picture."""
_ROWS = 256
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis", b"avif")
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, ArithmeticError, RuntimeError,
           MemoryError, struct.error, zlib.error)  # fmt: skip
"""What Pillow's readers raise on broken files: they share no error type of their own."""


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """Yield where to write a file that is then there as a whole.

    Two threads may store the same image at the same moment, each under a name of its own.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(f".{os.getpid()}-{uuid4().hex}.tmp")
    yield partial
    partial.replace(target)


@dataclass(frozen=True)
class StoredImage:
    """An image in the store. `sha256` is the hash of the file as it was given."""

    sha256: str
    width: int
    height: int
    source: str


class ImageStore:
    """Content-addressed images under one folder; many processes may share it."""

    def __init__(self, root: Path, *, max_bytes: int, max_pixels: int) -> None:
        self._root = root
        self._max_bytes = max_bytes
        self._max_pixels = max_pixels
        self._large = threading.Lock()

    @classmethod
    def of(cls, settings: Settings) -> ImageStore:
        """Return the store of a data folder, with the limits that its settings name."""
        return cls(
            settings.root / "images",
            max_bytes=settings.max_image_bytes,
            max_pixels=settings.max_image_pixels,
        )

    def add_path(self, path: str | Path) -> StoredImage:
        """Check, normalise and keep the image file at `path`.

        Raises:
            VidenceError: `not_found` for a missing file; `invalid_input` for a directory, an empty,
                oversized, broken or unsupported file.
        """
        file = Path(path).expanduser()
        if not file.exists():
            raise not_found(f"No such image: {path}", help="Check the path after --image.")
        if not file.is_file():
            raise invalid_input(
                f"Not an image file but a directory: {path}",
                help="Name one image file; use `vidence index add` for a folder.",
            )
        if file.stat().st_size > self._max_bytes:
            raise self._too_many_bytes(str(path))
        try:
            data = file.read_bytes()
        except OSError as error:
            raise invalid_input(
                f"Cannot read {path}: {error.strerror}", help="Check the file's permissions."
            ) from error
        return self.add_bytes(data, source=str(path))

    def add_bytes(self, data: bytes, *, source: str) -> StoredImage:
        """Check, normalise and keep an image given as bytes; raises like `add_path`."""
        if not data:
            raise invalid_input(f"The image is empty (0 bytes): {source}", help="Send a full file.")
        if len(data) > self._max_bytes:
            raise self._too_many_bytes(source)
        sha256 = hashlib.sha256(data).hexdigest()
        target = self.path(sha256)
        if target.exists():
            with Image.open(target) as known:
                width, height = known.size
            return StoredImage(sha256, width, height, source)
        picture = self._decode(data, source)
        with _whole(target) as partial:
            # Compression level 1: the store trades disk for a first answer that comes sooner.
            picture.save(partial, format="PNG", compress_level=1)
        width, height = picture.size
        if width * height > LARGE_PIXELS:
            del picture
            give_back()
        return StoredImage(sha256, width, height, source)

    def put(self, sha256: str, png: bytes) -> None:
        """Keep a normalised PNG as another store has it."""
        with _whole(self.path(sha256)) as partial:
            partial.write_bytes(png)

    def decode(self, data: bytes, source: str) -> NDArray[np.uint8]:
        """Check and normalise an image without keeping it; RGB, shape (height, width, 3).

        Raises:
            VidenceError: `invalid_input` for an oversized, broken or unsupported image.
        """
        return np.asarray(self._decode(data, source))

    def path(self, sha256: str) -> Path:
        """Return where the normalised PNG of an image is, or would be."""
        return self._root / sha256[:2] / f"{sha256}.png"

    def open(self, sha256: str) -> NDArray[np.uint8]:
        """Return the stored pixels, shape (height, width, 3), RGB.

        Raises:
            VidenceError: `not_found` when the store has no such image.
        """
        path = self.path(sha256)
        if not path.exists():
            raise not_found(
                f"No image {sha256[:12]} in the store",
                help="Add it again: the image store may have been cleared since this run.",
            )
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))

    def _decode(self, data: bytes, source: str) -> Image.Image:
        if data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS:
            raise invalid_input(
                f"HEIC and AVIF images are not supported: {source}",
                help="Convert it to PNG or JPEG first (for example `magick in.heic out.png`).",
            )
        try:
            check_file(data)
            with warnings.catch_warnings():
                # Our own pixel limit below decides; what else Pillow warns of is refused or left out.
                warnings.simplefilter("ignore")
                with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                    pixels = opened.width * opened.height
                    if pixels > self._max_pixels:
                        raise invalid_input(
                            f"The image has {pixels:,} pixels, over the limit of "
                            f"{self._max_pixels:,}: {source}",
                            help="Scale it down, or raise VIDENCE_MAX_IMAGE_PIXELS.",
                        )
                    check_size(*opened.size)
                    if opened.format == "JPEG" and data.count(b"\xff\xda") > MAX_SCANS:
                        raise invalid_input(
                            f"The JPEG has more than {MAX_SCANS} scans: {source}", help="Save it again."
                        )
                    with self._large if pixels > LARGE_PIXELS else nullcontext():
                        opened.seek(0)
                        opened.load()
                        check_exif(opened.info)
                        return _to_rgb(ImageOps.exif_transpose(opened))
        except VidenceError:
            raise
        except TooCostly as error:
            raise invalid_input(
                f"The image would cost too much to read: {source} ({error})",
                help="Save it again with an image program.",
            ) from error
        except UnidentifiedImageError as error:
            raise invalid_input(
                f"Not an image that can be read: {source}",
                help=f"Use one of {', '.join(FORMATS)}; for text use `vidence index add`.",
            ) from error
        except Image.DecompressionBombError as error:
            raise invalid_input(
                f"The image has too many pixels to open safely: {source}",
                help="Scale it down, or raise VIDENCE_MAX_IMAGE_PIXELS.",
            ) from error
        except _BROKEN as error:
            raise invalid_input(
                f"The image is broken or cut short: {source} ({error})",
                help="Export or download the file again.",
            ) from error

    def _too_many_bytes(self, source: str) -> VidenceError:
        return invalid_input(
            f"The image file is over {self._max_bytes:,} bytes: {source}",
            help="Scale it down, or raise VIDENCE_MAX_IMAGE_BYTES.",
        )


def _to_rgb(picture: Image.Image) -> Image.Image:
    """Convert any mode to 8-bit RGB: 16-bit grey is scaled, transparency is laid on white."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return Image.fromarray(_eight_bits(np.asarray(picture), picture.mode)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        canvas = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(canvas, layer).convert("RGB")
    converted = picture.convert("RGB")
    converted.info = {}  # profiles, texts and dates: saving would write them
    return converted


def _eight_bits(values: NDArray[Any], mode: str) -> NDArray[np.uint8]:
    """Scale 16 and 32 bits to 8, some rows at a time: the numbers between take eight times the room."""
    # 16-bit files use the whole range; 32-bit ones (scientific) use whatever they use.
    low, high = (0.0, 65535.0) if mode != "F" else (float(values.min()), float(values.max()))
    scaled = np.empty(values.shape, dtype=np.uint8)
    for top in range(0, len(values), _ROWS):
        rows = (values[top : top + _ROWS].astype(np.float64) - low) / max(high - low, 1e-9) * 255.0
        scaled[top : top + _ROWS] = np.clip(rows, 0, 255)
    return scaled
