"""Charts that we draw: the table behind a drawing, and questions about it.

Tables of ours, with other values each time, in the looks of common tools: so that the truth is known. For
`drawn_charts` and `drawn_chart_questions` the whole path runs; `drawn_marks` gives the words and their
places, and so measures what is read of the marks alone, without the cost of reading text.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from core.errors import VidenceError
from core.text import find_numbers
from evals.run.registry import Place, Scorer, suite
from evals.run.sample import Output, Sample
from evals.run.scorers import metric_scorer
from evals.solvers.asking import Ask, Asking, asker
from evals.solvers.bench import Bench, async_solver, bench_solver
from evals.solvers.charts import cells_read, chart_reader
from evals.suites.answers import ANSWERED, INVENTED, is_right, said
from evals.suites.rows import own

if TYPE_CHECKING:
    from evals.drawings.charts import Drawing

_KINDS = ("bar", "bar_h", "grouped", "stacked", "line", "lines", "pie", "donut")
_SHAPES = {"bar": "one", "bar_h": "one", "grouped": "several", "stacked": "several", "line": "time",
           "lines": "times", "pie": "parts", "donut": "parts"}  # fmt: skip
_LOOKS = ("matplotlib", "excel", "altair", "plotly", "ggplot", "d3", "pew", "print")
_AS_WRITTEN, _READ, _MARKED = 2, 4, 11
"""Rounds through the kinds: with tables as we wrote them, read as pictures, with the words given."""
_INCHES, _DPI = (6.2, 4.9), 100
"""As small as is read without being enlarged."""
_NEAR = 0.05
"""A value is read from a drawing, not copied: so near counts as right."""
CELLS = (
    metric_scorer("cells_within", cells_read),
    metric_scorer("cell_error", cells_read, judged=False),
    metric_scorer("rms_f1", cells_read, judged=False),
)


def drawn(first: int = 0, rounds: int = _READ) -> Iterator[dict[str, Any]]:
    """Yield the charts to draw: id, kind, look, seed and table.

    Args:
        first: The round to begin with: no two rounds have a table, or a kind in the same look with the same
            size and fonts, in common.
        rounds: How often each kind comes.
    """
    tables: dict[str, list[dict[str, Any]]] = {}
    for row in own("chart_tables.jsonl"):
        tables.setdefault(row["shape"], []).append(row)
    for number in range(first * len(_KINDS), (first + rounds) * len(_KINDS)):
        kind = _KINDS[number % len(_KINDS)]
        turn, place = divmod(number, len(_KINDS))
        shape = tables[_SHAPES[kind]]
        table = shape[(turn + _KINDS.index(kind)) % len(shape)]
        yield {
            "id": f"{kind}-{turn}",
            "kind": kind,
            "look": _LOOKS[(place + 3 * turn) % len(_LOOKS)],
            "seed": number,
            "table": table if turn < _AS_WRITTEN else varied(table, number),
        }


def varied(table: dict[str, Any], seed: int) -> dict[str, Any]:
    """Return a table with other values of the same size and precision, one of them clearly the highest."""
    for attempt in itertools.count():
        rng = random.Random(f"table-{seed}-{attempt}")  # noqa: S311 - made-up data, no secret
        rows = [[_other(value, rng) for value in row] for row in table["values"]]
        if all(_clear(row) for row in rows):
            return {**table, "values": rows}
    raise AssertionError  # never: the loop above has no end


def _other(value: float, rng: random.Random) -> float:
    changed = value * rng.uniform(0.6, 1.4)
    return round(changed, 1) if isinstance(value, float) else max(1, round(changed))


def _clear(row: list[float]) -> bool:
    first, second = sorted(row, reverse=True)[:2]
    return first > 1.06 * second


def truth_of(chart: dict[str, Any]) -> list[list[Any]]:
    """Return the true cells of a chart; a pie's are shares in percent."""
    table = chart["table"]
    rows = table["values"]
    if chart["kind"] in ("pie", "donut"):
        whole = sum(rows[0])
        rows = [[100 * value / whole for value in rows[0]]]
    return [
        [series, category, value]
        for series, row in zip(table["series"], rows, strict=True)
        for category, value in zip(table["categories"], row, strict=True)
    ]


def drawing_of(given: dict[str, Any]) -> Drawing:
    """Draw a chart."""
    from evals.drawings.charts import Table, draw

    body = {name: value for name, value in given["table"].items() if name != "shape"}
    table = Table(
        **{
            **body,
            "categories": tuple(body["categories"]),
            "series": tuple(body["series"]),
            "values": tuple(tuple(row) for row in body["values"]),
        }
    )
    rng = random.Random(f"chart-{given['seed']}")  # noqa: S311 - a drawing, no secret
    return draw(given["kind"], given["look"], rng, lambda shape: table, inches=_INCHES, dpi=_DPI)


