"""A light renderer: draws the same charts with Pillow, ten times as fast and with another hand than matplotlib's."""

from __future__ import annotations

import importlib.util
import io
import math
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.contracts import Box
from core.errors import unavailable
from finetune.synth.chart import Chart
from finetune.synth.layout import Layout, legend_names, make_layout, number

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

_SCALE = 2
_FILES = {
    ("DejaVu Sans", False): "DejaVuSans.ttf", ("DejaVu Sans", True): "DejaVuSans-Bold.ttf",
    ("DejaVu Sans Mono", False): "DejaVuSansMono.ttf", ("DejaVu Sans Mono", True): "DejaVuSansMono-Bold.ttf",
    ("DejaVu Serif", False): "DejaVuSerif.ttf", ("DejaVu Serif", True): "DejaVuSerif-Bold.ttf",
    ("STIXGeneral", False): "STIXGeneral.ttf", ("STIXGeneral", True): "STIXGeneralBol.ttf",
}  # fmt: skip


@lru_cache(maxsize=256)
def load_font(family: str, size: float, bold: bool = False) -> Any:
    """Return one of the fonts that come with matplotlib; raises `unavailable` without that package."""
    from PIL import ImageFont

    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise unavailable(
            "matplotlib's fonts are missing", help="Install the extra `demo`: make setup.", retryable=False
        )
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / _FILES[(family, bold)]), size)


def draw_light(chart: Chart) -> tuple[bytes, tuple[Box, ...]]:
    """Return PNG bytes and the boxes of bars in pixels (none for other marks)."""
    from PIL import Image, ImageDraw

    style = chart.style
    image = Image.new("RGB", (style.width * _SCALE, style.height * _SCALE), style.theme.page)
    pen = _Pen(ImageDraw.Draw(image), chart, make_layout(chart))
    pen.draw()
    small = image.reduce(_SCALE)
    out = io.BytesIO()
    small.save(out, "PNG", compress_level=6)
    return out.getvalue(), tuple(pen.boxes)


