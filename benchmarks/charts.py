# ruff: noqa: E501 - tables of looks and long report lines
"""Measure the chart reader and the answers from charts.

    python -m benchmarks.charts synthetic --count 48 --seed 0
    python -m benchmarks.charts misleading --data ../shared/data [--cli]
    python -m benchmarks.charts pew --data ../shared/data --limit 40

OCR results are cached by content under the system's temporary folder.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.answer.base import AnswerTask
from agents.answer.charts import ChartExtractor
from agents.checks import check_candidate
from agents.question import parse_question
from benchmarks.common import add_data_option
from core.contracts import Candidate, ChartTable, Evidence, Locator, OcrLine
from core.errors import VidenceError
from core.text import find_numbers
from evals.suites.charts import cells_of_file
from evals.suites.rows import json_lines
from models.charts import read_chart
from tools.read_chart import cell_text

_CACHE = Path(tempfile.gettempdir()) / "vidence-chart-ocr"


@cache
def _reader() -> Any:
    from models.ocr import OcrReader

    return OcrReader()


def read_lines(pixels: NDArray[np.uint8]) -> list[OcrLine]:
    """Return OCR lines, from the cache when these pixels were read before."""
    from models.ocr import OCR_VERSION

    key = hashlib.sha256(OCR_VERSION.encode() + pixels.tobytes() + str(pixels.shape).encode()).hexdigest()[
        :24
    ]
    file = _CACHE / f"{key}.json"
    if not file.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        lines = [line.model_dump() for line in _reader().read_lines(pixels)]
        file.write_text(json.dumps(lines))
    return [OcrLine.model_validate(line) for line in json.loads(file.read_text())]


def load(path: Path) -> NDArray[np.uint8]:
    """Return an image's pixels, RGB."""
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def plain(name: str) -> str:
    """Fold a name for matching."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def ratio(a: str, b: str) -> float:
    """Return how alike two names are, 0 to 100."""
    return 100 * SequenceMatcher(None, a, b).ratio()


def match_cells(
    truth: Sequence[Sequence[Any]], table: ChartTable
) -> list[tuple[Sequence[Any], float | None, float]]:
    """Pair true cells with read ones by name: (true cell, read value or None, confidence)."""
    one = len({series for series, _, _ in truth}) <= 1
    read_names = list(dict.fromkeys(cell.series for cell in table.rows))
    unnamed = all(re.fullmatch(r"Series \d+", name) for name in read_names)
    pairs: list[tuple[Sequence[Any], float | None, float]] = []
    for series, category, value in truth:
        best, score = None, 0.0
        for cell in table.rows:
            near = ratio(plain(category), plain(cell.category))
            exact_digits = re.sub(r"\D", "", category) == re.sub(r"\D", "", cell.category)
            if near < 75 or not exact_digits:
                continue
            beside = 100.0 if one or unnamed else ratio(plain(series), plain(cell.series))
            if unnamed and not one and abs(cell.value - value) > 0.05 * abs(value):
                beside = 70.0  # without a legend nobody can name a series; any may be meant
            if beside >= 60 and near + beside > score:
                best, score = cell, near + beside
        pairs.append(
            ((series, category, value), best.value if best else None, best.confidence if best else 0.0)
        )
    return pairs


def right(true: float, read: float | None) -> bool:
    """Whether a read value is within 5% of the truth."""
    return read is not None and abs(read - true) <= 0.05 * max(abs(true), 1e-9)


def calibration(pairs: Iterable[tuple[float, bool]]) -> str:
    """Return right answers by band of confidence."""
    bands: dict[int, list[bool]] = defaultdict(list)
    for confidence, good in pairs:
        bands[min(9, int(confidence * 10))].append(good)
    return "  ".join(f"{band / 10:.1f}: {np.mean(v):.2f} (n={len(v)})" for band, v in sorted(bands.items()))


def synthetic(count: int, seed: int, verbose: bool) -> None:
    """Draw charts with known truth and read them."""
    from benchmarks.chart_drawings import DECLINED, READ, drawings

    good: dict[str, list[bool]] = defaultdict(list)
    sure: list[tuple[float, bool]] = []
    for drawing in drawings(count, seed, READ):
        try:
            table = read_chart(drawing.pixels, read_lines(drawing.pixels))
        except VidenceError as error:
            good[drawing.kind] += [False] * len(drawing.truth)
            if verbose:
                print(f"{drawing.name}: {error.message}")
            continue
        truth = drawing.truth
        if drawing.notes.get("shares"):
            whole = sum(value for _, _, value in truth)
            truth = tuple((s, c, 100 * v / whole) for s, c, v in truth)
        pairs = match_cells(truth, table)
        marks = [right(cell[2], value) for cell, value, _ in pairs]
        good[drawing.kind] += marks
        sure += [(c, m) for (_, value, c), m in zip(pairs, marks, strict=True) if value is not None]
        if verbose and not all(marks):
            wrong = [(cell, value) for (cell, value, _), m in zip(pairs, marks, strict=True) if not m]
            print(
                f"{drawing.name} [{table.type}] {sum(marks)}/{len(marks)} {drawing.notes} wrong: {wrong[:3]}"
            )
    _report(good, sure)
    named = []
    for drawing in drawings(max(5, count // 4), seed, tuple(DECLINED)):
        try:
            told = f"read as {read_chart(drawing.pixels, read_lines(drawing.pixels)).type}"
        except VidenceError as error:
            told = error.message
        named.append(DECLINED[drawing.kind] in told)
        if verbose and not named[-1]:
            print(f"{drawing.name}: {told}")
    print(f"declined by name: {np.mean(named):.3f} (n={len(named)})")


def _report(good: dict[str, list[bool]], sure: Sequence[tuple[float, bool]]) -> None:
    for kind, marks in sorted(good.items()):
        print(f"{kind:12} cells within 5%: {np.mean(marks):.3f} (n={len(marks)})")
    every = [mark for marks in good.values() for mark in marks]
    print(f"{'all':12} cells within 5%: {np.mean(every):.3f} (n={len(every)})")
    print("confidence   ", calibration(sure))


EXPECTED = {
    "scatter_plot": ("scatter",), "choropleth_map": ("map",), "heatmap": ("heatmap",),
    "stacked_area_chart": ("area",), "area_chart": ("area",),
}  # fmt: skip
READABLE = {
    "bar_chart": "bar",
    "line_chart": "line",
    "pie_chart": "pie",
    "stacked_bar_chart": "stacked",
    "stacked_bar_100": "stacked",
}


def evidence_of(table: ChartTable, source: str) -> list[Evidence]:
    """Return the evidence that the tool would give, without a run."""
    about = {"type": table.type, "title": table.title, "x": table.x, "y": table.y}
    found = []
    if table.title:
        found.append(Evidence(kind="chart", source=source, content=table.title, score=1.0,
                              locator=Locator(sha256=source), metadata={**about, "part": "title", "cells": len(table.rows)}))  # fmt: skip
    for index, cell in enumerate(table.rows):
        found.append(Evidence(kind="chart", source=source, content=cell_text(table, cell), score=cell.confidence,
                              locator=Locator(sha256=source, box=cell.box, row=index, col=0),
                              metadata={**about, "part": "cell", "series": cell.series, "category": cell.category, "value": cell.value}))  # fmt: skip
    return found


def ask(table: ChartTable, question: str) -> Candidate | None:
    """Return the best candidate whose claims pass the check."""
    evidence = evidence_of(table, "chart")
    task = AnswerTask(question=parse_question(question), evidence=evidence)
    known = {item.id: item for item in evidence}
    for candidate in ChartExtractor().propose(task):
        if check_candidate(candidate, known).survives:
            return candidate
    return None


def read_directly(path: Path) -> tuple[ChartTable | None, str]:
    """Return the table of a chart, or why there is none, in process."""
    pixels = load(path)
    try:
        return read_chart(pixels, read_lines(pixels)), ""
    except VidenceError as error:
        return None, error.message


def vidence(*words: str) -> dict[str, Any]:
    """Return what a command prints with --json."""
    command = [str(Path(sys.executable).parent / "vidence"), *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    body: dict[str, Any] = json.loads(done.stdout)
    return body


def read_by_command(path: Path) -> tuple[ChartTable | None, str]:
    """Return the table of a chart, or why there is none, by `vidence chart`."""
    body = vidence("chart", str(path))
    if "error" in body:
        return None, str(body["error"]["message"])
    return ChartTable.model_validate(body), ""


def misleading(root: Path, *, cli: bool, verbose: bool) -> None:
    """Read the development charts: cells, declined kinds, multiple choice."""
    rows = json_lines(root / "dev.jsonl")
    good: dict[str, list[bool]] = defaultdict(list)
    sure: list[tuple[float, bool]] = []
    named: list[bool] = []
    choice: list[tuple[bool, bool]] = []
    took: list[float] = []
    for row in rows:
        path = root / row["image"]
        if not cli:
            read_lines(load(path))
        begun = time.perf_counter()
        table, told = read_by_command(path) if cli else read_directly(path)
        took.append(time.perf_counter() - begun)
        kind = row["plot"]
        if kind in READABLE:
            lone = table is None or len({cell.series for cell in table.rows}) <= 1
            truth = cells_of_file(
                root / row["csv"], first_only=lone and kind in ("line_chart", "pie_chart", "bar_chart")
            )
            pairs = match_cells(truth, table) if table else [(cell, None, 0.0) for cell in truth]
            marks = [right(cell[2], value) for cell, value, _ in pairs]
            good[READABLE[kind]] += marks
            sure += [(c, m) for (_, value, c), m in zip(pairs, marks, strict=True) if value is not None]
            if verbose and not all(marks):
                wrong = [(cell, value) for (cell, value, _), m in zip(pairs, marks, strict=True) if not m]
                print(
                    f"{row['id']} [{table.type if table else told}] {sum(marks)}/{len(marks)} wrong: {wrong[:2]}"
                )
        else:
            named.append(any(word in told for word in EXPECTED[kind]))
            if verbose and not named[-1]:
                print(f"{row['id']}: {told or 'read as ' + (table.type if table else '')}")
        options = " ".join(f"{letter}) {text}" for letter, text in row["options"].items())
        question = f"{row['question']} {options}"
        if cli:
            chosen = str(vidence("ask", question, "--image", str(path)).get("short_answer", ""))
        else:
            candidate = ask(table, question) if table else None
            chosen = candidate.short_answer if candidate else ""
        choice.append((bool(chosen), chosen == row["correct"]))
        if verbose and table is not None and not choice[-1][1]:
            print(f"   choice {row['id']}: {chosen or '-'} not {row['correct']}")
    _report(good, sure)
    print(f"declined by name: {np.mean(named):.3f} (n={len(named)})")
    answered = sum(a for a, _ in choice)
    print(f"multiple choice: {np.mean([r for _, r in choice]):.3f} of {len(choice)}, answered {answered}, "
          f"right when answered {sum(r for _, r in choice) / max(1, answered):.3f}")  # fmt: skip
    what = "by command" if cli else "without OCR"
    print(f"seconds a chart {what}: median {np.median(took):.2f}, most {max(took):.2f}")


def pew(root: Path, limit: int, verbose: bool) -> None:
    """Report how many numbers of the answers stand in the table (and in the OCR alone)."""
    rows = json_lines(root / "dev.jsonl")[:limit]
    in_table: list[bool] = []
    in_text: list[bool] = []
    declined: dict[str, int] = defaultdict(int)
    for row in rows:
        lines = read_lines(load(root / row["image"]))
        wanted = {n.value for n in find_numbers(row["abstractive_answer"]) if not 1900 <= n.value <= 2030}
        printed = {n.value for line in lines for n in find_numbers(line.text)}
        values: set[float] = set()
        try:
            table = read_chart(load(root / row["image"]), lines)
            values = {round(cell.value, 2) for cell in table.rows}
            declined[f"read as {table.type}"] += 1
        except VidenceError as error:
            declined[error.message.split(";")[0]] += 1
            if verbose:
                print(f"{row['id']}: {error.message}")
        in_table += [value in values for value in wanted]
        in_text += [value in printed for value in wanted]
    print(
        f"numbers of the answers found in the OCR: {np.mean(in_text):.3f}, in the table: {np.mean(in_table):.3f} (n={len(in_text)})"
    )
    print(dict(declined))


def main() -> None:
    """Run one of the measures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["synthetic", "misleading", "pew"])
    parser.add_argument("--count", type=int, default=48)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=150)
    add_data_option(parser)
    parser.add_argument("--cli", action="store_true", help="go through `vidence chart` and `vidence ask`")
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    if args.what == "synthetic":
        synthetic(args.count, args.seed, args.verbose)
    elif args.what == "misleading":
        misleading(args.data / "misleading_chartqa", cli=args.cli, verbose=args.verbose)
    else:
        pew(args.data / "opencqa", args.limit, args.verbose)


if __name__ == "__main__":
    main()
