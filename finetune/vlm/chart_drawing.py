"""Drawing charts with Pillow in two milliseconds each, in styles of every kind that a seed gives.

Tables of training are rendered by plotting libraries elsewhere (`finetune.synth`); a tower that starts from
nothing needs tens of thousands of pictures, which only drawing directly gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from finetune.vlm.chart_spec import ChartSpec, Rgb

if TYPE_CHECKING:
    from PIL import Image

_VISIBLE = 90  # marks darker than this would drown in a dark page
_SIDE = 448  # twice the tower's side: reducing it smooths the edges


@dataclass(frozen=True)
class Style:
    """How a chart looks, none of which changes what is asked about it."""

    page: Rgb
    plot: Rgb
    ink: Rgb
    box: tuple[int, int, int, int]
    grid: tuple[bool, bool]
    frame: bool
    title: str
    labels: tuple[str, ...]
    font: int
    gap: float
    edge: Rgb | None
    width: int
    markers: bool
    legend: bool
    start: float
    inner: float
    written: bool
    top: float


def random_style(rng: Random, spec: ChartSpec) -> Style:
    """Draw a style: pages, margins, grids, labels, fonts; dark pages only where marks stay visible."""
    dark = rng.random() < 0.1 and min(max(rgb) for rgb in spec.rgb) > _VISIBLE
    page: Rgb = _grey(rng, 10, 50) if dark else _grey(rng, 225, 255)
    if rng.random() < 0.5 and not dark:
        page = (255, 255, 255)
    plot = page if rng.random() < 0.7 else (_grey(rng, 20, 60) if dark else _grey(rng, 215, 250))
    legend = rng.random() < 0.3
    box = (
        rng.randint(25, 80),
        rng.randint(15, 85),
        _SIDE - rng.randint(12, 45) - (90 if legend else 0),
        _SIDE - rng.randint(25, 75),
    )
    return Style(
        page=page,
        plot=plot,
        ink=_grey(rng, 190, 255) if dark else _grey(rng, 0, 110),
        box=box,
        grid=(rng.random() < 0.45, rng.random() < 0.2),
        frame=rng.random() < 0.5,
        title=_words(rng, 2, 5) if rng.random() < 0.6 else "",
        labels=tuple(
            _words(rng, 1, 1) if rng.random() < 0.7 else str(rng.randint(0, 2030)) for _ in range(12)
        ),
        font=rng.randint(13, 22),
        gap=rng.uniform(0.05, 0.6),
        edge=None if rng.random() < 0.65 else _grey(rng, 0, 255),
        width=rng.randint(3, 9),
        markers=rng.random() < 0.4,
        legend=legend,
        start=rng.choice((0.0, -90.0, 90.0, rng.uniform(0, 360))),
        inner=rng.uniform(0.35, 0.65),
        written=rng.random() < 0.25,
        top=rng.uniform(0.85, 1.0),
    )


def _grey(rng: Random, low: int, high: int) -> Rgb:
    level, tint = rng.randint(low, high), rng.randint(0, 6)
    return (max(0, level - tint * rng.randint(0, 1)), max(0, level - tint * rng.randint(0, 1)), level)


_LETTERS = "aaabcdeeefghiiklmnnoooprrssttuuvwy"


def _words(rng: Random, low: int, high: int) -> str:
    count = rng.randint(low, high)
    return " ".join(
        "".join(rng.choice(_LETTERS) for _ in range(rng.randint(2, 7))).capitalize() for _ in range(count)
    )


def draw(spec: ChartSpec, style: Style) -> Image.Image:
    """Return the chart as an RGB image of 224 x 224 pixels."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (_SIDE, _SIDE), style.page)
    pen = ImageDraw.Draw(picture)
    if style.title:
        pen.text((_SIDE // 2, 4), style.title, style.ink, _font(style.font + 3), anchor="mt")
    if spec.kind in ("pie", "donut"):
        _pie(pen, spec, style)
    else:
        _axes(pen, spec, style)
        {"bar": _bars, "hbar": _hbars, "line": _lines, "scatter": _scatter}[spec.kind](pen, spec, style)
    if style.legend and spec.varied:
        _legend(pen, spec, style)
    return picture.reduce(2)


def _font(size: int) -> Any:
    from functools import cache

    from PIL import ImageFont

    global _fonts  # noqa: PLW0603 - opened once a process, on first use
    if _fonts is None:
        _fonts = cache(ImageFont.load_default)
    return _fonts(size)


_fonts: Any = None


def _axes(pen: Any, spec: ChartSpec, style: Style) -> None:
    x0, y0, x1, y1 = style.box
    if style.plot != style.page:
        pen.rectangle(style.box, fill=style.plot)
    faint = tuple((3 * a + b) // 4 for a, b in zip(style.plot, style.ink, strict=True))
    flat = spec.kind == "hbar"
    for step in range(6):
        part = step / 5
        if style.grid[flat]:
            pen.line((x0, y1 - part * (y1 - y0), x1, y1 - part * (y1 - y0)), faint, 1)
        if style.grid[not flat]:
            pen.line((x0 + part * (x1 - x0), y0, x0 + part * (x1 - x0), y1), faint, 1)
        place = (x0 + part * (x1 - x0), y1 + 4) if flat else (x0 - 4, y1 - part * (y1 - y0))
        pen.text(place, str(step * 20), style.ink, _font(style.font - 2), anchor="mt" if flat else "rm")
    if style.frame:
        pen.rectangle(style.box, outline=style.ink, width=2)
    else:
        pen.line((x0, y0, x0, y1), style.ink, 2)
        pen.line((x0, y1, x1, y1), style.ink, 2)


def _bars(pen: Any, spec: ChartSpec, style: Style) -> None:
    x0, y0, x1, y1 = style.box
    slot = (x1 - x0) / len(spec.values)
    for place, (value, colour) in enumerate(zip(spec.values, spec.rgb, strict=True)):
        left, right = x0 + slot * (place + style.gap / 2), x0 + slot * (place + 1 - style.gap / 2)
        top = y1 - value * style.top * (y1 - y0)
        pen.rectangle((left, top, right, y1), fill=colour, outline=style.edge)
        if slot > 30:
            pen.text(
                ((left + right) / 2, y1 + 4), style.labels[place], style.ink, _font(style.font - 2), "mt"
            )
        if style.written:
            pen.text(((left + right) / 2, top - 2), f"{value:.2f}", style.ink, _font(style.font - 2), "mb")


def _hbars(pen: Any, spec: ChartSpec, style: Style) -> None:
    x0, y0, x1, y1 = style.box
    slot = (y1 - y0) / len(spec.values)
    for place, (value, colour) in enumerate(zip(spec.values, spec.rgb, strict=True)):
        top, bottom = y0 + slot * (place + style.gap / 2), y0 + slot * (place + 1 - style.gap / 2)
        right = x0 + value * style.top * (x1 - x0)
        pen.rectangle((x0, top, right, bottom), fill=colour, outline=style.edge)
        if slot > 20:
            pen.text(
                (x0 - 4, (top + bottom) / 2), style.labels[place], style.ink, _font(style.font - 2), "rm"
            )
        if style.written:
            pen.text((right + 2, (top + bottom) / 2), f"{value:.2f}", style.ink, _font(style.font - 2), "lm")


def _lines(pen: Any, spec: ChartSpec, style: Style) -> None:
    x0, y0, x1, y1 = style.box
    for row, colour in zip(spec.series, spec.rgb, strict=True):
        step = (x1 - x0) / (len(row) - 1)
        points = [(x0 + step * at, y1 - value * style.top * (y1 - y0)) for at, value in enumerate(row)]
        pen.line(points, colour, style.width, joint="curve")
        if style.markers:
            size = style.width + 1
            for x, y in points:
                pen.ellipse((x - size, y - size, x + size, y + size), fill=colour)


def _scatter(pen: Any, spec: ChartSpec, style: Style) -> None:
    x0, y0, x1, y1 = style.box
    size = style.width
    flat = spec.series[0]
    for x, y in zip(flat[::2], flat[1::2], strict=True):
        across, up = x0 + x * (x1 - x0), y1 - y * style.top * (y1 - y0)
        pen.ellipse((across - size, up - size, across + size, up + size), spec.rgb[0], style.edge)


def _pie(pen: Any, spec: ChartSpec, style: Style) -> None:
    x0, y0, x1, y1 = style.box
    radius = min(x1 - x0, y1 - y0) / 2 - 4
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    disc = (cx - radius, cy - radius, cx + radius, cy + radius)
    angle = style.start
    for place, (value, colour) in enumerate(zip(spec.values, spec.rgb, strict=True)):
        end = angle + 360 * value
        pen.pieslice(disc, angle, end, fill=colour, outline=style.edge, width=2)
        if style.written:
            middle = math.radians((angle + end) / 2)
            away = radius * 0.75
            where = (cx + away * math.cos(middle), cy + away * math.sin(middle))
            pen.text(where, style.labels[place], style.ink, _font(style.font - 3), "mm")
        angle = end
    if spec.kind == "donut":
        hole = radius * style.inner
        pen.ellipse((cx - hole, cy - hole, cx + hole, cy + hole), fill=style.page)


def _legend(pen: Any, spec: ChartSpec, style: Style) -> None:
    x, y = style.box[2] + 10, style.box[1]
    for place, colour in enumerate(spec.rgb):
        top = y + place * (style.font + 8)
        pen.rectangle((x, top, x + style.font, top + style.font), fill=colour)
        pen.text((x + style.font + 4, top), style.labels[place][:6], style.ink, _font(style.font - 3))
