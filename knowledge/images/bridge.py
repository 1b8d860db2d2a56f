"""From what the backbone sees to what words mean, so that pixels alone can be searched by text.

ConSE (Norouzi et al. 2014, "Zero-Shot Learning by Convex Combination of Semantic Embeddings"): an image is
the mean of the text vectors of its most probable classes, weighted by their probabilities. Two changes were
measured in `docs/retrieval.md`: a class is embedded by a caption that photos of it might have, instead of its
name, and probabilities are flattened, because captions speak of more than the likeliest class.

A dual encoder, when the settings name one, replaces it: two matrices that take the backbone's features and
the text embedder's vectors to a common space.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from core.errors import VidenceError, unavailable
from models.backbone import DIM, ImageFeatures, image_classes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.embeddings import Embedder

    Vector = NDArray[np.float32]

FLATTEN = 0.6
"""Exponent of the class probabilities; 0.5 to 0.85 differ by under one point of recall."""
_SHOWN_FLATTEN, _SHOWN_SHARPEN = 0.3, 4
PROJECTION_FILE = "projection.npz"
"""What a dual encoder's folder holds: `image`, shape (1280, d), and `text`, shape (dim, d)."""


class Bridge(Protocol):
    """Takes images and texts to one space, at unit length."""

    @property
    def version(self) -> str:
        """Changes whenever the vectors would."""
        ...

    def image(self, features: ImageFeatures) -> Vector:
        """Return the vector of an image."""
        ...

    def text(self, vector: Vector) -> Vector:
        """Return the vector of a text, given its embedding."""
        ...

    def shown(self, features: ImageFeatures, vector: Vector) -> Vector:
        """Return how much each class of the image has to do with a text, shape (classes kept,)."""
        ...


class ConseBridge:
    """The convex combination of class captions. Their vectors are embedded once for each text model."""

    def __init__(self, embedder: Embedder, cache_folder: Path) -> None:
        self._embedder = embedder
        self._cache = cache_folder
        self._captions: Vector | None = None
        self._lock = threading.Lock()

    @property
    def version(self) -> str:
        """Names the text model, the captions and the weighting."""
        listed = "\n".join(item.caption for item in image_classes())
        return hashlib.sha256(f"{self._embedder.hash}|{FLATTEN}|{listed}".encode()).hexdigest()[:16]

    def image(self, features: ImageFeatures) -> Vector:
        """Return the weighted mean of the captions of the image's classes."""
        return unit(weights(features) @ self.captions()[features.classes])

    def text(self, vector: Vector) -> Vector:
        """Return the embedding itself: the captions live in its space."""
        return vector

    def shown(self, features: ImageFeatures, vector: Vector) -> Vector:
        """Return how near each class is to the text, and a little how probable it is.

        What an image is about and what is asked of it differ: a spoon on a table is not the table. Sharpening
        the nearness took the pointing game on COCO from .32 to .37 (the centre of the image: .26).
        """
        import numpy as np

        near = np.clip(self.captions()[features.classes] @ vector, 0.0, 1.0)
        shares: Vector = features.probabilities**_SHOWN_FLATTEN * near**_SHOWN_SHARPEN
        return shares

    def captions(self) -> Vector:
        """Return the text vectors of the class captions, shape (1000, dim)."""
        with self._lock:
            if self._captions is None:
                self._captions = self._load()
            return self._captions

    def _load(self) -> Vector:
        import numpy as np

        path = self._cache / f"conse-{self.version}.npy"
        if path.is_file():
            known: Vector = np.load(path)
            return known
        made = self._embedder.embed([item.caption for item in image_classes()])
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.tmp.npy")
        np.save(partial, made)
        partial.replace(path)
        return made


class DualEncoder:
    """A trained pair of projections. Where in the image a text is shown stays with the class captions."""

    def __init__(self, folder: Path, conse: ConseBridge) -> None:
        self._conse = conse
        path = folder.expanduser() / PROJECTION_FILE
        self._image, self._text = _projections(path)
        self.version = hashlib.sha256(path.read_bytes()).hexdigest()[:16]

    def image(self, features: ImageFeatures) -> Vector:
        """Return the projected features."""
        return unit(features.vector @ self._image)

    def text(self, vector: Vector) -> Vector:
        """Return the projected embedding."""
        return unit(vector @ self._text)

    def shown(self, features: ImageFeatures, vector: Vector) -> Vector:
        """Return what the class captions say."""
        return self._conse.shown(features, vector)


def open_bridge(encoder: str, embedder: Embedder, cache_folder: Path) -> Bridge:
    """Return the bridge that the settings name.

    Raises:
        VidenceError: `unavailable` when the dual encoder's folder holds no trained projections;
            `invalid_input` when they do not fit the backbone or the text model.
    """
    conse = ConseBridge(embedder, cache_folder)
    return conse if encoder == "embedded" else DualEncoder(Path(encoder), conse)


def weights(features: ImageFeatures) -> Vector:
    """Return the flattened probabilities of an image's classes, summing to 1."""
    flat = features.probabilities**FLATTEN
    result: Vector = flat / max(float(flat.sum()), 1e-9)
    return result


def unit(vector: Vector) -> Vector:
    """Return a vector at length 1."""
    import numpy as np

    result: Vector = (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)
    return result


def _projections(path: Path) -> tuple[Vector, Vector]:
    import numpy as np

    if not path.is_file():
        raise unavailable(
            f"No trained dual encoder is in {path.parent}",
            help="Train one on your own captions, or set VIDENCE_IMAGE_ENCODER=embedded.",
            retryable=False,
        )
    try:
        with np.load(path, allow_pickle=False) as arrays:
            image: Any = arrays["image"].astype(np.float32)
            text: Any = arrays["text"].astype(np.float32)
    except (OSError, ValueError, KeyError) as error:
        raise VidenceError(
            "invalid_input", f"The dual encoder in {path} cannot be read: {error}", help="Train it again."
        ) from error
    if image.ndim != 2 or text.ndim != 2 or image.shape[0] != DIM or image.shape[1] != text.shape[1]:
        raise VidenceError(
            "invalid_input",
            f"The dual encoder in {path} does not fit: image {image.shape}, text {text.shape}",
            help=f"`image` must be ({DIM}, d) and `text` (text dimensions, d).",
        )
    return image, text
