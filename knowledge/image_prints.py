"""What is remembered of an image to know it again: hashes, a perceptual hash, a thumbnail."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import VidenceError
from core.images import ImageStore
from core.sqlite_file import SqliteFile, select_in
from knowledge.duplicates import image_print

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Progress = Callable[[str, int, int], None]
MAX_BYTES = 50_000_000
MAX_PIXELS = 100_000_000
"""Of a file whose marks are taken."""
THUMB = 16
_VERSION = 1


@dataclass(frozen=True)
class ImagePrint:
    """The marks of one image.

    Attributes:
        sha256: Hash of the file.
        pixels: Hash of the decoded RGB pixels and their size: the same whatever the file's format.
        phash: `knowledge.duplicates.image_print`, empty for a flat image.
        thumb: 16 x 16 RGB bytes.
        spread: Standard deviation of the grey values (0 to 255): near 0 for a blank image.
        sharp: Variance of the Laplacian of the grey values at 256 pixels width: low for a blurred image
            (Pertuz et al. 2013, "Analysis of focus measure operators", LAPV).
    """

    sha256: str
    pixels: str
    phash: bytes
    thumb: bytes
    width: int
    height: int
    spread: float
    sharp: float


def print_of(pixels: NDArray[np.uint8], sha256: str) -> ImagePrint:
    """Return the marks of RGB pixels, shape (height, width, 3)."""
    import numpy as np
    from PIL import Image

    picture = Image.fromarray(pixels)
    body = hashlib.sha256(f"{pixels.shape}".encode())
    body.update(np.ascontiguousarray(pixels).tobytes())
    thumb = np.asarray(picture.resize((THUMB, THUMB), Image.Resampling.BOX), dtype=np.uint8)
    side = (256, max(3, round(256 * picture.height / picture.width)))
    grey = np.asarray(picture.convert("L").resize(side, Image.Resampling.BILINEAR), dtype=np.float32)
    bend = -4 * grey[1:-1, 1:-1] + grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return ImagePrint(
        sha256,
        body.hexdigest(),
        image_print(pixels),
        thumb.tobytes(),
        picture.width,
        picture.height,
        round(float(grey.std()), 3),
        round(float(bend.var()), 3),
    )


def print_of_file(path: Path) -> ImagePrint:
    """Return the marks of an image file; raises `VidenceError` for one that cannot be opened."""
    content = path.read_bytes()
    store = ImageStore(Path(), max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS)
    return print_of(store.decode(content, path.name), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class Found:
    """Prints by the file's hash, and why the others have none."""

    prints: dict[str, ImagePrint]
    broken: dict[str, str]


class PrintCache(SqliteFile):
    """Prints by the file's hash, so that an image is decoded once, whatever is asked of it later."""

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Make the table."""
        connection.execute(
            "CREATE TABLE IF NOT EXISTS prints (sha256 TEXT, version INTEGER, pixels TEXT, phash BLOB, "
            "thumb BLOB, width INTEGER, height INTEGER, spread REAL, sharp REAL, "
            "PRIMARY KEY (sha256, version))"
        )

    def get(self, images: Mapping[str, Path], progress: Progress | None = None) -> Found:
        """Return the prints of images, in their order.

        Args:
            images: The path of each file by its hash.
            progress: Called with what is done and what there is in all.
        """
        with self.open() as connection:
            # Other sets may have filled the file with many more.
            statement = "SELECT * FROM prints WHERE version = ? AND sha256 IN"
            rows = select_in(connection, statement, list(images), _VERSION)
        known = {row[0]: ImagePrint(row[0], *row[2:]) for row in rows}
        broken: dict[str, str] = {}
        new: list[ImagePrint] = []
        for number, (sha256, path) in enumerate(images.items()):
            if sha256 not in known:
                try:
                    known[sha256] = print_of_file(path)
                except (VidenceError, OSError) as error:
                    broken[sha256] = str(error)
                    continue
                new.append(known[sha256])
            if progress and number % 50 == 0:
                progress("looking at images", number, len(images))
            if len(new) >= 500:
                self._keep(new)
                new = []
        self._keep(new)
        return Found({sha256: known[sha256] for sha256 in images if sha256 in known}, broken)

    def _keep(self, new: Iterable[ImagePrint]) -> None:
        with self.open() as connection, connection:
            connection.executemany(
                "INSERT OR REPLACE INTO prints VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(one.sha256, _VERSION, *astuple(one)[1:]) for one in new],
            )
