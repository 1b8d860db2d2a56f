# ruff: noqa: E501 - tables of looks and long report lines
"""Charts with known truth, drawn at run time from vega-datasets in many looks; seeded, nothing stored."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOOKS: dict[str, dict[str, Any]] = {
    "matplotlib": {"palette": ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b"]},
    "excel": {
        "palette": ["#4472C4", "#ED7D31", "#A5A5A5", "#FFC000", "#5B9BD5", "#70AD47"],
        "grid": "y", "grid_color": "#D9D9D9", "spines": ["bottom"], "legend": "bottom", "tick": 0,
    },
    "altair": {
        "palette": ["#4c78a8", "#f58518", "#e45756", "#72b7b2", "#54a24b", "#eeca3b"],
        "grid": "both", "grid_color": "#dddddd", "spines": ["left", "bottom", "top", "right"], "edge": "#dddddd",
        "rotate": 90, "size": 9, "legend": "right",
    },
    "plotly": {
        "palette": ["#636EFA", "#EF553B", "#00CC96", "#AB63FA", "#FFA15A", "#19D3F3"],
        "panel": "#E5ECF6", "grid": "both", "grid_color": "white", "spines": [], "legend": "right", "tick": 0,
    },
    "ggplot": {
        "palette": ["#E24A33", "#348ABD", "#988ED5", "#777777", "#FBC15E", "#8EBA42"],
        "panel": "#E5E5E5", "grid": "both", "grid_color": "white", "spines": [], "legend": "inside",
    },
    "d3": {
        "palette": ["#4682b4", "#e6550d", "#31a354", "#756bb1", "#636363", "#c51b8a"],
        "font": "DejaVu Serif", "spines": ["left", "bottom"], "legend": "right",
    },
    "pew": {
        "palette": ["#377668", "#949D48", "#BF3927", "#436983", "#D1A730", "#7d7d7d"],
        "spines": ["left"], "labels": True, "scale": False, "legend": "top",
    },
    "print": {
        "palette": ["#222222", "#888888", "#bbbbbb", "#555555", "#dddddd", "#999999"],
        "font": "DejaVu Serif", "grid": "y", "grid_color": "#eeeeee", "spines": ["left", "bottom"], "legend": "inside",
    },
}  # fmt: skip
READ = ("bar", "bar_h", "grouped", "stacked", "line", "lines", "pie", "donut")
DECLINED = {
    "scatter": "scatter plot",
    "area": "area chart",
    "heatmap": "heatmap",
    "table": "table",
    "photo": "chart",
}


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


@cache
def tables() -> dict[str, list[Table]]:
    """Return tables by shape: `one` (a series), `several`, `time` (years), `times`, `parts` (shares)."""
    import pandas
    from vega_datasets import local_data

    cars, barley = local_data.cars(), local_data.barley()
    weather, power = local_data.seattle_weather(), local_data.iowa_electricity()
    wheat, jobs, iris = local_data.wheat(), local_data.us_employment(), local_data.iris()
    airports, stocks = local_data.airports(), local_data.stocks()
    for frame, column in (
        (cars, "Year"),
        (power, "year"),
        (weather, "date"),
        (stocks, "date"),
        (jobs, "month"),
    ):
        frame[column] = pandas.to_datetime(frame[column])
    cars["Year"] = cars["Year"].dt.year.astype(str)
    power["year"] = power["year"].dt.year.astype(str)
    months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    weather["month"] = weather["date"].dt.month.map(lambda m: months[m - 1])
    stocks["year"] = stocks["date"].dt.year.astype(str)
    jobs["year"] = jobs["month"].dt.year.astype(str)
    jobs_by_year = jobs.groupby("year").mean(numeric_only=True)
    one = [
        _one("Horsepower by origin", "Origin", "Horsepower", cars.groupby("Origin")["Horsepower"].mean()),
        _one("Fuel economy by origin", "Origin", "Miles per gallon", cars.groupby("Origin")["Miles_per_Gallon"].mean()),
        _one("Average weight by cylinders", "Cylinders", "Weight (lbs)", cars.groupby("Cylinders")["Weight_in_lbs"].mean()),
        _one("Barley yield by site", "Site", "Yield (bushels/acre)", barley.groupby("site")["yield"].mean()),
        _one("Barley yield by variety", "Variety", "Yield", barley.groupby("variety")["yield"].mean()),
        _one("Rain in Seattle", "Month", "Precipitation (mm)", weather.groupby("month")["precipitation"].sum().reindex(months)),
        _one("Airports by state", "State", "Airports", airports["state"].value_counts().head(9)),
        _one("Petal length by species", "Species", "Petal length (cm)", iris.groupby("species")["petalLength"].mean()),
        _one("US jobs by sector in 2010", "Sector", "Thousands of jobs", jobs_by_year.loc["2010"][["construction", "manufacturing", "wholesale_trade", "retail_trade", "information"]]),
    ]  # fmt: skip
    several = [
        _several("Barley yield by site and year", "Site", "Yield", barley.pivot_table(index="site", columns="year", values="yield")),
        _several("Horsepower by cylinders and origin", "Cylinders", "Horsepower", cars[cars.Cylinders.isin([4, 6])].pivot_table(index="Cylinders", columns="Origin", values="Horsepower")),
        _several("Iris measures by species", "Measure", "Length (cm)", iris.groupby("species")[["sepalLength", "sepalWidth", "petalLength", "petalWidth"]].mean().T),
        _several("Electricity in Iowa", "Year", "Net generation", power[power.year.isin(["2001", "2005", "2009", "2013", "2017"])].pivot_table(index="year", columns="source", values="net_generation")),
        _several("Weather in Seattle", "Year", "Days", weather.assign(year=weather.date.dt.year.astype(str)).pivot_table(index="year", columns="weather", values="wind", aggfunc="count")[["rain", "sun", "fog"]]),
    ]  # fmt: skip
    time = [
        _one("Price of wheat", "Year", "Wheat (shillings)", wheat.set_index("year")["wheat"].iloc[-12:]),
        _one("Temperature in Seattle", "Month", "Temperature (°C)", weather.groupby("month")["temp_max"].mean().reindex(months)),
        _one("Miles per gallon by model year", "Model year", "Miles per gallon", cars.groupby("Year")["Miles_per_Gallon"].mean()),
        _one("US manufacturing jobs", "Year", "Thousands of jobs", jobs_by_year["manufacturing"]),
        _one("Amazon share price", "Year", "Price ($)", stocks[stocks.symbol == "AMZN"].groupby("year")["price"].mean()),
    ]  # fmt: skip
    times = [
        _several("Electricity in Iowa by source", "Year", "Net generation", power.pivot_table(index="year", columns="source", values="net_generation")),
        _several("Share prices", "Year", "Price ($)", stocks[stocks.symbol.isin(["MSFT", "AMZN", "IBM"])].pivot_table(index="year", columns="symbol", values="price")),
        _several("Seattle temperatures", "Month", "Temperature (°C)", weather.groupby("month")[["temp_min", "temp_max"]].mean().reindex(months)),
    ]  # fmt: skip
    parts = [
        _one("Weather in Seattle", "Weather", "Days", weather["weather"].value_counts()),
        _one("Cars by origin", "Origin", "Cars", cars["Origin"].value_counts()),
        _one("Electricity in Iowa, 2017", "Source", "Net generation", power[power.year == "2017"].set_index("source")["net_generation"]),
        _one("Airports in five states", "State", "Airports", airports["state"].value_counts().head(5)),
    ]  # fmt: skip
    return {"one": one, "several": several, "time": time, "times": times, "parts": parts}


def _one(title: str, category: str, measure: str, column: Any) -> Table:
    names = tuple(str(name) for name in column.index)
    return Table(title, category, measure, names, ("",), (tuple(round(float(v), 2) for v in column),))


def _several(title: str, category: str, measure: str, frame: Any) -> Table:
    frame = frame.dropna()
    values = tuple(tuple(round(float(v), 2) for v in frame[name]) for name in frame.columns)
    names = tuple(str(name) for name in frame.columns)
    return Table(title, category, measure, tuple(str(i) for i in frame.index), names, values)


def drawings(count: int, seed: int = 0, kinds: tuple[str, ...] = READ) -> Iterator[Drawing]:
    """Yield `count` drawings, kinds in turn, everything else drawn from `seed`."""
    for index in range(count):
        rng = random.Random(f"{seed}-{index}")
        kind = kinds[index % len(kinds)]
        look = rng.choice(list(LOOKS))
        yield draw(kind, look, rng, name=f"{index:03d}-{kind}-{look}")


def draw(kind: str, look: str, rng: random.Random, *, name: str = "", table: Table | None = None) -> Drawing:
    """Draw one chart of a kind in a look; `rng` picks size, fonts, labels, scale and table."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style = {"font": "DejaVu Sans", "size": rng.choice([9, 10, 11, 12]), **LOOKS[look]}
    shape = {"bar": "one", "bar_h": "one", "grouped": "several", "stacked": "several", "line": "time",
             "lines": "times", "pie": "parts", "donut": "parts"}.get(kind, "one")  # fmt: skip
    table = table or rng.choice(tables()[shape])
    figure = Figure(
        figsize=(rng.uniform(5.5, 9), rng.uniform(3.8, 6)), dpi=rng.choice([80, 100, 120, 160, 200])
    )
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    notes: dict[str, Any] = {}
    _PAINTERS[kind](axes, table, style, rng, notes)
    pad = 34 if style.get("legend") == "top" else rng.choice([8, 14])
    axes.set_title(table.title, fontsize=style["size"] + rng.choice([2, 3, 5]), fontfamily=style["font"],
                   loc=rng.choice(["center", "left"]), pad=pad)  # fmt: skip
    figure.tight_layout()
    pixels = _pixels(figure, jpeg=rng.random() < 0.25)
    truth = tuple(
        (series, category, value)
        for series, row in zip(table.series, table.values, strict=True)
        for category, value in zip(table.categories, row, strict=True)
    )
    if kind in DECLINED:
        truth = ()
    return Drawing(name, kind, pixels, truth, table, notes)


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