class _Pen:
    """Draws one chart at twice its size."""

    def __init__(self, canvas: ImageDraw, chart: Chart, layout: Layout) -> None:
        self.canvas, self.chart, self.at = canvas, chart, layout
        self.theme, self.style = chart.style.theme, chart.style
        self.boxes: list[Box] = []

    def draw(self) -> None:
        """Draw everything, marks over the grid."""
        if self.chart.type in ("pie", "donut"):
            self._pie()
        else:
            self._ground()
            {"line": self._lines, "lines": self._lines, "area": self._area, "scatter": self._points}.get(
                self.chart.type, self._bars
            )()
        self._words()

    def _font(self, share: float = 0.9) -> Any:
        return load_font(
            self.theme.font, round(self.style.font_px * share * _SCALE, 1), self.theme.bold and share >= 1
        )

    def _text(self, x: float, y: float, text: str, anchor: str, share: float = 0.9) -> None:
        self.canvas.text(
            (x * _SCALE, y * _SCALE), text, fill=self.theme.ink, font=self._font(share), anchor=anchor
        )

    def _line(self, points: list[tuple[float, float]], colour: str, width: float, dash: str = "-") -> None:
        scaled = [(x * _SCALE, y * _SCALE) for x, y in points]
        wide = max(1, round(width * _SCALE))
        if dash == "-":
            self.canvas.line(scaled, fill=colour, width=wide, joint="curve")
            return
        on, off = {"--": (5, 3), ":": (1.5, 2.5), "-.": (4, 2)}[dash]
        for start, end in _dashes(scaled, (on * wide, off * wide)):
            self.canvas.line([start, end], fill=colour, width=wide)

    def _box(self, box: Box, fill: str) -> None:
        edge = self.theme.edge or None
        self.canvas.rectangle([v * _SCALE for v in box], fill=fill, outline=edge, width=_SCALE if edge else 0)

    def _value(self, value: float) -> float:
        share = (value - self.at.low) / (self.at.high - self.at.low)
        if self.chart.type == "barh":
            return self.at.left + share * (self.at.right - self.at.left)
        return self.at.bottom - share * (self.at.bottom - self.at.top)

    def _slot(self, index: float) -> float:
        count = len(self.chart.table.categories)
        low, high = (
            (self.at.top, self.at.bottom) if self.chart.type == "barh" else (self.at.left, self.at.right)
        )
        if self.chart.type in ("line", "lines", "area"):
            pad = 0.04 * (high - low)
            return low + pad + index * (high - low - 2 * pad) / max(1, count - 1)
        return low + (index + 0.5) * (high - low) / count

    def _ground(self) -> None:
        at, theme = self.at, self.theme
        self.canvas.rectangle(
            [at.left * _SCALE, at.top * _SCALE, at.right * _SCALE, at.bottom * _SCALE], fill=theme.plot
        )
        sideways = self.chart.type == "barh"
        for tick in at.ticks:
            place = self._value(tick)
            if theme.grid in ("both", "x" if sideways else "y"):
                ends = (
                    [(place, at.top), (place, at.bottom)]
                    if sideways
                    else [(at.left, place), (at.right, place)]
                )
                self._line(ends, theme.grid_colour, 0.7, theme.grid_dash)
            spot = (
                (place, at.bottom + 0.3 * self.style.font_px, "mt")
                if sideways
                else (at.left - 0.4 * self.style.font_px, place, "rm")
            )
            self._text(spot[0], spot[1], number(tick), spot[2])
        for letter, ends in (
            ("l", [(at.left, at.top), (at.left, at.bottom)]), ("r", [(at.right, at.top), (at.right, at.bottom)]),
            ("t", [(at.left, at.top), (at.right, at.top)]), ("b", [(at.left, at.bottom), (at.right, at.bottom)]),
        ):  # fmt: skip
            if letter in theme.spines:
                self._line(ends, theme.ink, 0.8)
        if self.style.tick_labels:
            self._names(sideways)
        if self.chart.type == "scatter":
            self._x_numbers()

    def _names(self, sideways: bool) -> None:
        gap = 0.4 * self.style.font_px
        for index, name in enumerate(self.chart.table.categories):
            place = self._slot(index)
            if sideways:
                self._text(self.at.left - gap, place, name, "rm")
            elif self.at.turn == 0:
                self._text(place, self.at.bottom + gap, name, "mt")
            else:
                self._turned(place, self.at.bottom + gap, name, self.at.turn)

    def _turned(self, x: float, y: float, text: str, degrees: int, *, middle: bool = False) -> None:
        from PIL import Image, ImageDraw

        font = self._font()
        left, top, right, bottom = (int(v) for v in font.getbbox(text))
        stamp = Image.new("L", (right - left + 4, bottom - top + 4))
        ImageDraw.Draw(stamp).text((2 - left, 2 - top), text, fill=255, font=font)
        stamp = stamp.rotate(degrees, expand=True, resample=Image.Resampling.BICUBIC)
        spot = (
            x * _SCALE - (stamp.width if degrees == 40 else stamp.width / 2),
            y * _SCALE - (stamp.height / 2 if middle else 0),
        )
        self.canvas.bitmap((round(spot[0]), round(spot[1])), stamp, fill=self.theme.ink)

    def _x_numbers(self) -> None:
        from finetune.synth.layout import nice_ticks

        low, high = self._x_span()
        for tick in nice_ticks(low, high, 4):
            place = self._across(tick, low, high)
            self._text(place, self.at.bottom + 0.3 * self.style.font_px, number(tick), "mt")

    def _x_span(self) -> tuple[float, float]:
        across = [x for cloud in self.chart.table.points for x, _ in cloud]
        pad = 0.06 * (max(across) - min(across) or 1.0)
        return min(across) - pad, max(across) + pad

    def _across(self, x: float, low: float, high: float) -> float:
        return self.at.left + (x - low) / (high - low) * (self.at.right - self.at.left)

    def _bars(self) -> None:
        chart, table = self.chart, self.chart.table
        series = len(table.series) if chart.type in ("grouped", "stacked") else 1
        slot = (
            abs(self._slot(1) - self._slot(0))
            if len(table.categories) > 1
            else 0.6 * (self.at.right - self.at.left)
        )
        wide = slot * self.style.bar_width / (series if chart.type == "grouped" else 1)
        below = [0.0] * len(table.categories)
        for s in range(series):
            for c, value in enumerate(table.values[s]):
                colour = chart.colours[c if chart.by == "category" else 0 if chart.by == "one" else s].value
                middle = self._slot(c) + ((s - (series - 1) / 2) * wide if chart.type == "grouped" else 0.0)
                start, end = self._value(max(below[c], self.at.low)), self._value(below[c] + value)
                side = (middle - wide / 2, middle + wide / 2)
                box = (
                    (start, side[0], end, side[1]) if chart.type == "barh" else (side[0], end, side[1], start)
                )
                self._box(box, colour)
                self.boxes.append(tuple(round(v, 1) for v in box))  # type: ignore[arg-type]
                if chart.type == "stacked":
                    below[c] += value
                elif self.style.value_labels and series == 1:
                    spot = (end + 3, middle, "lm") if chart.type == "barh" else (middle, end - 2, "mb")
                    self._text(spot[0], spot[1], f"{value:g}", spot[2], 0.8)

    def _lines(self) -> None:
        for row, colour in zip(self.chart.table.values, self.chart.colours, strict=True):
            points = [(self._slot(index), self._value(value)) for index, value in enumerate(row)]
            self._line(points, colour.value, self.style.line_width, self.theme.dash)
            if self.style.marker_px:
                for x, y in points:
                    self._mark(x, y, colour.value, self.style.marker_px)

    def _area(self) -> None:
        points = [(self._slot(index), self._value(value)) for index, value in enumerate(self.chart.values)]
        base = self._value(0.0)
        closed = [(points[0][0], base), *points, (points[-1][0], base)]
        self.canvas.polygon([(x * _SCALE, y * _SCALE) for x, y in closed], fill=self.chart.colours[0].value)

    def _points(self) -> None:
        low, high = self._x_span()
        for cloud, colour in zip(self.chart.table.points, self.chart.colours, strict=True):
            for x, y in cloud:
                self._mark(
                    self._across(x, low, high), self._value(y), colour.value, max(self.style.marker_px, 7.0)
                )

    def _mark(self, x: float, y: float, colour: str, size: float) -> None:
        half, x, y = size * _SCALE / 2, x * _SCALE, y * _SCALE
        if self.theme.marker == "o":
            self.canvas.ellipse([x - half, y - half, x + half, y + half], fill=colour)
        elif self.theme.marker == "s":
            self.canvas.rectangle([x - half, y - half, x + half, y + half], fill=colour)
        else:
            shapes = {
                "D": [(x, y - half), (x + half, y), (x, y + half), (x - half, y)],
                "^": [(x, y - half), (x + half, y + half), (x - half, y + half)],
                "v": [(x, y + half), (x + half, y - half), (x - half, y - half)],
            }
            self.canvas.polygon(shapes[self.theme.marker], fill=colour)

    def _pie(self) -> None:
        at, chart, style = self.at, self.chart, self.style
        radius = min(at.right - at.left, at.bottom - at.top) / 2
        cx, cy = (at.left + at.right) / 2, (at.top + at.bottom) / 2
        whole, angle = sum(chart.values), -float(style.start_angle)
        ring = [
            (cx - radius) * _SCALE,
            (cy - radius) * _SCALE,
            (cx + radius) * _SCALE,
            (cy + radius) * _SCALE,
        ]
        edge = self.theme.edge or self.theme.page
        for index, value in enumerate(chart.values):
            end = angle + 360 * value / whole
            self.canvas.pieslice(
                ring, angle, end, fill=chart.colours[index].value, outline=edge, width=_SCALE
            )
            middle = math.radians((angle + end) / 2)
            if not chart.legend:
                x, y = cx + 1.08 * radius * math.cos(middle), cy + 1.08 * radius * math.sin(middle)
                self._text(x, y, chart.table.categories[index], "lm" if math.cos(middle) > 0 else "rm")
            if style.value_labels and chart.type == "pie":
                x, y = cx + 0.7 * radius * math.cos(middle), cy + 0.7 * radius * math.sin(middle)
                self._text(x, y, f"{100 * value / whole:.0f}%", "mm", 0.8)
            angle = end
        if chart.type == "donut":
            hole = radius * style.inner
            self.canvas.ellipse(
                [(cx - hole) * _SCALE, (cy - hole) * _SCALE, (cx + hole) * _SCALE, (cy + hole) * _SCALE],
                fill=self.theme.page,
            )

    def _words(self) -> None:
        style, table, at = self.style, self.chart.table, self.at
        if style.title:
            place, anchor = {"left": (0.03, "lt"), "center": (0.5, "mt"), "right": (0.97, "rt")}[
                self.theme.title_place
            ]
            self._text(place * style.width, 0.5 * style.font_px, table.title, anchor, 1.1)
        if style.axis_titles and self.chart.type not in ("pie", "donut"):
            below, beside = (table.y, table.x) if self.chart.type == "barh" else (table.x, table.y)
            low = style.height - 0.6 * style.font_px
            if self.chart.legend and style.legend == "bottom":
                low = min(low, at.bottom + 3.4 * style.font_px)
            self._text((at.left + at.right) / 2, low, below, "mb")
            self._turned(1.2 * style.font_px, (at.top + at.bottom) / 2, beside, 90, middle=True)
        if self.chart.legend:
            self._legend()

    def _legend(self) -> None:
        style, size = self.style, self.style.font_px
        names, columns = legend_names(self.chart), self.at.legend_columns
        wide = max(self._font().getlength(name) / _SCALE for name in names) + 2.6 * size
        beside = style.legend == "right" and self.at.right < style.width - 2.5 * size
        columns = 1 if beside else columns
        rows = math.ceil(len(names) / columns)
        left = self.at.right + 0.5 * size if beside else (style.width - columns * wide) / 2
        top = {"top": 2.2 * size if style.title else 0.5 * size}.get(
            style.legend, style.height - 1.5 * size * rows - 0.3 * size
        )
        top = style.height / 2 - 0.75 * size * rows if beside else top
        for index, (name, colour) in enumerate(zip(names, self.chart.colours, strict=False)):
            x, y = left + wide * (index % columns), top + 1.5 * size * (index // columns)
            self._box((x, y + 0.1 * size, x + 1.1 * size, y + 0.9 * size), colour.value)
            self._text(x + 1.5 * size, y + 0.5 * size, name, "lm")


def _dashes(
    points: list[tuple[float, float]], pattern: tuple[float, float]
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Cut a path into dashes."""
    found, left, drawing = [], pattern[0], True
    for (x0, y0), (x1, y1) in pairwise(points):
        length = math.hypot(x1 - x0, y1 - y0)
        done = 0.0
        while length - done > 1e-6:
            step = min(left, length - done)
            a, b = done / length, (done + step) / length
            if drawing:
                found.append(
                    ((x0 + a * (x1 - x0), y0 + a * (y1 - y0)), (x0 + b * (x1 - x0), y0 + b * (y1 - y0)))
                )
            done, left = done + step, left - step
            if left <= 1e-6:
                drawing = not drawing
                left = pattern[0] if drawing else pattern[1]
    return found
