"""Plain pictures of one shape, with every word that tells it: what, which color, where, on what ground."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHAPES = ("circle", "rectangle", "triangle")
COLOURS = {
    "red": (205, 40, 45),
    "blue": (35, 80, 200),
    "green": (40, 150, 60),
    "yellow": (240, 205, 40),
    "teal": (20, 140, 140),
    "brown": (130, 80, 40),
    "gray": (120, 120, 120),
    "black": (20, 20, 20),
}
"""The shades are ours; the embedded VLM was trained on others of the same names."""
_SIDE = 224


@dataclass(frozen=True)
class ShapePicture:
    """A picture, RGB pixels (224, 224, 3), and what it shows."""

    shape: str
    colour: str
    pixels: NDArray[np.uint8]


def draw_shape(shape: str, colour: str, seed: int) -> ShapePicture:
    """Draw one shape on a pale ground; its place and size come from the seed."""
    import numpy as np
    from PIL import Image, ImageDraw

    dice = random.Random(f"shape-{seed}")  # noqa: S311 - a drawing, no secret
    ground = tuple(dice.randrange(225, 250) for _ in range(3))
    image = Image.new("RGB", (_SIDE, _SIDE), ground)
    pen = ImageDraw.Draw(image)
    wide, tall = dice.randrange(70, 120), dice.randrange(60, 110)
    left, top = dice.randrange(15, _SIDE - wide - 15), dice.randrange(15, _SIDE - tall - 15)
    if shape == "circle":
        pen.ellipse((left, top, left + tall, top + tall), fill=COLOURS[colour])
    elif shape == "rectangle":
        pen.rectangle((left, top, left + wide, top + tall), fill=COLOURS[colour])
    else:
        corners = [(left, top + tall), (left + wide, top + tall), (left + wide // 2, top)]
        pen.polygon(corners, fill=COLOURS[colour])
    return ShapePicture(shape, colour, np.asarray(image))
