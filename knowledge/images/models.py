"""What looks at images, loaded once and shared by all collections of a data folder."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.images.bridge import Bridge, ConseBridge, open_bridge
from knowledge.images.options import ImageOptions
from models.backbone import Backbone

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.embeddings import Embedder


class ImageModels:
    """The backbone and the bridges, each made when first used. Safe to share between threads.

    Args:
        cache: Folder of what is derived from models.
        embedder: Returns the text embedding model.
        options: How images are indexed.
    """

    def __init__(
        self, cache: Path, embedder: Callable[[], Embedder], options: ImageOptions | None = None
    ) -> None:
        self.embedder = embedder
        self.options = options or ImageOptions()
        self.backbone = Backbone(cache)
        self._cache = cache
        self._lock = threading.Lock()
        self._bridge: Bridge | None = None
        self._conse: ConseBridge | None = None

    @property
    def bridge(self) -> Bridge:
        """What takes texts and images to one space; raises `unavailable` for a missing dual encoder."""
        with self._lock:
            if self._bridge is None:
                self._bridge = open_bridge(self.options.encoder, self.embedder(), self._cache)
            return self._bridge

    def meaning(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what an image shows as a unit vector in the text embedder's own space, by class captions.

        Raises:
            VidenceError: `unavailable` without the image backbone.
        """
        with self._lock:
            if self._conse is None:
                self._conse = ConseBridge(self.embedder(), self._cache)
            conse = self._conse
        return conse.image(self.backbone.features(pixels))
