"""Reading charts, and asking about them, as suites need it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from core.errors import VidenceError
from evals.run.sample import Output, Sample, Seen
from evals.solvers.bench import AsyncAnswer, Bench

Prepare = Callable[[Bench, Sample], None]
"""Makes a sample's image where there is none yet; blocking."""


def chart_reader(bench: Bench, prepare: Prepare | None = None) -> AsyncAnswer:
    """Return what reads the chart of a sample.

    The answer holds its cells (series, category, value), its kind, and why it was declined, if so: a chart
    that is declined by name is an answer without cells, not a failure.
    """

    async def answer(sample: Sample) -> Output:
        if prepare is not None:
            await asyncio.to_thread(prepare, bench, sample)
        sha256 = await bench.image(sample.input["images"][0])
        try:
            table = await bench.services.models.chart(sha256)
        except VidenceError as error:
            if error.kind != "invalid_input":
                raise
            return Output(answer={"cells": [], "type": "", "declined": error.message})
        cells = [[cell.series, cell.category, cell.value] for cell in table.rows]
        seen = tuple(
            Seen(kind="chart", text=f"{cell.series} {cell.category} {cell.value:g}".strip(), box=cell.box)
            for cell in table.rows
            if cell.box is not None
        )
        return Output(answer={"cells": cells, "type": table.type, "declined": ""}, evidence=seen)

    return answer


def cells_read(sample: Sample, output: Output) -> Any:
    """Return the cells of an answer."""
    return output.answer["cells"]
