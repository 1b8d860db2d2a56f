"""The chart tool: one piece of evidence a cell, quotable, with box and place."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from core.contracts import ChartCell, ChartTable
from core.errors import VidenceError, invalid_input
from tools.read_chart import ReadChart, ReadChartArgs, number_text

TABLE = ChartTable(
    type="bar",
    title="Horsepower by origin",
    x="Origin",
    y="Horsepower",
    rows=(
        ChartCell(series="", category="Japan", value=79.8, confidence=0.94, box=(10, 20, 30, 90)),
        ChartCell(series="", category="USA", value=120.0, confidence=0.9, box=(40, 5, 60, 90)),
    ),
)


def _context(chart: Any) -> Any:
    return SimpleNamespace(
        models=SimpleNamespace(chart=chart),
        now=lambda: "2026-01-01T00:00:00+00:00",
        source_of=lambda sha: f"{sha}.png",
    )


async def test_every_cell_is_evidence_whose_text_carries_names_and_number():
    async def chart(sha256: str) -> ChartTable:
        return TABLE

    result = await ReadChart().run(ReadChartArgs(image="abc"), _context(chart))
    title, japan, usa = result.evidence
    assert title.content == "Horsepower by origin"
    assert japan.content == "Horsepower by origin | Japan | 79.8"
    assert usa.content.endswith("| USA | 120")
    assert japan.kind == "chart"
    assert japan.score == 0.94
    assert (japan.locator.box, japan.locator.row, japan.locator.col) == ((10, 20, 30, 90), 0, 0)
    assert usa.locator.row == 1
    assert japan.metadata["value"] == 79.8


async def test_a_declined_kind_stays_a_typed_error():
    async def chart(sha256: str) -> ChartTable:
        raise invalid_input("This looks like a scatter plot; Vidence reads bar, line and pie charts.")

    with pytest.raises(VidenceError, match="scatter plot"):
        await ReadChart().run(ReadChartArgs(image="abc"), _context(chart))


@pytest.mark.parametrize(
    ("value", "text"), [(120.0, "120"), (0.25, "0.25"), (1234567.0, "1234567"), (12345678.5, "12345700")]
)
def test_values_are_written_without_exponents(value: float, text: str):
    assert number_text(value).startswith(text[:5])
    assert "e" not in number_text(value)