def _dress(
    axes: Any, table: Table, style: dict[str, Any], rng: random.Random, *, upright: bool = True
) -> None:
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
    _dress(axes, table, style, rng)
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
    _dress(axes, table, style, rng, upright=False)


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
    _dress(axes, table, style, rng)
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
    _dress(axes, table, style, rng)
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
    _dress(axes, table, style, rng)
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
        pctdistance=0.8 if "width" in props else 0.6, textprops={"fontsize": style["size"], "fontfamily": style["font"]},
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


def _scatter(
    axes: Any, table: Table, style: dict[str, Any], rng: random.Random, notes: dict[str, Any]
) -> None:
    from vega_datasets import local_data

    cars = local_data.cars().dropna()
    for index, (_, group) in enumerate(cars.groupby("Origin")):
        rows = group.iloc[:: rng.choice([1, 2, 6])]
        axes.scatter(
            rows["Horsepower"],
            rows["Miles_per_Gallon"],
            color=style["palette"][index],
            s=rng.choice([12, 25]),
        )
    _dress(axes, table, style, rng)


def _area(axes: Any, table: Table, style: dict[str, Any], rng: random.Random, notes: dict[str, Any]) -> None:
    source = rng.choice(tables()["times"])
    places = np.arange(len(source.categories))
    if rng.random() < 0.5:
        axes.stackplot(places, *source.values, colors=style["palette"], labels=source.series)
    else:
        axes.fill_between(places, source.values[0], color=style["palette"][0])
    axes.set_xticks(places[::2], source.categories[::2])
    _dress(axes, source, style, rng)


