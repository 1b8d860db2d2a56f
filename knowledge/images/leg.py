"""The image leg: the pixels of a collection's images as two matrices, derived from the manifest.

`vectors` compares images with images, `meaning` compares them with text. Both are memory-mapped, written
under a new name and swapped in, like the word leg; features are computed once and kept by content hash.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import VidenceError
from core.images import ImageStore
from knowledge.images.bridge import Bridge
from knowledge.images.features import FeatureStore
from knowledge.images.models import ImageModels
from knowledge.images.written import ImageText
from knowledge.records import Piece, Progress
from knowledge.store.manifest import Chunk, Manifest
from models.backbone import DIM, FEATURES_VERSION, ImageFeatures

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]

MEANING_WEIGHT = 0.5
"""Weight of the meaning beside the features when images are compared; tuned on COCO's CC photos."""
_BLOCK = 4096
_AT_ONCE = 4
"""Images described at once, where there are as many cores; each may hold a picture of many million pixels."""


@dataclass(frozen=True)
class _Arrays:
    """The derived matrices: one row an image piece, in the order of the pieces' numbers."""

    numbers: NDArray[np.int64]
    vectors: NDArray[np.float16]
    meaning: Vector


class ImageLeg:
    """The images of one collection by their pixels. Whatever writes holds the collection's writer lock."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        models: ImageModels,
    ) -> None:
        data = folder.parent.parent
        self._folder = folder / "images"
        self._manifest = manifest
        self._models = models
        options = models.options
        self._images = ImageStore(data / "images", max_bytes=1 << 40, max_pixels=options.max_pixels)
        self.store = FeatureStore(folder / "features.db")
        self.text = ImageText(data / "cache", options.read_text)
        self.backbone = models.backbone
        self._arrays: tuple[str, _Arrays] | None = None

    def close(self) -> None:
        """Let go of the files."""
        self.store.close()
        self._arrays = None

    @property
    def bridge(self) -> Bridge:
        """What takes texts and images to one space; raises `unavailable` for a missing dual encoder."""
        return self._models.bridge

    def pieces(self) -> list[Chunk]:
        """Return the image pieces of the manifest, in order."""
        numbers = sorted(self._manifest.numbers_where({"kind": "image"}))
        chunks = self._manifest.chunks(list(self._manifest.names(numbers).values()))
        return sorted(chunks, key=lambda chunk: chunk.n)

    def synced(self) -> bool:
        """Whether the matrices are those of the manifest's present version."""
        if not self._manifest.numbers_where({"kind": "image"}):
            return True
        return self._manifest.get("image_version") == self._version() and self._path().is_dir()

    def sound(self) -> bool:
        """Whether the matrices hold exactly the images whose features are known; true where none can run."""
        try:
            synced = self.synced()
        except VidenceError as error:
            if error.kind != "unavailable":
                raise
            return True
        known = self.store.known()
        wanted = [piece.n for piece in self.pieces() if piece.locator.sha256 in known]
        if not wanted:
            return True
        try:
            arrays = self._open() if synced else None
        except (OSError, ValueError):
            return False
        return arrays is not None and wanted == arrays.numbers.tolist() and _whole(arrays)

    def sync(self, progress: Progress | None = None) -> int:
        """Compute missing features, rebuild the matrices, and return how many images have no features.

        An interrupted sync is simply done again: features that were computed are kept.

        Raises:
            VidenceError: `unavailable` when the backbone or the dual encoder cannot run here.
        """
        pieces = self.pieces()
        if not pieces:
            return 0
        self._compute(pieces, progress)
        known = self.store.known()
        found = [piece for piece in pieces if piece.locator.sha256 in known]
        if not found:
            return len(pieces)
        if not self.sound():
            self._build(found)
            self._manifest.put(image_version=self._version())
            self._arrays = None
            for old in self._folder.glob("*"):
                if old != self._path():
                    shutil.rmtree(old, ignore_errors=True)
        return len(pieces) - len(found)

    def _compute(self, pieces: Sequence[Chunk], progress: Progress | None) -> None:
        known = self.store.known()
        wanted = {p.locator.sha256: p for p in pieces if p.locator.sha256 and p.locator.sha256 not in known}

        def look(item: tuple[str, Chunk]) -> None:
            sha256, piece = item
            pixels = self.pixels(sha256, piece.locator.path or piece.source)
            if pixels is not None:
                size = (pixels.shape[1], pixels.shape[0])
                self.store.put(sha256, self.backbone.features(pixels), size)

        with ThreadPoolExecutor(min(os.cpu_count() or 1, _AT_ONCE)) as pool:
            try:
                for done, _ in enumerate(pool.map(look, wanted.items()), start=1):
                    if progress:
                        progress("look", done, len(wanted))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def with_text(self, pieces: Sequence[Piece]) -> list[Piece]:
        """Return pieces with the text of those images that are worth reading."""
        return [self.text.add_to(piece, self.pixels) for piece in pieces]

    def pixels(self, sha256: str, path: str) -> NDArray[np.uint8] | None:
        """Return an image by its hash, from the image store or from the file if it is still the same."""
        try:
            return self._images.open(sha256)
        except (VidenceError, OSError):
            pass
        try:
            data = Path(path).read_bytes()
            same = hashlib.sha256(data).hexdigest() == sha256
            return self._images.decode(data, path) if same else None
        except (VidenceError, OSError):
            return None

    def _build(self, pieces: Sequence[Chunk]) -> None:
        import numpy as np
        from numpy.lib.format import open_memmap

        target = self._path()
        partial = target.with_suffix(f".{os.getpid()}.tmp")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        width = len(self.bridge.text(np.zeros(self._models.embedder().dim, np.float32)))
        shapes: dict[str, tuple[Any, tuple[int, ...]]] = {
            "vectors": (np.float16, (len(pieces), DIM)),
            "meaning": (np.float32, (len(pieces), width)),
        }
        open_ = {
            name: open_memmap(partial / f"{name}.npy", mode="w+", dtype=kind, shape=shape)
            for name, (kind, shape) in shapes.items()
        }
        for start in range(0, len(pieces), _BLOCK):
            part = pieces[start : start + _BLOCK]
            features = self.store.get([str(piece.locator.sha256) for piece in part])
            for row, piece in enumerate(part, start=start):
                seen, _ = features[str(piece.locator.sha256)]
                open_["vectors"][row] = seen.vector
                open_["meaning"][row] = self.bridge.image(seen)
        for array in open_.values():
            array.flush()
        np.save(partial / "numbers.npy", np.array([piece.n for piece in pieces], dtype=np.int64))
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)

    def _version(self) -> str:
        key = f"{self._manifest.version}|{FEATURES_VERSION}|{self.bridge.version}"
        return hashlib.sha256(key.encode()).hexdigest()[:16]

    def _path(self) -> Path:
        return self._folder / self._version()

    def _open(self) -> _Arrays | None:
        """Return the matrices as they were last written, or None when there are none."""
        import numpy as np

        version = self._manifest.get("image_version")
        if not version:
            return None
        if self._arrays is None or self._arrays[0] != version:
            folder = self._folder / version
            if not folder.is_dir():
                return None
            loaded = [
                np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("numbers", "vectors", "meaning")
            ]
            self._arrays = (version, _Arrays(*loaded))
        return self._arrays[1]

    def by_text(self, vector: Vector, k: int, allowed: NDArray[np.int64] | None) -> list[tuple[int, float]]:
        """Return the numbers of the k pieces that show most of what a text says, with a score in 0 to 1."""
        arrays = self._open()
        if arrays is None:
            return []
        return _best(arrays, arrays.meaning @ self.bridge.text(vector), k, allowed)

    def by_image(
        self, features: ImageFeatures, k: int, allowed: NDArray[np.int64] | None
    ) -> list[tuple[int, float]]:
        """Return the numbers of the k pieces most like an image, with a score in 0 to 1."""
        import numpy as np

        arrays = self._open()
        if arrays is None:
            return []
        alike = np.concatenate(
            [
                arrays.vectors[start : start + _BLOCK].astype(np.float32) @ features.vector
                for start in range(0, len(arrays.numbers), _BLOCK)
            ]
            or [np.zeros(0, np.float32)]
        )
        meant = arrays.meaning @ self.bridge.image(features)
        return _best(arrays, (alike + MEANING_WEIGHT * meant) / (1 + MEANING_WEIGHT), k, allowed)


def _whole(arrays: _Arrays) -> bool:
    return len(arrays.numbers) == len(arrays.vectors) == len(arrays.meaning)


def _best(
    arrays: _Arrays, scores: Vector, k: int, allowed: NDArray[np.int64] | None
) -> list[tuple[int, float]]:
    import numpy as np

    if allowed is not None:
        scores = np.where(np.isin(arrays.numbers, allowed), scores, -1.0)
    order = np.argsort(-scores, kind="stable")[:k]
    return [(int(arrays.numbers[row]), min(float(scores[row]), 1.0)) for row in order if scores[row] > 0]
