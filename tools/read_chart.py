"""`read_chart`: the table behind a bar, line or pie chart."""

from __future__ import annotations

from typing import ClassVar

from core.contracts import ChartCell, ChartTable, Locator, ToolResult
from tools.base import Cost, Need, ToolArgs, ToolContext, make_evidence


class ReadChartArgs(ToolArgs):
    """An image by content hash."""

    image: str


class ReadChart:
    """Reads a chart's values; every cell is evidence of kind `chart`, and so is the title.

    Charts of other kinds, and pictures that are no chart, are declined by name (`invalid_input`).
    """

    name: ClassVar[str] = "read_chart"
    version: ClassVar[str] = "1"
    description: ClassVar[str] = (
        "Read the values of a chart: bar, column, stacked bar, line, pie and ring charts, with axes, legend "
        "and printed labels. Which is highest, by how much, what was the value in a year, the trend."
    )
    arguments: ClassVar[type[ToolArgs]] = ReadChartArgs
    cost: ClassVar[Cost] = "moderate"
    needs: ClassVar[tuple[Need, ...]] = ("image",)

    async def run(self, args: ReadChartArgs, context: ToolContext) -> ToolResult:
        """Return the title and one piece of evidence a cell, in the chart's order."""
        table = await context.models.chart(args.image)
        about = {"type": table.type, "title": table.title, "x": table.x, "y": table.y}
        source = context.source_of(args.image)
        evidence = []
        if table.title:
            evidence.append(
                make_evidence(
                    self,
                    context,
                    kind="chart",
                    source=source,
                    content=table.title,
                    locator=Locator(sha256=args.image),
                    metadata={**about, "part": "title", "cells": len(table.rows)},
                )
            )
        places = _places(table)
        for cell, (row, col) in zip(table.rows, places, strict=True):
            evidence.append(
                make_evidence(
                    self,
                    context,
                    kind="chart",
                    source=source,
                    content=cell_text(table, cell),
                    locator=Locator(sha256=args.image, box=cell.box, row=row, col=col),
                    score=cell.confidence,
                    metadata={
                        **about,
                        "part": "cell",
                        "series": cell.series,
                        "category": cell.category,
                        "value": cell.value,
                    },
                )
            )
        return ToolResult(evidence=tuple(evidence))


def cell_text(table: ChartTable, cell: ChartCell) -> str:
    """Return a cell as text that carries its names and its number."""
    parts = (table.title or table.y, cell.series, cell.category, number_text(cell.value))
    return " | ".join(part for part in parts if part)


def number_text(value: float) -> str:
    """Return a value as people write it: no exponent, no needless zeros."""
    if float(value).is_integer():
        return str(int(value))
    text = f"{value:.6g}"
    return (
        f"{value:.0f}"
        if "e" in text and abs(value) >= 1
        else (f"{value:.10f}".rstrip("0") if "e" in text else text)
    )


def _places(table: ChartTable) -> list[tuple[int, int]]:
    """Return (row, column) of every cell: rows are categories, columns are series, both in order."""
    categories = list(dict.fromkeys(cell.category for cell in table.rows))
    series = list(dict.fromkeys(cell.series for cell in table.rows))
    return [(categories.index(cell.category), series.index(cell.series)) for cell in table.rows]
