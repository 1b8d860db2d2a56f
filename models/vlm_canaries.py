"""Twenty questions about pictures drawn here, whose greedy answers a set-up must reproduce."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_COLOURS = {"red": (214, 39, 40), "blue": (31, 119, 180), "green": (44, 160, 44), "yellow": (255, 221, 51)}
_BARS = ((3, 8, 5), (9, 6, 4, 2), (2, 5, 7, 9, 4))


def canaries() -> list[tuple[NDArray[np.uint8], str]]:
    """Return pictures, shape (224, 224, 3), with the question asked about each."""
    asked: list[tuple[NDArray[np.uint8], str]] = []
    for shape, colour in (
        ("circle", "red"),
        ("rectangle", "blue"),
        ("triangle", "green"),
        ("circle", "yellow"),
    ):
        picture = _shape(shape, colour)
        asked += [
            (picture, "what shape is in the image?"),
            (picture, "what color is the shape?"),
            (picture, "is there a red shape?"),
        ]
    for values in _BARS:
        picture = _chart(values)
        asked += [(picture, "What kind of chart is this?"), (picture, "How many bars are there?")]
    picture = _chart(_BARS[0])
    return [*asked, (picture, "What color is the highest bar?"), (picture, "Is this a pie chart?")]


def _shape(shape: str, colour: str) -> NDArray[np.uint8]:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (224, 224), (240, 236, 244))
    pen = ImageDraw.Draw(image)
    box = (62, 80, 152, 170)
    if shape == "circle":
        pen.ellipse(box, _COLOURS[colour])
    elif shape == "rectangle":
        pen.rectangle(box, _COLOURS[colour])
    else:
        pen.polygon([(62, 170), (152, 170), (107, 80)], _COLOURS[colour])
    return _array(image)


def _chart(values: tuple[int, ...]) -> NDArray[np.uint8]:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (224, 224), (255, 255, 255))
    pen = ImageDraw.Draw(image)
    slot = 184 // len(values)
    names = [*_COLOURS.values(), (127, 127, 127)]
    for place, value in enumerate(values):
        left = 30 + place * slot
        pen.rectangle((left, 200 - 18 * value, left + slot * 7 // 10, 200), names[place])
    pen.line((24, 200, 214, 200), (0, 0, 0), 1)
    pen.line((24, 20, 24, 200), (0, 0, 0), 1)
    return _array(image)


def _array(image: object) -> NDArray[np.uint8]:
    import numpy as np

    return np.asarray(image)
