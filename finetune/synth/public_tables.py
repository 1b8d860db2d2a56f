"""Columns of the public tables in vega-datasets: real numbers that no training chart has seen."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

Column = tuple[str, str, str, tuple[tuple[str, float], ...]]
"""Title, what a row is called, what is measured, and the cells in order."""


@cache
def vega_columns() -> tuple[Column, ...]:
    """Return columns of the tables in vega-datasets: title, row name, column name, cells in order."""
    try:
        from vega_datasets import local_data as data
    except ImportError:
        return ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package reads its files in a way that pandas will drop
        return _columns(data)


def _columns(data: Any) -> tuple[Column, ...]:
    electricity = data.iowa_electricity()
    electricity["year"] = [str(value)[:4] for value in electricity["year"]]
    crimea = data.crimea()
    crimea["month"] = [str(value)[:7] for value in crimea[crimea.columns[0]]]
    barley, wheat, driving = data.barley(), data.wheat(), data.driving()
    cars, weather = data.cars(), data.seattle_weather()
    found = []
    for source, rows in electricity.groupby("source"):
        found.append((f"Iowa: {source}", "Year", "GWh", _cells(rows["year"], rows["net_generation"])))
    for site, rows in barley[barley["year"] == 1931].groupby("site"):
        found.append((f"Barley at {site}", "Variety", "Yield", _cells(rows["variety"], rows["yield"])))
    found += [
        ("Price of wheat", "Year", "Shillings", _cells(wheat["year"], wheat["wheat"])),
        ("Wages", "Year", "Shillings", _cells(wheat["year"], wheat["wages"].dropna())),
        ("Miles driven", "Year", "Miles", _cells(driving["year"], driving["miles"])),
        ("Price of gas", "Year", "Dollars", _cells(driving["year"], driving["gas"])),
        ("Deaths by disease", "Month", "Deaths", _cells(crimea["month"], crimea["disease"])),
    ]
    for column, label in (("Horsepower", "hp"), ("Miles_per_Gallon", "mpg"), ("Weight_in_lbs", "lbs")):
        means = cars.groupby("Cylinders")[column].mean().round(1)
        found.append((f"Cars: {label} by cylinders", "Cylinders", label, _cells(means.index, means)))
        years = cars.groupby(cars["Year"].astype(str).str[:4])[column].mean().round(1)
        found.append((f"Cars: {label} by year", "Year", label, _cells(years.index, years)))
    months = weather.groupby(weather["date"].astype(str).str[5:7])
    for column in ("precipitation", "temp_max", "wind"):
        found.append(
            (
                f"Seattle: {column}",
                "Month",
                column,
                _cells(*zip(*months[column].mean().round(1).items(), strict=True)),
            )
        )
    return tuple(item for item in found if len(item[3]) >= 3)


def _cells(names: object, values: object) -> tuple[tuple[str, float], ...]:
    pairs = zip(names, values, strict=False)  # type: ignore[call-overload]
    cells = {str(name)[:12].strip(): float(f"{float(value):.4g}") for name, value in pairs}
    return tuple((name, value) for name, value in cells.items() if value > 0)
