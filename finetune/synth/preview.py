"""A page with pictures and their questions, to look at before training on them."""

from __future__ import annotations

import base64
import html
from collections import defaultdict
from pathlib import Path

from finetune.data.dataset import Dataset, write_whole
from finetune.data.rows import TrainRow

_STYLE = """body{font:14px sans-serif;margin:1em;background:#f4f4f4;color:#222}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(330px,1fr));gap:12px}
figure{margin:0;background:#fff;border:1px solid #ddd;padding:8px;position:relative}
img{max-width:100%}dt{color:#555}dd{margin:0 0 4px 1em;font-weight:600}small{color:#888}"""


def write_preview(dataset: Dataset, path: Path, limit: int = 60) -> int:
    """Write an HTML page with the first images of each split; return how many it shows."""
    by_image: dict[str, list[TrainRow]] = defaultdict(list)
    for row in dataset.rows():
        by_image[row.image or f"text {row.group}"].append(row)
    shown = sorted(by_image.items())[:limit]
    body = "\n".join(_figure(dataset, name, rows) for name, rows in shown)
    title = html.escape(dataset.record.name)
    page = f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style><h1>{title}</h1><main>{body}</main>"
    write_whole(path, page.encode())
    return len(shown)


def _figure(dataset: Dataset, name: str, rows: list[TrainRow]) -> str:
    first = rows[0]
    picture = ""
    image = dataset.image_path(first)
    if image is not None and image.exists():
        data = base64.b64encode(image.read_bytes()).decode()
        picture = f'<img src="data:image/png;base64,{data}" alt="{html.escape(name)}">'
    facts = ", ".join(
        str(first.metadata[key]) for key in ("chart", "theme", "renderer") if key in first.metadata
    )
    asked = "".join(
        f"<dt>{html.escape(row.question)} <small>{html.escape(row.kind)}</small><dd>{html.escape(row.answers[0])}"
        for row in rows
    )
    return f"<figure>{picture}<div><small>{first.split} {html.escape(facts)}</small></div><dl>{asked}</dl></figure>"
