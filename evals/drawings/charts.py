"""Charts drawn with known truth in many looks; everything else is drawn from a seed."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.contracts import Box
from evals.drawings.looks import LOOKS
from evals.drawings.words import texts_of

KINDS = ("bar", "bar_h", "grouped", "stacked", "line", "lines", "pie", "donut")
SHAPES = {"bar": "one", "bar_h": "one", "grouped": "several", "stacked": "several", "line": "time",
          "lines": "times", "pie": "parts", "donut": "parts"}  # fmt: skip
"""The shape of table that a kind is drawn from: `one` series, `several`, over `time` or `times`, `parts`."""


@dataclass(frozen=True)
class Table:
    """A small table: `values[i][j]` belongs to series i and category j."""

    title: str
    category: str
    measure: str
    categories: tuple[str, ...]
    series: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Drawing:
    """A drawn chart: RGB pixels (height, width, 3), its kind and style, and its true cells."""

    name: str
    kind: str
    pixels: NDArray[np.uint8]
    truth: tuple[tuple[str, str, float], ...]
    table: Table | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    texts: tuple[tuple[str, Box], ...] = ()
    """The words that are drawn, with the boxes (x0, y0, x1, y1) that they fill in pixels."""


Painter = Callable[[Any, Table, dict[str, Any], random.Random, dict[str, Any]], None]


def draw(
    kind: str,
    look: str,
    rng: random.Random,
    pick: Callable[[str], Table],
    *,
    name: str = "",
    painters: Mapping[str, Painter] | None = None,
    inches: tuple[float, float] | None = None,
    dpi: int | None = None,
) -> Drawing:
    """Draw one chart of a kind in a look; `rng` picks size, fonts, labels and scale.

    Args:
        kind: One of `KINDS`, or of `painters`.
        look: One of `LOOKS`.
        rng: What is drawn at random.
        pick: Returns the table for a shape.
        name: What the drawing is called.
        painters: Other kinds; what they draw has no true cells.
        inches: Width and height, instead of a size at random.
        dpi: Pixels an inch, instead of some at random.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style = {"font": "DejaVu Sans", "size": rng.choice([9, 10, 11, 12]), **LOOKS[look]}
    table = pick(SHAPES.get(kind, "one"))
    size, fine = (rng.uniform(5.5, 9), rng.uniform(3.8, 6)), rng.choice([80, 100, 120, 160, 200])
    figure = Figure(figsize=inches or size, dpi=dpi or fine)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    notes: dict[str, Any] = {}
    (painters or {}).get(kind, _PAINTERS.get(kind, _bar))(axes, table, style, rng, notes)
    pad = 34 if style.get("legend") == "top" else rng.choice([8, 14])
    axes.set_title(table.title, fontsize=style["size"] + rng.choice([2, 3, 5]), fontfamily=style["font"],
                   loc=rng.choice(["center", "left"]), pad=pad)  # fmt: skip
    figure.tight_layout()
    pixels = _pixels(figure, jpeg=rng.random() < 0.25)
    truth = cells_of(table) if kind in _PAINTERS else ()
    return Drawing(name, kind, pixels, truth, table, notes, texts_of(figure, pixels))


def cells_of(table: Table) -> tuple[tuple[str, str, float], ...]:
    """Return the cells (series, category, value) of a table."""
    return tuple(
        (series, category, value)
        for series, row in zip(table.series, table.values, strict=True)
        for category, value in zip(table.categories, row, strict=True)
    )


def _pixels(figure: Any, *, jpeg: bool) -> NDArray[np.uint8]:
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=figure.dpi, facecolor=figure.get_facecolor())
    image = Image.open(buffer).convert("RGB")
    if jpeg:
        second = io.BytesIO()
        image.save(second, "JPEG", quality=88)
        image = Image.open(second).convert("RGB")
    return np.asarray(image)


