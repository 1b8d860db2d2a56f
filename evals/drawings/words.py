"""The words of a drawn figure and where they stand, as a perfect reader would give them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.contracts import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_INK = 40
"""Brightness between the darkest and the lightest of a box with words."""


def texts_of(figure: Any, pixels: NDArray[np.uint8]) -> tuple[tuple[str, Box], ...]:
    """Return the words that a figure shows, and the boxes (x0, y0, x1, y1) that they fill in pixels.

    Figures have texts that are never drawn (ticks beyond an axis, labels of hidden axes): those whose box is
    empty in the picture are left out.

    Args:
        figure: A matplotlib figure that was drawn.
        pixels: The picture, shape (height, width, 3).
    """
    from matplotlib.text import Text

    height, width = pixels.shape[:2]
    canvas = figure.canvas.get_renderer()
    found = []
    for artist in figure.findobj(Text):
        words = artist.get_text().strip()
        if not words or not artist.get_visible():
            continue
        box = artist.get_window_extent(canvas)
        x0, y0, x1, y1 = (float(end) for end in (box.x0, height - box.y1, box.x1, height - box.y0))
        inside = x1 > x0 >= 0 and y1 > y0 >= 0 and x1 <= width and y1 <= height
        if inside and _inked(pixels[int(y0) : int(y1) + 1, int(x0) : int(x1) + 1]):
            found.append((words, (x0, y0, x1, y1)))
    return tuple(dict.fromkeys(found))


def _inked(patch: NDArray[np.uint8]) -> bool:
    return int(patch.max()) - int(patch.min()) > _INK
