"""One self-contained HTML page for a run: the plan as a graph, each step, boxes on the image, citations."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.contracts import Evidence, RunResult, SubQuestion
from core.images import ImageStore
from core.settings import Settings

MAX_SIDE = 1400
"""Images are scaled down to this many pixels a side, so that a report can be mailed."""

_COLUMN, _ROW, _WIDTH, _HEIGHT = 250, 84, 220, 60
_COLOURS = {"done": "#1a7f4b", "failed": "#b3261e", "skipped": "#777", "running": "#8a6d00"}


@dataclass(frozen=True)
class Shown:
    """An image with the boxes to draw, in pixels of the original."""

    source: str
    url: str
    width: int
    height: int
    boxes: list[dict[str, Any]]


def write_report(result: RunResult, settings: Settings, path: Path) -> None:
    """Write the report of a run to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_report(result, settings), encoding="utf-8")


def render_report(result: RunResult, settings: Settings) -> str:
    """Return the report as HTML; every text of the run is escaped, and nothing is loaded."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("server", "templates"), autoescape=True, undefined=StrictUndefined
    )
    cited = [citation.evidence_id for citation in result.citations]
    return environment.get_template("report.html.j2").render(
        run=result,
        images=_images(result, settings),
        plan=plan_graph(result.plan),
        numbers={id_: place + 1 for place, id_ in enumerate(dict.fromkeys(cited))},
        total_ms=sum(step.ms for step in result.steps) or 1.0,
    )


def plan_graph(plan: tuple[SubQuestion, ...]) -> dict[str, Any]:
    """Lay the plan out in columns: a sub-question stands right of everything it depends on."""
    depth: dict[str, int] = {}
    for item in plan:
        depth[item.id] = max((depth.get(need, 0) + 1 for need in item.depends_on), default=0)
    rows: dict[int, int] = {}
    nodes: dict[str, dict[str, Any]] = {}
    for item in plan:
        column = depth[item.id] + item.round - 1
        row = rows.get(column, 0)
        rows[column] = row + 1
        nodes[item.id] = {
            "item": item,
            "x": 20 + column * _COLUMN,
            "y": 20 + row * _ROW,
            "colour": _COLOURS.get(item.status, "#555"),
        }
    edges = [
        {
            "x1": nodes[need]["x"] + _WIDTH,
            "y1": nodes[need]["y"] + _HEIGHT / 2,
            "x2": nodes[item.id]["x"],
            "y2": nodes[item.id]["y"] + _HEIGHT / 2,
        }
        for item in plan
        for need in item.depends_on
        if need in nodes
    ]
    return {
        "nodes": list(nodes.values()),
        "edges": edges,
        "width": 40 + (max(rows, default=0) + 1) * _COLUMN,
        "height": 40 + max(rows.values(), default=1) * _ROW,
    }


def _images(result: RunResult, settings: Settings) -> list[Shown]:
    store = ImageStore.of(settings)
    sources = {item.locator.sha256: item.source for item in result.evidence if item.locator.sha256}
    return [
        _shown(store, sha256, source, result)
        for sha256, source in sources.items()
        if store.path(sha256).exists()
    ]


def _shown(store: ImageStore, sha256: str, source: str, result: RunResult) -> Shown:
    from PIL import Image

    pixels = store.open(sha256)
    height, width = pixels.shape[:2]
    picture = Image.fromarray(pixels)
    picture.thumbnail((MAX_SIDE, MAX_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=85)
    url = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    boxes = [_box(item, result) for item in result.evidence if item.locator.sha256 == sha256]
    return Shown(source, url, width, height, [box for box in boxes if box is not None])


def _box(item: Evidence, result: RunResult) -> dict[str, Any] | None:
    if item.locator.box is None:
        return None
    x0, y0, x1, y1 = item.locator.box
    order = [citation.evidence_id for citation in result.citations]
    unique = list(dict.fromkeys(order))
    cited = item.id in unique
    return {
        "x": x0,
        "y": y0,
        "width": x1 - x0,
        "height": y1 - y0,
        "cited": cited,
        "number": unique.index(item.id) + 1 if cited else 0,
        "text": item.content,
    }
