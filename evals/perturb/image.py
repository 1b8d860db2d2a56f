"""Changes of an image that a reader would hardly notice. Pure: RGB or grey pixels in, the same kind out."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    """Shape (height, width) or (height, width, 3), 0 to 255."""

_EMPTY = 24
"""So many levels from the corner's shade a pixel may be and still count as margin."""


def blur(pixels: Pixels, radius: float = 0.8) -> Pixels:
    """Return the image out of focus: a Gaussian of so many pixels."""
    import numpy as np
    from PIL import Image, ImageFilter

    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def crop_margins(pixels: Pixels, share: float = 0.8) -> Pixels:
    """Return the image with so much of its empty margins cut off, 0 to 1; what is drawn always stays."""
    import numpy as np

    levels = pixels.astype(np.int16)
    apart = np.abs(levels - np.median(levels[:8, :8].reshape(-1, *levels.shape[2:]), axis=0))
    drawn = apart > _EMPTY if apart.ndim == 2 else (apart > _EMPTY).any(axis=2)
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if not len(rows):
        return pixels
    height, width = drawn.shape
    top, left = int(rows[0] * share), int(columns[0] * share)
    bottom = height - int((height - 1 - rows[-1]) * share)
    right = width - int((width - 1 - columns[-1]) * share)
    return pixels[top:bottom, left:right].copy()


def jpeg(pixels: Pixels, quality: int = 40) -> Pixels:
    """Return the image after it was saved as JPEG of this quality."""
    import numpy as np
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def rotate(pixels: Pixels, degrees: float = 1.5) -> Pixels:
    """Return the image slightly turned, larger by its corners, which get the first one's shade."""
    import numpy as np
    from PIL import Image

    image = Image.fromarray(pixels)
    fill = image.getpixel((0, 0))
    turned = image.rotate(degrees, resample=Image.Resampling.BICUBIC, expand=True, fillcolor=fill)
    return np.asarray(turned)


def brightness(pixels: Pixels, factor: float = 0.75) -> Pixels:
    """Return the image darker (below 1) or brighter."""
    import numpy as np

    changed: Pixels = np.clip(pixels.astype(np.float32) * factor, 0, 255).astype(np.uint8)
    return changed


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "blur": blur,
    "crop": crop_margins,
    "jpeg": jpeg,
    "rotate": rotate,
    "dark": partial(brightness, factor=0.7),
}
"""Changes after which an answer must stay."""
