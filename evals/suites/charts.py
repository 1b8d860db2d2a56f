"""Charts: the table behind a drawing, and questions about it.

`drawn_charts` and `drawn_chart_questions` draw tables of ours in the looks of common tools, so that the truth
is known. Public: charts that mislead (cells, multiple choice) and charts with a question and an answer in a
sentence (OpenCQA).
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.text import find_numbers
from evals.metrics.choices import Choice, chosen_letter
from evals.metrics.registry import get_metric
from evals.run.registry import Place, Scorer, suite
from evals.run.sample import Output, Sample
from evals.run.scorers import metric_scorer
from evals.solvers.asking import Ask, Asking, asker
from evals.solvers.bench import Bench, async_solver
from evals.solvers.charts import cells_read, chart_reader
from evals.suites.answers import ANSWERED, INVENTED, RIGHT, said
from evals.suites.rows import own, public

_KINDS = ("bar", "bar_h", "grouped", "stacked", "line", "lines", "pie", "donut")
_SHAPES = {"bar": "one", "bar_h": "one", "grouped": "several", "stacked": "several", "line": "time",
           "lines": "times", "pie": "parts", "donut": "parts"}  # fmt: skip
_LOOKS = ("matplotlib", "excel", "altair", "plotly", "ggplot", "d3", "pew", "print")
_ROUNDS = 2
_READABLE = ("bar_chart", "line_chart", "pie_chart", "stacked_bar_chart", "stacked_bar_100")
CELLS = (
    metric_scorer("cells_within", cells_read),
    metric_scorer("cell_error", cells_read, judged=False),
    metric_scorer("rms_f1", cells_read, judged=False),
)


def drawn() -> Iterator[dict[str, Any]]:
    """Yield the charts to draw: id, kind, look, seed and table; each kind in two looks."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for row in own("chart_tables.jsonl"):
        tables.setdefault(row["shape"], []).append(row)
    for number in range(_ROUNDS * len(_KINDS)):
        kind = _KINDS[number % len(_KINDS)]
        turn, place = divmod(number, len(_KINDS))
        shape = tables[_SHAPES[kind]]
        yield {
            "id": f"{kind}-{turn}",
            "kind": kind,
            "look": _LOOKS[(place + 3 * turn) % len(_LOOKS)],
            "seed": number,
            "table": shape[(turn + _KINDS.index(kind)) % len(shape)],
        }


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


def draw_chart(bench: Bench, sample: Sample) -> None:
    """Draw the chart of a sample where its image should be."""
    from PIL import Image

    from evals.drawings.charts import Table, draw

    given = sample.input["chart"]
    body = {name: value for name, value in given["table"].items() if name != "shape"}
    table = Table(
        **{
            **body,
            "categories": tuple(body["categories"]),
            "series": tuple(body["series"]),
            "values": tuple(tuple(row) for row in body["values"]),
        }
    )
    path = bench.path(sample.input["images"][0])
    rng = random.Random(f"chart-{given['seed']}")  # noqa: S311 - a drawing, no secret
    pixels = draw(given["kind"], given["look"], rng, lambda shape: table).pixels
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _image(chart: dict[str, Any]) -> str:
    return f"evals/drawn/charts/{chart['id']}.png"


@suite(
    "drawn_charts",
    family="charts",
    timeout_s=300.0,
    open_solver=async_solver(lambda bench: chart_reader(bench, draw_chart), "ocr"),
    scorers=CELLS,
)
def drawn_charts(place: Place) -> Iterator[Sample]:
    """Tables of ours drawn as eight kinds of chart in eight looks: cells read within 5%."""
    for chart in drawn():
        yield Sample(
            id=chart["id"],
            suite="drawn_charts",
            family="charts",
            kind=chart["kind"],
            modality="image",
            source=chart["look"],
            input={"chart": chart, "images": [_image(chart)]},
            target=truth_of(chart),
        )


def _asker(bench: Bench) -> Asking:
    def ask(sample: Sample) -> Ask:
        if "chart" in sample.input:
            draw_chart(bench, sample)
        return Ask(sample.input["question"], images=tuple(sample.input["images"]))

    return ask


