"""What a row must pass before it may be trained on: no evaluation set holds it, nobody is named in it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from core.errors import VidenceError
from finetune.data.dataset import Dataset
from finetune.data.rows import TrainRow
from finetune.loop.queue import item_id


class Overlap(Protocol):
    """Tells which evaluation set holds a row."""

    def __call__(self, row: TrainRow, image: Path | None) -> str:
        """Return the set's name, or an empty text."""
        ...


class Personal(Protocol):
    """Finds personal data in a text."""

    def __call__(self, text: str) -> Sequence[str]:
        """Return the kinds of personal data found (`email`, `phone`, ...)."""
        ...


_PERSONAL = (
    ("email", re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")),
    ("card", re.compile(r"\b(?:\d[ -]?){13,19}\b")),
    ("phone", re.compile(r"(?<![\d.,])\+?\d[\d ()/-]{7,}\d(?![\d.,])")),
)


def plain_personal(text: str) -> list[str]:
    """Find mail addresses, card and telephone numbers by their form."""
    return [kind for kind, pattern in _PERSONAL if pattern.search(text)]


class HeldOut:
    """Exact overlap with data sets that are measured on: the same image, or the same question without one.

    Every question about an image that is measured on is refused, not only the same one: a model that was
    taught the image has seen the test.

    Args:
        folders: Data sets. Of those the dev and test rows count; of `whole` ones, all rows.
        whole: Data sets that are for measuring only.
    """

    def __init__(self, folders: Iterable[Path], *, whole: Iterable[Path] = ()) -> None:
        self._images: dict[str, str] = {}
        self._questions: dict[str, str] = {}
        for folder in folders:
            self._add(folder, everything=False)
        for folder in whole:
            self._add(folder, everything=True)

    def __call__(self, row: TrainRow, image: Path | None) -> str:
        """Return the name of the set that holds the row's image or, without one, its question."""
        if row.image_sha256 is None:
            return self._questions.get(item_id(row.question, None), "")
        known = {row.image_sha256, str(row.metadata.get("given_sha256") or "")}
        found = next((self._images[sha] for sha in sorted(known) if sha in self._images), "")
        if found or image is None:
            return found
        return self._images.get(pixels_of(image), "")

    def _add(self, folder: Path, *, everything: bool) -> None:
        dataset = Dataset(folder)
        for row in dataset.rows():
            if everything or row.split != "train":
                name = f"{folder.name}:{row.split}"
                if row.image_sha256 is None:
                    self._questions.setdefault(item_id(row.question, None), name)
                elif row.image_sha256 not in self._images:
                    self._images[row.image_sha256] = name
                    path = dataset.image_path(row)
                    if path is not None and path.exists():
                        self._images.setdefault(pixels_of(path), name)


def pixels_of(path: Path) -> str:
    """Return a hash of an image's pixels: the same picture saved in another way has the same one."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            rgb = picture.convert("RGB")
            head = f"{rgb.width}x{rgb.height}:".encode()
            return "px" + hashlib.sha256(head + rgb.tobytes()).hexdigest()
    except OSError as error:
        raise VidenceError(
            "invalid_input", f"{path} is no image that can be read: {error}", help="Replace or remove it."
        ) from error