def draw_chart(bench: Bench, sample: Sample) -> None:
    """Draw the chart of a sample where its image should be, once in a run."""
    name = sample.input["images"][0]
    bench.once(f"draw {name}", lambda: _save(bench, name, drawing_of(sample.input["chart"])))


def _save(bench: Bench, name: str, drawing: Drawing) -> None:
    from PIL import Image

    path = bench.path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(drawing.pixels).save(path)


def _image(chart: dict[str, Any]) -> str:
    return f"evals/drawn/charts/{chart['id']}.png"


def _cells(name: str, charts: Iterator[dict[str, Any]]) -> Iterator[Sample]:
    for chart in charts:
        yield Sample(
            id=chart["id"],
            suite=name,
            family="charts",
            kind=chart["kind"],
            modality="image",
            source=chart["look"],
            input={"chart": chart, "images": [_image(chart)]},
            target=truth_of(chart),
        )


@suite(
    "drawn_charts",
    family="charts",
    version="2",
    timeout_s=300.0,
    open_solver=async_solver(lambda bench: chart_reader(bench, draw_chart), "ocr"),
    scorers=CELLS,
    at_once=1,
    lane="ocr beside",
)
def drawn_charts(place: Place) -> Iterator[Sample]:
    """32 tables drawn as eight kinds of chart in eight looks: cells read within 5%."""
    yield from _cells("drawn_charts", drawn())


def _marks_reader(bench: Bench) -> Callable[[Sample, int], Output]:
    def answer(sample: Sample, seed: int) -> Output:
        from core.contracts import OcrLine
        from models.charts import read_chart

        drawing = drawing_of(sample.input["chart"])
        _save(bench, sample.input["images"][0], drawing)  # for the report
        lines = [OcrLine(text=text, box=box, score=1.0) for text, box in drawing.texts]
        try:
            table = read_chart(drawing.pixels, lines)
        except VidenceError as error:
            if error.kind != "invalid_input":
                raise
            return Output(answer={"cells": [], "type": "", "declined": error.message})
        cells = [[cell.series, cell.category, cell.value] for cell in table.rows]
        return Output(answer={"cells": cells, "type": table.type, "declined": ""})

    return answer


@suite(
    "drawn_marks",
    family="charts",
    timeout_s=300.0,
    open_solver=bench_solver(_marks_reader),
    scorers=CELLS,
)
def drawn_marks(place: Place) -> Iterator[Sample]:
    """80 other tables drawn likewise, their words and the places of these given: cells read within 5%."""
    yield from _cells("drawn_marks", drawn(_READ, _MARKED))


def _asker(bench: Bench) -> Asking:
    def ask(sample: Sample) -> Ask:
        draw_chart(bench, sample)
        return Ask(sample.input["question"], images=tuple(sample.input["images"]))

    return ask


def _right(sample: Sample, output: Output) -> float:
    short, value = said(output), sample.target["value"]
    if value is None:
        return float(bool(short) and any(is_right(short, gold) for gold in sample.target["answers"]))
    told = [one.value for one in find_numbers(short)]
    return float(len(told) == 1 and abs(told[0] - value) <= _NEAR * abs(value))


def _told(sample: Sample, output: Output) -> str:
    return said(output)


def _gold(sample: Sample) -> list[str]:
    return list(sample.target["answers"])


@suite(
    "drawn_chart_questions",
    family="charts",
    version="2",
    timeout_s=300.0,
    open_solver=asker(_asker, "ocr"),
    scorers=(
        Scorer("answer_right", _right, version="2", help="Says the place, or a value within 5%."),
        metric_scorer("relaxed_accuracy", _told, _gold, judged=False),
        metric_scorer("numeric_match", _told, _gold, judged=False),
        INVENTED,
        ANSWERED,
    ),
    at_once=1,
    lane="ocr beside",
)
def drawn_chart_questions(place: Place) -> Iterator[Sample]:
    """What is highest, and what a place is worth, on charts with one series of the same drawings."""
    for chart in drawn():
        cells = truth_of(chart)
        if len(chart["table"]["series"]) > 1:
            continue
        table = chart["table"]
        highest = max(cells, key=lambda cell: cell[2])[1]
        _, asked, value = cells[(chart["seed"] * 7 + 1) % len(cells)]
        share = " the share of" if chart["kind"] in ("pie", "donut") else ""
        for kind, question, accepted, number in (
            ("highest", f"Which {table['category'].lower()} has the highest value?", [highest], None),
            ("value", f"What is{share or ' the value of'} {asked}?", [f"{value:g}"], value),
        ):
            yield Sample(
                id=f"{chart['id']}-{kind}",
                suite="drawn_chart_questions",
                family="charts",
                kind=kind,
                difficulty=chart["kind"],
                modality="image",
                source=chart["look"],
                group=chart["id"],
                input={"chart": chart, "images": [_image(chart)], "question": question},
                target={"answers": accepted, "value": number},
            )


SUITES = (drawn_charts, drawn_marks, drawn_chart_questions)