def dress(
    axes: Any, table: Table, style: dict[str, Any], rng: random.Random, *, upright: bool = True
) -> None:
    """Give axes the grid, spines, ticks and names of a look."""
    if "panel" in style:
        axes.set_facecolor(style["panel"])
    axes.set_axisbelow(True)
    grid = style.get("grid")
    if grid:
        which = grid if upright or grid == "both" else "x"
        axes.grid(True, axis=which, color=style["grid_color"], linewidth=0.9)
    shown = style.get("spines", ["left", "bottom", "top", "right"])
    for side, spine in axes.spines.items():
        spine.set_visible(side in shown)
        if "edge" in style:
            spine.set_color(style["edge"])
    axes.tick_params(labelsize=style["size"], length=style.get("tick", 3.5))
    names = (table.category, table.measure) if upright else (table.measure, table.category)
    if rng.random() < 0.8 and style.get("scale", True):
        axes.set_xlabel(names[0], fontsize=style["size"] + 1, fontfamily=style["font"])
        axes.set_ylabel(names[1], fontsize=style["size"] + 1, fontfamily=style["font"])
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_fontfamily(style["font"])


def _scale(
    axes: Any, table: Table, style: dict[str, Any], rng: random.Random, side: str, notes: dict[str, Any]
) -> None:
    """Dress the value axis: thousands, dollars, kilo, or no scale where labels are printed."""
    from matplotlib.ticker import FuncFormatter

    target = axes.yaxis if side == "y" else axes.xaxis
    top = max(max(row) for row in table.values)
    if not style.get("scale", True):
        target.set_ticks([])
        return
    choice = rng.random()
    if top > 5000 and choice < 0.35:
        target.set_major_formatter(FuncFormatter(lambda v, _: f"{v / 1000:g}K" if v else "0"))
    elif top > 1000 and choice < 0.9:
        target.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}"))
    elif "$" in table.measure and choice < 0.5:
        target.set_major_formatter(FuncFormatter(lambda v, _: f"${v:g}"))
    notes["top"] = top


def _wide(table: Table) -> bool:
    return sum(len(name) for name in table.categories) > 45 or len(table.categories) > 9


def _name_x(axes: Any, table: Table, places: Any, style: dict[str, Any], rng: random.Random) -> None:
    turn = style.get("rotate", 0)
    if turn and rng.random() < 0.5:
        turn = 0
    if _wide(table):
        turn = turn or rng.choice([30, 45, 90])
    axes.set_xticks(places, table.categories, rotation=turn, ha="right" if 0 < turn < 90 else "center")


def _bar(axes: Any, table: Table, style: dict[str, Any], rng: random.Random, notes: dict[str, Any]) -> None:
    values, places = table.values[0], np.arange(len(table.categories))
    colours: Any = style["palette"][0]
    if rng.random() < 0.2 and len(values) <= 6:
        colours = style["palette"][: len(values)]
    bars = axes.bar(places, values, width=rng.uniform(0.45, 0.9), color=colours)
    if style.get("labels") or rng.random() < 0.25:
        axes.bar_label(bars, fmt=rng.choice(["%.1f", "%g"]), fontsize=style["size"] - 1, padding=2)
        notes["labels"] = True
    _scale(axes, table, style, rng, "y", notes)
    _name_x(axes, table, places, style, rng)
    dress(axes, table, style, rng)
    if rng.random() < 0.15 and not notes.get("labels"):
        axes.set_ylim(0.8 * min(values), 1.02 * max(values))
        notes["truncated"] = True


def _bar_h(axes: Any, table: Table, style: dict[str, Any], rng: random.Random, notes: dict[str, Any]) -> None:
    values, places = table.values[0], np.arange(len(table.categories))
    bars = axes.barh(places, values, height=rng.uniform(0.45, 0.9), color=style["palette"][0])
    axes.set_yticks(places, table.categories)
    axes.invert_yaxis()
    if style.get("labels") or rng.random() < 0.25:
        axes.bar_label(bars, fmt=rng.choice(["%.1f", "%g"]), fontsize=style["size"] - 1, padding=2)
        notes["labels"] = True
    _scale(axes, table, style, rng, "x", notes)
    dress(axes, table, style, rng, upright=False)


def _grouped(
    axes: Any, table: Table, style: dict[str, Any], rng: random.Random, notes: dict[str, Any]
) -> None:
    places, count = np.arange(len(table.categories)), len(table.series)
    width = rng.uniform(0.6, 0.85) / count
    for index, (series, row) in enumerate(zip(table.series, table.values, strict=True)):
        offset = (index - (count - 1) / 2) * width
        bars = axes.bar(
            places + offset,
            row,
            width=width * rng.choice([1.0, 0.92]),
            color=style["palette"][index],
            label=series,
        )
        if style.get("labels"):
            axes.bar_label(bars, fmt="%g", fontsize=style["size"] - 3, padding=1)
    _scale(axes, table, style, rng, "y", notes)
    _name_x(axes, table, places, style, rng)
    dress(axes, table, style, rng)
    _legend(axes, style, rng, count)


