"""Small charts painted with numpy, with the OCR lines that a perfect reader would give."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from core.contracts import OcrLine

BLUE, ORANGE, GREEN = (31, 119, 180), (255, 127, 14), (44, 160, 44)


class Picture:
    """A white page to paint on; `lines` collects the texts."""

    def __init__(self, width: int = 900, height: int = 700) -> None:
        self.pixels: NDArray[np.uint8] = np.full((height, width, 3), 255, np.uint8)
        self.lines: list[OcrLine] = []

    def rect(self, x0: float, y0: float, x1: float, y1: float, colour: tuple[int, int, int]) -> None:
        self.pixels[round(y0) : round(y1), round(x0) : round(x1)] = colour

    def text(self, text: str, cx: float, cy: float, height: float = 18) -> None:
        half = 0.28 * height * len(text) + 2
        box = (cx - half, cy - height / 2, cx + half, cy + height / 2)
        self.lines.append(OcrLine(text=text, box=box, score=0.99))
        # Grey strokes stand for the letters, so that the text is no blank area either.
        for x in np.arange(box[0] + 2, box[2] - 2, 6):
            self.rect(x, cy - 0.35 * height, x + 2, cy + 0.35 * height, (60, 60, 60))

    def stroke(self, points: list[tuple[float, float]], colour: tuple[int, int, int], width: int = 3) -> None:
        import cv2

        path = np.round(np.asarray(points)).astype(np.int32)
        cv2.polylines(self.pixels, [path], False, colour, width, cv2.LINE_AA)

    def frame(self) -> None:
        self.rect(118, 80, 120, 602, (0, 0, 0))
        self.rect(118, 600, 860, 602, (0, 0, 0))

    def y_axis(self, values: list[str], *, top: float = 100, bottom: float = 600, ticks: bool = True) -> None:
        """Write labels evenly from the bottom (first) to the top (last)."""
        for index, label in enumerate(values):
            y = bottom - index * (bottom - top) / (len(values) - 1)
            self.text(label, 85, y)
            if ticks:
                self.rect(110, y, 118, y + 2, (0, 0, 0))


def height_of(value: float, low: float, high: float) -> float:
    """Pixel row of a value on the standard axis (600 at `low`, 100 at `high`)."""
    return 600 - 500 * (value - low) / (high - low)


def bar_chart(values: dict[str, float], high: float = 50, *, scale: bool = True) -> Picture:
    picture = Picture()
    picture.text("Horsepower by origin", 420, 30, 26)
    picture.frame()
    if scale:
        picture.y_axis([f"{v:g}" for v in np.linspace(0, high, 6)])
    for index, (name, value) in enumerate(values.items()):
        x = 200 + 150 * index
        picture.rect(x - 45, height_of(value, 0, high), x + 45, 600, BLUE)
        picture.text(name, x, 630)
    return picture


def line_chart(
    series: dict[str, list[float]], labels: list[str], ticks: list[str], low: float, high: float
) -> Picture:
    picture = Picture()
    picture.text("Share prices", 420, 30, 26)
    picture.frame()
    picture.y_axis(ticks)
    xs = np.linspace(160, 820, len(labels))
    for x, label in zip(xs, labels, strict=True):
        picture.text(label, x, 630)
    for index, (name, values) in enumerate(series.items()):
        colour = (BLUE, ORANGE, GREEN)[index]
        picture.stroke([(x, height_of(v, low, high)) for x, v in zip(xs, values, strict=True)], colour)
        if len(series) > 1:
            picture.rect(650, 120 + 40 * index, 680, 124 + 40 * index, colour)
            picture.text(name, 720, 122 + 40 * index)
    return picture


def pie_chart(shares: dict[str, float], printed: dict[str, str] | None = None) -> Picture:
    picture = Picture()
    picture.text("Cars by origin", 420, 30, 26)
    ys, xs = np.mgrid[0:700, 0:900]
    angle = np.degrees(np.arctan2(xs - 400, 370 - ys)) % 360
    inside = np.hypot(xs - 400, ys - 370) <= 230
    start = 0.0
    for index, (name, share) in enumerate(shares.items()):
        colour = (BLUE, ORANGE, GREEN)[index]
        end = start + 360 * share / sum(shares.values())
        picture.pixels[inside & (angle >= start) & (angle < end)] = colour
        middle = math.radians((start + end) / 2)
        picture.rect(700, 150 + 40 * index, 718, 168 + 40 * index, colour)
        picture.text(name, 760, 159 + 40 * index)
        if printed and name in printed:
            picture.text(printed[name], 400 + 140 * math.sin(middle), 370 - 140 * math.cos(middle))
        start = end
    return picture


def scatter_plot() -> Picture:
    picture = Picture()
    picture.text("Power and weight", 420, 30, 26)
    picture.frame()
    picture.y_axis(["0", "10", "20", "30", "40", "50"])
    rng = np.random.default_rng(3)
    for x, y in zip(rng.uniform(150, 840, 60), rng.uniform(120, 580, 60), strict=True):
        ys, xs = np.mgrid[0:700, 0:900]
        picture.pixels[np.hypot(xs - x, ys - y) <= 5] = BLUE
    return picture
