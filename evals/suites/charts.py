"""Public charts: those that mislead (cells, multiple choice), and those with a question (OpenCQA)."""

from __future__ import annotations

import csv
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
from evals.solvers.charts import chart_reader
from evals.suites.answers import ANSWERED, INVENTED, said
from evals.suites.rows import public

_READABLE = ("bar_chart", "line_chart", "pie_chart", "stacked_bar_chart", "stacked_bar_100")


def _asker(bench: Bench) -> Asking:
    def ask(sample: Sample) -> Ask:
        return Ask(sample.input["question"], images=tuple(sample.input["images"]))

    return ask


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


SUITES = (misleading_cells, misleading_choice, opencqa)
