"""Where the parts of a chart go, in pixels: the same for both renderers."""

from __future__ import annotations

import math

from core.contracts import Contract
from finetune.synth.chart import Chart

_LETTER = {"DejaVu Sans Mono": 0.61, "DejaVu Serif": 0.64, "STIXGeneral": 0.47}
_WIDE = 0.6


class Layout(Contract):
    """The plot's rectangle (y grows downwards), the value axis, and how category names are turned."""

    left: float
    top: float
    right: float
    bottom: float
    low: float
    high: float
    ticks: tuple[float, ...]
    turn: int = 0
    legend_columns: int = 1


def text_width(text: str, font: str, size: float) -> float:
    """Estimate how many pixels wide a text is."""
    return len(text) * size * _LETTER.get(font, _WIDE)


def number(value: float) -> str:
    """Write a number as an axis does."""
    if abs(value) >= 10_000 and value % 100 == 0:
        return f"{value / 1000:g}k"
    return f"{value:g}" if abs(value) < 1e6 else f"{value / 1e6:g}M"


def legend_names(chart: Chart) -> tuple[str, ...]:
    """Return what the legend lists."""
    return chart.table.categories if chart.by == "category" else chart.table.series


def make_layout(chart: Chart) -> Layout:
    """Lay a chart out so that its texts have room."""
    style, table = chart.style, chart.table
    size, font = style.font_px, style.theme.font
    low, high, ticks = value_axis(chart)
    left, right, top, bottom = 0.8 * size, style.width - 0.9 * size, 0.8 * size, style.height - 0.7 * size
    if style.title:
        top += 1.6 * size
    columns = 1
    if chart.legend:
        names = legend_names(chart)
        entry = max(text_width(name, font, 0.9 * size) for name in names) + 3.2 * size
        columns = max(1, min(len(names), int((style.width - 2 * size) / entry)))
        deep = math.ceil(len(names) / columns) * 1.5 * size + 0.4 * size
        if style.legend == "right" and entry < 0.4 * style.width:
            right -= entry
        elif style.legend == "top":
            top += deep
        else:
            bottom -= deep
    turn = 0
    if chart.type in ("pie", "donut"):
        room = 0.0 if chart.legend else max(text_width(name, font, 0.9 * size) for name in table.categories)
        left, right = left + room, right - room
        return Layout(
            left=left,
            top=top + size,
            right=right,
            bottom=bottom - size,
            low=0,
            high=1,
            ticks=(),
            legend_columns=columns,
        )
    if style.axis_titles:
        left, bottom = left + 1.4 * size, bottom - 1.5 * size
    value_room = max(text_width(number(tick), font, 0.9 * size) for tick in ticks) + 0.5 * size
    if chart.type == "barh":
        left += (
            max(text_width(name, font, 0.9 * size) for name in table.categories) + 0.5 * size
            if style.tick_labels
            else 0
        )
        bottom -= 1.4 * size
    else:
        left += value_room
        if table.categories and style.tick_labels:
            widest = max(text_width(name, font, 0.9 * size) for name in table.categories)
            slot = (right - left) / len(table.categories)
            turn = 0 if widest < 0.9 * slot else (40 if slot > 1.5 * size else 90)
            deep = {0: size, 40: 0.66 * widest + size, 90: widest}[turn]
            bottom -= deep + 0.6 * size
        elif not table.categories:
            bottom -= 1.5 * size
    return Layout(
        left=left,
        top=top,
        right=right,
        bottom=bottom,
        low=low,
        high=high,
        ticks=ticks,
        turn=turn,
        legend_columns=columns,
    )


def value_axis(chart: Chart) -> tuple[float, float, tuple[float, ...]]:
    """Return the lowest and the highest value of the value axis, and its ticks."""
    values = [value for row in chart.table.values for value in row]
    if chart.type == "stacked":
        values = [
            sum(row[index] for row in chart.table.values) for index in range(len(chart.table.categories))
        ]
    if chart.type == "scatter":
        values = [y for cloud in chart.table.points for _, y in cloud]
    top, low = max(values), 0.0
    room = 1.16 if chart.style.value_labels else 1.08
    if not chart.zero:
        low = min(values) - 0.12 * (top - min(values))
    high = low + (top - low) * room
    return low, high, nice_ticks(low, high, chart.style.ticks)


def nice_ticks(low: float, high: float, count: int) -> tuple[float, ...]:
    """Return about `count` round values between two."""
    raw = (high - low) / max(count, 2)
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * f for f in (1, 2, 2.5, 5, 10) if power * f >= raw)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return tuple(round(index * step, 10) for index in range(first, last + 1))
