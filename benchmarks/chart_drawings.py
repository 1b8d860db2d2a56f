# ruff: noqa: E501 - long tables
"""Charts with known truth from vega-datasets, and charts and pictures that the reader should decline."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from evals.drawings.charts import KINDS, Drawing, Painter, Table, draw, dress
from evals.drawings.looks import LOOKS

READ = KINDS
DECLINED = {
    "scatter": "scatter plot",
    "area": "area chart",
    "heatmap": "heatmap",
    "table": "table",
    "photo": "chart",
}


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

        def pick(shape: str, rng: random.Random = rng) -> Table:
            return rng.choice(tables()[shape])

        yield draw(kind, look, rng, pick, name=f"{index:03d}-{kind}-{look}", painters=_PAINTERS)


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
    dress(axes, table, style, rng)


def _area(axes: Any, table: Table, style: dict[str, Any], rng: random.Random, notes: dict[str, Any]) -> None:
    source = rng.choice(tables()["times"])
    places = np.arange(len(source.categories))
    if rng.random() < 0.5:
        axes.stackplot(places, *source.values, colors=style["palette"], labels=source.series)
    else:
        axes.fill_between(places, source.values[0], color=style["palette"][0])
    axes.set_xticks(places[::2], source.categories[::2])
    dress(axes, source, style, rng)


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


_PAINTERS: dict[str, Painter] = {
    "scatter": _scatter, "area": _area, "heatmap": _heatmap, "table": _grid_of_text, "photo": _photo,
}  # fmt: skip
