"""The pictures that canaries come with: a receipt, a chart and schematic scans of bags, drawn by us."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from evals.personas.canaries import DATA
from evals.suites.rows import json_lines

_SIZE = (520, 360)


def picture_rows() -> dict[str, dict[str, Any]]:
    """Return what is drawn, by name."""
    return {row["name"]: row for row in json_lines(DATA / "pictures.jsonl")}


def draw_picture(name: str, path: Path) -> None:
    """Draw a picture as PNG, the same every time. Blocking; raises `KeyError` for an unknown name."""
    row = picture_rows()[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    draw = {"page": _page, "chart": _chart, "bag": _bag}[row["kind"]]
    draw(row, path)


def _page(row: dict[str, Any], path: Path) -> None:
    from evals.drawings.pages import draw_lines

    draw_lines(path, [(left, right) for left, right in row["lines"]], 1)


def _chart(row: dict[str, Any], path: Path) -> None:
    from PIL import Image

    from evals.drawings.charts import Table, draw

    given = row["table"]
    table = Table(
        title=given["title"],
        category=given["category"],
        measure=given["measure"],
        categories=tuple(given["categories"]),
        series=tuple(given["series"]),
        values=tuple(tuple(values) for values in given["values"]),
    )
    rng = random.Random("canary")  # noqa: S311 - a drawing, no secret
    Image.fromarray(draw("bar", "matplotlib", rng, lambda shape: table).pixels).save(path)


def _bag(row: dict[str, Any], path: Path) -> None:
    """A bag as a scanner shows it, roughly: dense things are dark. Places in pixels, then the grey."""
    from PIL import Image, ImageDraw, ImageFilter

    image = Image.new("L", _SIZE, 250)
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((20, 30, 500, 335), radius=40, fill=215, outline=170, width=6)
    for shape, *places, grey in row["shapes"]:
        pairs = list(zip(places[::2], places[1::2], strict=True))
        getattr(pen, shape)(pairs, fill=grey)
    image.filter(ImageFilter.GaussianBlur(2)).save(path)
