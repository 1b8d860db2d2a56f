"""The same charts drawn by matplotlib: what people's charts look like, and styles kept for measuring."""

from __future__ import annotations

import io
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from finetune.vlm.chart_spec import ChartSpec

if TYPE_CHECKING:
    from PIL import Image

TRAIN_STYLES = ("default", "bmh", "seaborn-v0_8-whitegrid", "Solarize_Light2", "fast")
TEST_STYLES = ("ggplot", "fivethirtyeight", "dark_background", "grayscale", "seaborn-v0_8-darkgrid")


_DARK = ("dark_background",)


def fitting(spec: ChartSpec, styles: Sequence[str]) -> list[str]:
    """Return the styles in which every mark of a chart can be seen: black ones need a light page."""
    return [style for style in styles if style not in _DARK or "black" not in spec.colours]


def plot(
    spec: ChartSpec, rng: Random, style: str, labels: Sequence[str] = (), title: str = ""
) -> Image.Image:
    """Return the chart as an RGB image of its own size, 300 to 700 pixels wide.

    Colours are the chart's own whatever the style says, so that what is asked stays true.
    """
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    size = (rng.uniform(3.5, 7.0), rng.uniform(3.0, 5.0))
    with matplotlib.style.context(style):
        figure = Figure(figsize=size, dpi=100)
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _draw(axes, spec, rng, labels)
        if title:
            axes.set_title(title, fontsize=rng.randint(9, 14))
        if rng.random() < 0.3 and spec.kind not in ("pie", "donut"):
            axes.grid(visible=rng.random() < 0.5)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
    with Image.open(buffer) as picture:
        return picture.convert("RGB")


def _draw(axes: Any, spec: ChartSpec, rng: Random, labels: Sequence[str]) -> None:
    colours = [tuple(part / 255 for part in rgb) for rgb in spec.rgb]
    scale = rng.choice((1, 10, 100, 5000))
    names = list(labels) or [chr(65 + at) for at in range(len(spec.values))]
    values = [value * scale for value in spec.values]
    if spec.kind == "bar":
        axes.bar(names, values, width=rng.uniform(0.45, 0.95), color=colours)
    elif spec.kind == "hbar":
        axes.barh(names, values, height=rng.uniform(0.45, 0.95), color=colours)
        axes.invert_yaxis()
    elif spec.kind == "line":
        marker = rng.choice(("", "", "o", "s", "^"))
        for row, colour in zip(spec.series, colours, strict=True):
            scaled = [value * scale for value in row]
            axes.plot(range(len(row)), scaled, color=colour, marker=marker, linewidth=rng.uniform(1.5, 3.5))
        axes.set_ylim(bottom=0)
    elif spec.kind == "scatter":
        flat = spec.series[0]
        axes.scatter(flat[::2], [y * scale for y in flat[1::2]], color=colours[0], s=rng.uniform(12, 60))
    else:
        ring = {"wedgeprops": {"width": rng.uniform(0.35, 0.6)}} if spec.kind == "donut" else {}
        shown = names if rng.random() < 0.6 else None
        axes.pie(values, colors=colours, labels=shown, startangle=rng.uniform(0, 360), **ring)
