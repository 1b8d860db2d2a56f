"""Plain shapes and small charts drawn with Pillow, with what is true of each: for questions to a VLM."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHAPES = ("circle", "rectangle", "triangle")
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 30, 35), "blue": (30, 70, 215), "green": (30, 160, 50), "yellow": (245, 215, 40),
    "black": (15, 15, 15), "gray": (125, 125, 125), "brown": (140, 85, 45), "teal": (20, 130, 130),
}  # fmt: skip
CHARTS = ("bar", "bar_h", "line", "pie", "scatter")
TRENDS = ("up", "down")
_SHAPE_COLOURS = ("red", "blue", "green", "yellow", "black", "gray", "brown", "teal")
_CHART_COLOURS = ("red", "blue", "green", "yellow", "gray", "brown")
_SIDE = 256
_GROUNDS = ((255, 255, 255), (250, 250, 246), (238, 243, 250), (243, 238, 246), (236, 246, 238))


@dataclass(frozen=True)
class Picture:
    """What is drawn. `shape` is empty for a chart, `chart` for a shape.

    Attributes:
        seed: Decides place, size and ground.
        shape: One of `SHAPES`.
        chart: One of `CHARTS`.
        colours: Of the marks, in order; a shape has one.
        values: Of a chart's marks, 0 to 1.
    """

    seed: int
    shape: str = ""
    chart: str = ""
    colours: tuple[str, ...] = ()
    values: tuple[float, ...] = ()


def shape_picture(seed: int) -> Picture:
    """Return a shape; neighbours in `seed` differ in shape and color."""
    shape = SHAPES[seed % len(SHAPES)]
    return Picture(seed, shape=shape, colours=(_SHAPE_COLOURS[(seed * 5 + 1) % len(_SHAPE_COLOURS)],))


def chart_picture(seed: int) -> Picture:
    """Return a chart of three to eight marks, rising, falling or neither; neighbours differ in type."""
    rng = random.Random(f"chart-picture-{seed}")  # noqa: S311 - a drawing, no secret
    chart = CHARTS[seed % len(CHARTS)]
    count = {"pie": rng.randrange(3, 7), "scatter": rng.randrange(14, 30)}.get(chart, rng.randrange(3, 8))
    values = [rng.uniform(0.15, 1.0) for _ in range(count)]
    if trend_of(seed) and chart != "pie":
        low, high = rng.uniform(0.1, 0.25), rng.uniform(0.8, 1.0)
        values = [low + (high - low) * place / (count - 1) for place in range(count)]
        values = [min(1.0, max(0.05, one + rng.uniform(-0.04, 0.04))) for one in values]
        values.sort(reverse=trend_of(seed) == "down")
    many = chart == "pie" or (chart in ("bar", "bar_h") and rng.random() < 0.3)
    colours = rng.sample(_CHART_COLOURS, min(count, len(_CHART_COLOURS)) if many else 1)
    named = [colours[place % len(colours)] for place in range(count)]
    return Picture(seed, chart=chart, colours=tuple(named), values=tuple(round(one, 3) for one in values))


def trend_of(seed: int) -> str:
    """Return whether the chart of a seed was made to rise or fall; empty: neither."""
    return ("up", "down", "")[(seed // len(CHARTS)) % 3]


def draw_picture(path: Path, picture: Picture) -> None:
    """Draw a picture into a PNG file."""
    from PIL import Image, ImageDraw

    rng = random.Random(f"picture-{picture.seed}")  # noqa: S311 - a drawing, no secret
    side = _SIDE * 2
    image = Image.new("RGB", (side, side), rng.choice(_GROUNDS))
    pen = ImageDraw.Draw(image)
    if picture.shape:
        _shape(pen, picture, rng, side)
    else:
        _chart(pen, picture, rng, side)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.reduce(2).save(path)


def _shape(pen: Any, picture: Picture, rng: random.Random, side: int) -> None:
    # At least 18% of the side: smaller ones are a few pixels for the tower.
    width = rng.uniform(0.22, 0.5) * side
    height = width if picture.shape == "circle" else rng.uniform(0.18, 0.5) * side
    left, top = rng.uniform(0.06, 0.94 - width / side) * side, rng.uniform(0.06, 0.94 - height / side) * side
    fill = COLOURS[picture.colours[0]]
    box = (left, top, left + width, top + height)
    if picture.shape == "circle":
        pen.ellipse(box, fill)
    elif picture.shape == "rectangle":
        pen.rectangle(box, fill)
    else:
        tip = left + rng.uniform(0.2, 0.8) * width
        pen.polygon([(left, top + height), (left + width, top + height), (tip, top)], fill)


def _chart(pen: Any, picture: Picture, rng: random.Random, side: int) -> None:
    if picture.chart == "pie":
        _pie(pen, picture, rng, side)
        return
    left, right, top, bottom = (0.14 * side, 0.95 * side, 0.1 * side, 0.86 * side)
    ink = rng.choice(((40, 40, 40), (90, 90, 90), (0, 0, 0)))
    if rng.random() < 0.5:
        for share in (0.25, 0.5, 0.75, 1.0):
            level = bottom - share * (bottom - top)
            pen.line((left, level, right, level), (222, 222, 222), 2)
    _words(pen, rng, side, ink, left, right, bottom)
    draw = {"bar": _bars, "bar_h": _bars_h, "line": _line, "scatter": _points}[picture.chart]
    draw(pen, picture, rng, (left, top, right, bottom))
    pen.line((left, bottom, right, bottom), ink, 3)
    pen.line((left, top, left, bottom), ink, 3)


def _words(
    pen: Any, rng: random.Random, side: int, ink: tuple[int, int, int], left: float, right: float, low: float
) -> None:
    font = _font(round(0.045 * side))
    title = rng.choice(("Sales by branch", "Visitors", "Rainfall", "Members of the club", "Output per week"))
    pen.text((0.3 * side, 0.02 * side), title, ink, font=font)
    for share in (0.0, 0.5, 1.0):
        pen.text((0.02 * side, low - share * 0.74 * side - 0.02 * side), f"{share * 100:.0f}", ink, font=font)
    pen.text(
        ((left + right) / 2 - 0.05 * side, 0.93 * side), rng.choice(("Year", "Week", "Item")), ink, font=font
    )


def _font(size: int) -> Any:
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(
        str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size
    )


Box = tuple[float, float, float, float]


def _bars(pen: Any, picture: Picture, rng: random.Random, box: Box) -> None:
    left, top, right, bottom = box
    slot, share = (right - left) / len(picture.values), rng.uniform(0.5, 0.8)
    for place, (value, colour) in enumerate(zip(picture.values, picture.colours, strict=True)):
        start = left + (place + (1 - share) / 2) * slot
        pen.rectangle((start, bottom - value * (bottom - top), start + share * slot, bottom), COLOURS[colour])


def _bars_h(pen: Any, picture: Picture, rng: random.Random, box: Box) -> None:
    left, top, right, bottom = box
    slot, share = (bottom - top) / len(picture.values), rng.uniform(0.5, 0.8)
    for place, (value, colour) in enumerate(zip(picture.values, picture.colours, strict=True)):
        start = top + (place + (1 - share) / 2) * slot
        pen.rectangle((left, start, left + value * (right - left), start + share * slot), COLOURS[colour])


def _line(pen: Any, picture: Picture, rng: random.Random, box: Box) -> None:
    points, colour = _places(picture, box), COLOURS[picture.colours[0]]
    pen.line(points, colour, rng.choice((6, 8)))
    if rng.random() < 0.6:
        for x, y in points:
            pen.ellipse((x - 9, y - 9, x + 9, y + 9), colour)


def _points(pen: Any, picture: Picture, rng: random.Random, box: Box) -> None:
    radius = rng.choice((8, 10, 12))
    for x, y in _places(picture, box):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), COLOURS[picture.colours[0]])


def _places(picture: Picture, box: Box) -> list[tuple[float, float]]:
    left, top, right, bottom = box
    step = (right - left) * 0.94 / max(1, len(picture.values) - 1)
    return [
        (left + 0.03 * (right - left) + place * step, bottom - value * (bottom - top))
        for place, value in enumerate(picture.values)
    ]


def _pie(pen: Any, picture: Picture, rng: random.Random, side: int) -> None:
    radius, angle = rng.uniform(0.3, 0.4) * side, rng.uniform(0, 360)
    box = (side / 2 - radius, side / 2 - radius, side / 2 + radius, side / 2 + radius)
    for value, colour in zip(picture.values, picture.colours, strict=True):
        sweep = 360 * value / math.fsum(picture.values)
        pen.pieslice(box, angle, angle + sweep, COLOURS[colour], outline=(255, 255, 255), width=3)
        angle += sweep