def _stacked(
    axes: Any, table: Table, style: dict[str, Any], rng: random.Random, notes: dict[str, Any]
) -> None:
    places, base = np.arange(len(table.categories)), np.zeros(len(table.categories))
    width = rng.uniform(0.5, 0.8)
    for index, (series, row) in enumerate(zip(table.series, table.values, strict=True)):
        bars = axes.bar(places, row, width=width, bottom=base, color=style["palette"][index], label=series)
        if style.get("labels"):
            axes.bar_label(bars, fmt="%g", fontsize=style["size"] - 2, label_type="center", color="white")
        base = base + np.asarray(row)
    _scale(axes, table, style, rng, "y", notes)
    _name_x(axes, table, places, style, rng)
    dress(axes, table, style, rng)
    _legend(axes, style, rng, len(table.series))


def _line(axes: Any, table: Table, style: dict[str, Any], rng: random.Random, notes: dict[str, Any]) -> None:
    places = np.arange(len(table.categories))
    marker = rng.choice([None, "o", "s", "^", None])
    for index, (series, row) in enumerate(zip(table.series, table.values, strict=True)):
        axes.plot(places, row, color=style["palette"][index], label=series or None, marker=marker,
                  linewidth=rng.choice([1.2, 1.8, 2.5]), markersize=rng.choice([4, 6]))  # fmt: skip
        if style.get("labels") or (len(table.series) == 1 and rng.random() < 0.15):
            for place, value in zip(places, row, strict=True):
                axes.annotate(f"{value:g}", (place, value), textcoords="offset points", xytext=(0, 6),
                              ha="center", fontsize=style["size"] - 2)  # fmt: skip
    style = {**style, "scale": True}
    _scale(axes, table, style, rng, "y", notes)
    _name_x(axes, table, places, style, rng)
    dress(axes, table, style, rng)
    if len(table.series) > 1:
        _legend(axes, style, rng, len(table.series))
    if len(table.series) == 1 and rng.random() < 0.12:
        axes.invert_yaxis()
        notes["inverted"] = True
    elif rng.random() < 0.12 and min(min(row) for row in table.values) > 0:
        axes.set_yscale("log")
        notes["log"] = True


def _pie(axes: Any, table: Table, style: dict[str, Any], rng: random.Random, notes: dict[str, Any]) -> None:
    values = table.values[0]
    printed = "%.1f%%" if rng.random() < 0.6 else None
    beside = rng.random() < 0.5
    props: dict[str, Any] = {"edgecolor": "white"} if rng.random() < 0.5 else {}
    if notes.pop("ring", False):
        props["width"] = 0.4
    wedges = axes.pie(
        values, labels=None if beside else table.categories, colors=style["palette"], autopct=printed,
        startangle=rng.choice([0, 90, 140]), counterclock=rng.random() < 0.5, wedgeprops=props,
        pctdistance=0.8 if "width" in props else 0.6,
        textprops={"fontsize": style["size"], "fontfamily": style["font"]},
    )  # fmt: skip
    if beside:
        patches = wedges.wedges if hasattr(wedges, "wedges") else wedges[0]
        axes.legend(
            patches, table.categories, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=style["size"]
        )
    notes["shares"] = True


def _donut(axes: Any, table: Table, style: dict[str, Any], rng: random.Random, notes: dict[str, Any]) -> None:
    notes["ring"] = True
    _pie(axes, table, style, rng, notes)


def _legend(axes: Any, style: dict[str, Any], rng: random.Random, count: int) -> None:
    where = style.get("legend", "inside")
    size = style["size"]
    if where == "right":
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=size)
    elif where == "bottom":
        axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=count, frameon=False, fontsize=size
        )
    elif where == "top":
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=count, frameon=False, fontsize=size)
    else:
        axes.legend(loc="best", fontsize=size, frameon=rng.random() < 0.7)


_PAINTERS: dict[str, Painter] = {
    "bar": _bar, "bar_h": _bar_h, "grouped": _grouped, "stacked": _stacked, "line": _line, "lines": _line,
    "pie": _pie, "donut": _donut,
}  # fmt: skip