@suite(
    "drawn_chart_questions",
    family="charts",
    timeout_s=300.0,
    open_solver=asker(_asker, "ocr"),
    scorers=(RIGHT, INVENTED, ANSWERED),
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
        for kind, question, accepted in (
            ("highest", f"Which {table['category'].lower()} has the highest value?", [highest]),
            ("value", f"What is{share or ' the value of'} {asked}?", [f"{value:g}", f"{value:g}%"]),
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
                target={"answers": accepted},
            )


def cells_of_file(path: Path, *, first_only: bool = False) -> list[list[Any]]:
    """Return the cells of a true table: the first column names, every numeric column is a series."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        return []
    columns = [name for name in rows[0] if name is not None]
    series = [name for name in columns[1:] if all(_is_number(row[name]) for row in rows)]
    if first_only:
        # Helper columns of a drawing (heights, adjusted scales) are not what the chart states.
        series = series[:1]
    return [[name, row[columns[0]], float(row[name])] for row in rows for name in series]


def _is_number(text: str | None) -> bool:
    try:
        float(text or "")
    except ValueError:
        return False
    return True


def _about(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "family": "charts",
        "kind": row["plot"],
        "difficulty": row["difficulty"],
        "modality": "image",
        "source": row["misleader"],
    }


def _against_file(name: str, *, judged: bool = True) -> Scorer:
    """Return the scorer of cells against a file, of which a chart may show the first column only."""
    metric = get_metric(name)

    def one(sample: Sample, output: Output) -> float | None:
        cells = output.answer["cells"]
        alone = len({cell[0] for cell in cells}) <= 1 and sample.target["may_be_first"]
        return metric(cells, sample.target["first" if alone else "all"])

    better = metric.better == "higher"
    return Scorer(name, one=one, higher_is_better=better, judged=judged, help=metric.help)


@suite(
    "misleading_cells",
    family="charts",
    needs="misleading_chartqa",
    timeout_s=300.0,
    open_solver=async_solver(chart_reader, "ocr"),
    scorers=(_against_file("cells_within"), _against_file("cell_error", judged=False)),
)
def misleading_cells(place: Place) -> Iterator[Sample]:
    """Bar, line and pie charts that are drawn to mislead: cells read within 5% (Misleading ChartQA)."""
    assert place.data is not None
    folder = place.data / "misleading_chartqa"
    for row in public(place, "misleading_chartqa/dev.jsonl"):
        if row["plot"] in _READABLE:
            yield Sample(
                **_about(row),
                suite="misleading_cells",
                input={"images": [f"misleading_chartqa/{row['image']}"]},
                target={
                    "all": cells_of_file(folder / row["csv"]),
                    "first": cells_of_file(folder / row["csv"], first_only=True),
                    "may_be_first": row["plot"] in ("bar_chart", "line_chart", "pie_chart"),
                },
            )


def _chosen(sample: Sample, output: Output) -> str:
    return said(output)


def _letter(sample: Sample) -> Choice:
    return Choice(sample.target["correct"], sample.target["options"])


def _trapped(sample: Sample, output: Output) -> float:
    return float(chosen_letter(said(output), sample.target["options"]) == sample.target["trap"])


@suite(
    "misleading_choice",
    family="charts",
    needs="misleading_chartqa",
    timeout_s=300.0,
    open_solver=asker(_asker, "ocr"),
    scorers=(
        metric_scorer("choice", _chosen, _letter),
        Scorer(
            "trapped",
            _trapped,
            higher_is_better=False,
            judged=False,
            help="Chooses the option that the drawing misleads to.",
        ),
        ANSWERED,
    ),
)
def misleading_choice(place: Place) -> Iterator[Sample]:
    """Multiple choice on charts that are drawn to mislead, through the real graph (Misleading ChartQA)."""
    for row in public(place, "misleading_chartqa/dev.jsonl"):
        options = " ".join(f"{letter}) {text}" for letter, text in row["options"].items())
        yield Sample(
            **_about(row),
            suite="misleading_choice",
            input={
                "images": [f"misleading_chartqa/{row['image']}"],
                "question": f"{row['question']} {options}",
            },
            target={"correct": row["correct"], "options": row["options"], "trap": row["misleader_option"]},
        )


def _text(sample: Sample, output: Output) -> str:
    return f"{output.answer['text']}" if output.answer["status"] == "done" else ""


def _numbers_told(sample: Sample, output: Output) -> float | None:
    """Return the share of the gold answer's numbers, years left out, that the answer has."""
    gold = {one.value for one in find_numbers(sample.target) if not 1900 <= one.value <= 2030}
    told = {one.value for one in find_numbers(f"{_text(sample, output)} {said(output)}")}
    return len(gold & told) / len(gold) if gold else None


@suite(
    "opencqa",
    family="charts",
    needs="opencqa",
    timeout_s=300.0,
    open_solver=asker(_asker, "ocr"),
    scorers=(
        Scorer("numbers_told", _numbers_told, help="Share of the numbers of the true answer that are said."),
        metric_scorer("rouge_l", _text, judged=False),
        INVENTED,
        ANSWERED,
    ),
)
def opencqa(place: Place) -> Iterator[Sample]:
    """Open questions on real charts, through the real graph: the numbers of the true answer (OpenCQA)."""
    for row in public(place, "opencqa/dev.jsonl"):
        yield Sample(
            id=row["id"],
            suite="opencqa",
            family="charts",
            kind=str(row["question_type"]),
            modality="image",
            source="opencqa",
            group=row["image"],
            input={"images": [f"opencqa/{row['image']}"], "question": row["question"]},
            target=row["abstractive_answer"],
        )


SUITES = (drawn_charts, drawn_chart_questions, misleading_cells, misleading_choice, opencqa)
