"""The data sets of the embedded VLM's recipe, written in the training-data format."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from finetune.data.dataset import Dataset
from finetune.data.lines import file_lines
from finetune.data.rows import DatasetRecord, Split, TrainRow
from finetune.synth.chart import Chart, make_chart
from finetune.synth.chart_code import plotting_code
from finetune.synth.chart_light import draw_light
from finetune.synth.sandbox.client import Sandbox
from finetune.vlm.chart_spec import spec_of
from finetune.vlm.pictures import held_out
from finetune.vlm.questions import questions

_LICENCES = {"made": "CC0-1.0", "vega": "BSD-3-Clause"}
_LIGHT = {"train": 0.75, "dev": 0.75, "test": 0.3}  # the rest is drawn by matplotlib


def write_charts(folder: Path, count: int, *, dev: int = 100) -> DatasetRecord:
    """Draw training and dev charts and ask about them; nothing of the test charts is in them."""
    with _drawing() as sandbox:
        rows = [row for number in range(count) for row in _chart_rows(folder, number, "train", sandbox)]
        rows += [row for number in range(dev) for row in _chart_rows(folder, number, "dev", sandbox)]
    return Dataset(folder).write("embedded-charts", rows)


def write_test_charts(folder: Path, count: int) -> DatasetRecord:
    """Draw test charts in themes, fonts, shades and words not trained on, many from public tables."""
    with _drawing() as sandbox:
        rows = [row for number in range(count) for row in _chart_rows(folder, number, "test", sandbox)]
    return Dataset(folder).write("embedded-charts-test", rows)


def write_shapes(folder: Path) -> DatasetRecord:
    """Write easy-VQA with its own split, from its package."""
    import easy_vqa

    rows: list[TrainRow] = []
    splits: tuple[tuple[Split, object, object], ...] = (
        ("train", easy_vqa.get_train_questions(), easy_vqa.get_train_image_paths()),
        ("test", easy_vqa.get_test_questions(), easy_vqa.get_test_image_paths()),
    )
    for split, asked, paths in splits:
        stored = {number: _store(folder, Path(path).read_bytes()) for number, path in dict(paths).items()}  # type: ignore[call-overload]
        for question, answer, number in zip(*asked, strict=True):  # type: ignore[misc]
            kind = "yes_no" if answer in ("yes", "no") else "shape" if "shape" in question else "colour"
            rows.append(_row(stored[number], question, answer, kind, split, "easy-vqa", "MIT"))
    return Dataset(folder).write("embedded-shapes", rows)


def write_scans(folder: Path, rad: Path) -> DatasetRecord:
    """Write VQA-RAD's development rows; images whose name says so are dev, the others train."""
    rows: list[TrainRow] = []
    stored: dict[str, tuple[str, str]] = {}
    for line in file_lines(rad / "dev.jsonl"):
        item = json.loads(line)
        name = item["image_name"]
        if name not in stored:
            stored[name] = _store(folder, (rad / "images" / name).read_bytes())
        answer = str(item["answer"]).strip()
        closed = item["answer_type"].strip().upper() == "CLOSED"
        split: Split = "dev" if held_out(name) else "train"
        text = answer.lower() if closed else answer
        kind = "closed" if closed else "open"
        rows.append(_row(stored[name], item["question"].strip(), text, kind, split, "vqa-rad", "CC0-1.0"))
    return Dataset(folder).write("embedded-scans", rows)


def _chart_rows(folder: Path, number: int, split: Split, sandbox: Sandbox) -> list[TrainRow]:
    rng = Random(f"embedded-{split}-{number}")  # noqa: S311 - drawings, not secrets
    chart = make_chart(rng, split, _LIGHT[split])
    stored = _store(folder, _png(chart, sandbox))
    licence = _LICENCES[chart.table.source]
    return [
        _row(stored, asked.question, asked.answer, asked.kind, split, "drawn", licence)
        for asked in questions(spec_of(chart), rng)
    ]


@contextmanager
def _drawing() -> Iterator[Sandbox]:
    with tempfile.TemporaryDirectory() as fonts, Sandbox(Path(fonts)) as sandbox:
        yield sandbox


def _png(chart: Chart, sandbox: Sandbox) -> bytes:
    if chart.style.renderer == "light":
        return draw_light(chart)[0]
    return sandbox.draw(plotting_code(chart)).png


def _store(folder: Path, content: bytes) -> tuple[str, str]:
    return Dataset(folder).add_image(content, ".jpg" if content[:2] == b"\xff\xd8" else ".png")


def _row(
    stored: tuple[str, str], question: str, answer: str, kind: str, split: Split, source: str, licence: str
) -> TrainRow:
    image, digest = stored
    return TrainRow(
        image=image,
        image_sha256=digest,
        question=question,
        answers=(answer,),
        kind=kind,
        source=source,
        licence=licence,
        split=split,
    )
