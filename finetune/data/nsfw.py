"""Images not safe for work, by Yahoo's Open-NSFW network (Mahadeokar and Pesavento 2016)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from models.nsfw import open_classifier

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

    classifier = open_classifier()
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
