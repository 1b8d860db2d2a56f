"""Images inside a report: small, as data URLs, with evidence boxes in the pixels of the original."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.contracts import Box
from core.errors import VidenceError
from core.images import ImageStore
from core.settings import Settings
from evals.run.sample import Record

MAX_SIDE = 640
"""Images are scaled down to this many pixels a side, so that a report can be mailed."""
MOST = 3
"""Images of one sample that are shown."""


@dataclass(frozen=True)
class Drawn:
    """A box to draw, in pixels of the original."""

    x: float
    y: float
    width: float
    height: float
    text: str


@dataclass(frozen=True)
class Picture:
    """An image to show; `url` is empty, and `why` says so, when it cannot be."""

    name: str
    url: str = ""
    width: int = 0
    height: int = 0
    boxes: tuple[Drawn, ...] = ()
    why: str = ""


class Pictures:
    """Reads images, from given folders only: a run file that comes from elsewhere names no other file."""

    def __init__(self, folders: Sequence[Path]) -> None:
        limits = Settings()
        self._folders = [folder.expanduser().resolve() for folder in folders]
        self._store = ImageStore(
            Path("unused"), max_bytes=limits.max_image_bytes, max_pixels=limits.max_image_pixels
        )

    def of(self, record: Record) -> list[Picture]:
        """Return the images of a sample with the boxes of its answer's evidence."""
        named = record.sample.input.get("images")
        names = [str(name) for name in named][:MOST] if isinstance(named, list | tuple) else []
        return [self._open(name, record, first=place == 0) for place, name in enumerate(names)]

    def _open(self, name: str, record: Record, *, first: bool) -> Picture:
        path = self._find(name)
        if path is None:
            return Picture(name, why="not at hand: give its folder by --data")
        try:
            pixels = self._store.decode(path.read_bytes(), name)
        except (OSError, VidenceError) as error:
            return Picture(name, why=str(error))
        from PIL import Image

        picture = Image.fromarray(pixels)
        width, height = picture.size
        picture.thumbnail((MAX_SIDE, MAX_SIDE))
        buffer = io.BytesIO()
        picture.save(buffer, format="JPEG", quality=80)
        url = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
        boxes = tuple(
            _drawn(seen.box, seen.text or seen.kind or "evidence")
            for seen in record.output.evidence
            if seen.box is not None and (seen.image == name or (first and not seen.image))
        )
        return Picture(name, url, width, height, boxes)

    def _find(self, name: str) -> Path | None:
        for folder in self._folders:
            try:
                path = (folder / name).resolve()  # an absolute name replaces the folder
                if path.is_relative_to(folder) and path.is_file():
                    return path
            except (OSError, ValueError):
                continue
        return None


def _drawn(box: Box, text: str) -> Drawn:
    left, top, right, bottom = box
    return Drawn(left, top, max(1.0, right - left), max(1.0, bottom - top), text)