def _heatmap(
    axes: Any, table: Table, style: dict[str, Any], rng: random.Random, notes: dict[str, Any]
) -> None:
    source = rng.choice(tables()["several"])
    shown = axes.imshow(
        np.asarray(source.values), cmap=rng.choice(["viridis", "Blues", "coolwarm"]), aspect="auto"
    )
    axes.set_xticks(range(len(source.categories)), source.categories, rotation=30, ha="right")
    axes.set_yticks(range(len(source.series)), source.series)
    axes.figure.colorbar(shown)


def _grid_of_text(
    axes: Any, table: Table, style: dict[str, Any], rng: random.Random, notes: dict[str, Any]
) -> None:
    source = rng.choice(tables()["several"])
    axes.axis("off")
    rows = [
        [f"{source.values[i][j]:g}" for i in range(len(source.series))] for j in range(len(source.categories))
    ]
    axes.table(cellText=rows, rowLabels=source.categories, colLabels=source.series, loc="center")


def _photo(axes: Any, table: Table, style: dict[str, Any], rng: random.Random, notes: dict[str, Any]) -> None:
    from skimage import data

    axes.imshow(rng.choice([data.astronaut, data.coffee, data.chelsea])())
    axes.axis("off")


_Painter = Callable[[Any, Table, dict[str, Any], random.Random, dict[str, Any]], None]
_PAINTERS: dict[str, _Painter] = {
    "bar": _bar, "bar_h": _bar_h, "grouped": _grouped, "stacked": _stacked, "line": _line, "lines": _line,
    "pie": _pie, "donut": _donut, "scatter": _scatter, "area": _area, "heatmap": _heatmap,
    "table": _grid_of_text, "photo": _photo,
}  # fmt: skip
