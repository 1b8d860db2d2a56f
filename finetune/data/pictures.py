"""Keeping the images of a data set: checked, without metadata, by the hash of what is stored.

A plain PNG or JPEG is kept byte for byte. Anything else (EXIF and its rotation, 16 bits, CMYK, palettes,
transparency, other formats) is stored as the 8-bit RGB PNG that every other room of Vidence sees.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from core.errors import VidenceError, invalid_input
from core.images import ImageStore
from finetune.data.convert.base import Blob
from finetune.data.dataset import Dataset

MAX_BYTES = 50_000_000
MAX_PIXELS = 100_000_000
_HARMLESS = set(
    "jfif jfif_version jfif_unit jfif_density dpi gamma srgb progressive progression interlace icc_profile "
    "aspect chromaticity adobe adobe_transform".split()
)
_PLAIN = {"PNG": ".png", "JPEG": ".jpg"}


@dataclass(frozen=True)
class Kept:
    """A stored image: its path in the data set's folder, the hash of its file, its size in pixels."""

    path: str
    sha256: str
    width: int
    height: int


class Pictures:
    """Adds images to a data set, each file read once however many rows ask about it.

    Args:
        dataset: Where they go.
        thorough: Decode every pixel, not only the header, and read back what was stored.
    """

    def __init__(self, dataset: Dataset, *, thorough: bool) -> None:
        self._dataset = dataset
        self._thorough = thorough
        self._known: dict[Path, Kept | VidenceError] = {}
        self._store = ImageStore(dataset.folder, max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS)

    def add(self, image: Path | Blob, expected: str = "") -> Kept:
        """Store an image.

        Raises:
            VidenceError: `not_found` for a missing file, `invalid_input` for one that cannot be opened or
                whose hash is another than the source says, `unavailable` when the disk is full.
        """
        if isinstance(image, Blob):
            return self._add(image.load(), image.name, expected)
        known = self._known.get(image)
        if known is None:
            try:
                known = self._add(_read(image), str(image), expected)
            except VidenceError as error:
                if error.kind == "unavailable":
                    raise
                known = error
            self._known[image] = known
        if isinstance(known, VidenceError):
            raise known
        return known

    def _add(self, content: bytes, name: str, expected: str) -> Kept:
        import hashlib

        if not content:
            raise invalid_input(f"The image is empty (0 bytes): {name}")
        if expected and hashlib.sha256(content).hexdigest() != expected.lower():
            raise invalid_input(f"The image is another than its hash says: {name}", help="Download it again.")
        stored, suffix, width, height = self._plain(content, name)
        path, sha = self._dataset.add_image(stored, suffix)
        if self._thorough:
            lies = hashlib.sha256((self._dataset.folder / path).read_bytes()).hexdigest()
            if lies != sha:
                # A file of this name was there already and is damaged: it is written anew.
                (self._dataset.folder / path).unlink()
                self._dataset.add_image(stored, suffix)
        return Kept(path, sha, width, height)

    def _plain(self, content: bytes, name: str) -> tuple[bytes, str, int, int]:
        from PIL import Image

        kept = _keepable(content)
        if kept is not None:
            suffix, width, height = kept
            if width * height > MAX_PIXELS or len(content) > MAX_BYTES:
                raise invalid_input(
                    f"The image is too large: {name} ({width} x {height})", help="Scale it down."
                )
            if self._thorough:
                self._store.decode(content, name)
            return content, suffix, width, height
        pixels = self._store.decode(content, name)
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, format="PNG")
        return out.getvalue(), ".png", pixels.shape[1], pixels.shape[0]


def _keepable(content: bytes) -> tuple[str, int, int] | None:
    """Return (suffix, width, height) of a plain PNG or JPEG without metadata worth hiding, else nothing."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=tuple(_PLAIN)) as opened:
            plain = opened.mode in ("RGB", "L") and not opened.getexif() and not _told(opened.info)
            one = getattr(opened, "n_frames", 1) == 1
            if plain and one and opened.format in _PLAIN:
                return _PLAIN[opened.format], opened.width, opened.height
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError):
        return None
    return None


def _told(info: dict[str | tuple[int, int], object]) -> bool:
    """Whether an image carries words: XMP, comments, PNG text."""
    return any(str(key).lower() not in _HARMLESS for key in info)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise invalid_input(f"The image file is over {MAX_BYTES:,} bytes: {path}", help="Scale it down.")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise VidenceError("not_found", f"No such image: {path}", help="Check the images' folder.") from error
    except OSError as error:
        raise invalid_input(f"The image cannot be read: {path} ({error.strerror})") from error
