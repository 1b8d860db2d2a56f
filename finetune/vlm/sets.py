"""The data sets of the embedded VLM's recipe, written in the training-data format."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from finetune.data.dataset import Dataset
from finetune.data.rows import DatasetRecord, Split, TrainRow
from finetune.vlm.chart_drawing import draw, random_style
from finetune.vlm.chart_plot import TEST_STYLES, TRAIN_STYLES, fitting, plot
from finetune.vlm.chart_spec import ChartSpec, draw_colours, random_spec
from finetune.vlm.pictures import held_out
from finetune.vlm.questions import questions

if TYPE_CHECKING:
    from PIL import Image

_MADE = "Apache-2.0"
_PLOTTED = 0.25  # share of training charts that matplotlib draws


def write_charts(folder: Path, count: int, *, dev: int = 100) -> DatasetRecord:
    """Draw training and dev charts and ask about them; nothing of the test charts is in them."""
    rows = [row for number in range(count) for row in _chart_rows(folder, number, "train")]
    rows += [row for number in range(dev) for row in _chart_rows(folder, number, "dev")]
    return Dataset(folder).write("embedded-charts", rows)


def write_test_charts(folder: Path, count: int) -> DatasetRecord:
    """Draw test charts by matplotlib in styles, and half of them from tables, that training never saw."""
    tables = list(public_tables())
    rows: list[TrainRow] = []
    for number in range(count):
        rng = Random(f"test-chart-{number}")  # noqa: S311 - drawings, not secrets
        labels: tuple[str, ...] = ()
        title = ""
        spec = random_spec(rng)
        if number % 2:
            spec, labels, title = _from_table(tables[(number // 2) % len(tables)], rng)
        picture = plot(spec, rng, rng.choice(fitting(spec, TEST_STYLES)), labels, title)
        rows += _rows(folder, picture, spec, rng, "test")
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
    for line in (rad / "dev.jsonl").read_text().splitlines():
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


def public_tables() -> Iterator[tuple[str, list[str], list[float]]]:
    """Yield title, categories and numbers of tables in vega-datasets; training draws from none of them."""
    from vega_datasets import local_data

    sources = (
        ("cars", "Origin", "Miles_per_Gallon"),
        ("cars", "Cylinders", "Horsepower"),
        ("barley", "site", "yield"),
        ("barley", "variety", "yield"),
        ("iris", "species", "petalLength"),
        ("seattle_weather", "weather", "temp_max"),
        ("stocks", "symbol", "price"),
        ("la_riots", "gender", "age"),
    )
    for name, category, number in sources:
        frame = getattr(local_data, name)()
        means = frame.groupby(category)[number].mean()
        means = means[means > 0][:9]
        if len(means) >= 2:
            yield f"{number} by {category}", [str(key) for key in means.index], [float(v) for v in means]


def _from_table(
    table: tuple[str, list[str], list[float]], rng: Random
) -> tuple[ChartSpec, tuple[str, ...], str]:
    title, labels, numbers = table
    order = rng.sample(range(len(labels)), rng.randint(2, len(labels)))
    chosen = [numbers[at] for at in order]
    kind = rng.choice(("bar", "hbar", "pie", "line", "donut"))
    if kind == "line":
        names, rgb = draw_colours(rng, 1, varied=False)
    else:
        names, rgb = draw_colours(rng, len(order), varied=kind in ("pie", "donut") or rng.random() < 0.6)
    scale = sum(chosen) if kind in ("pie", "donut") else max(chosen)
    values = (tuple(number / scale for number in chosen),)
    spec = ChartSpec(kind, values, names, rgb)  # type: ignore[arg-type]
    return spec, tuple(labels[at][:12] for at in order), title


def _chart_rows(folder: Path, number: int, split: Split) -> list[TrainRow]:
    rng = Random(f"chart-{split}-{number}")  # noqa: S311
    spec = random_spec(rng)
    if rng.random() < _PLOTTED:
        picture = plot(spec, rng, rng.choice(fitting(spec, TRAIN_STYLES)))
    else:
        picture = draw(spec, random_style(rng, spec))
    return _rows(folder, picture, spec, rng, split)


def _rows(folder: Path, picture: Image.Image, spec: ChartSpec, rng: Random, split: Split) -> list[TrainRow]:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    stored = _store(folder, buffer.getvalue())
    return [
        _row(stored, asked.question, asked.answer, asked.kind, split, "drawn", _MADE)
        for asked in questions(spec, rng)
    ]


def _store(folder: Path, content: bytes) -> tuple[str, str]:
    digest = hashlib.sha256(content).hexdigest()
    suffix = "jpg" if content[:2] == b"\xff\xd8" else "png"
    path = folder / "images" / f"{digest}.{suffix}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return f"images/{path.name}", digest


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
