"""ChartQA (Masry et al. 2022, Findings of ACL): questions about real charts, with the table behind each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.errors import VidenceError
from finetune.data.convert.base import Blob, Converter, Draft, Options, Skip, need, safely, split_of, text_of
from finetune.data.convert.files import Images, existing, find, objects
from finetune.data.convert.kinds import kind_of
from knowledge.readers.decode import decode

_LAYOUT = (
    "{train,val,test}/{...}_human.json and {...}_augmented.json with png/*.png and tables/*.csv "
    "or parquet files with image, query, label"
)


def read(source: Path, options: Options) -> Iterator[Draft | Skip]:
    """Yield a draft a question; the table goes to the row's metadata."""
    root = existing(source)
    files = find(root, "*_human.json", "*_augmented.json") or find(root, "*.parquet")
    need(files, "ChartQA", _LAYOUT, source)
    images = Images(root, options.images)
    for path in files:
        official, _, asked_by = path.stem.partition("_")
        official = official.split("-")[0]
        if not options.wants(official, split_of(official)):
            continue
        for found in objects(path):
            if isinstance(found, Skip):
                yield found
            else:
                yield from safely(found[0], _draft, *found, images, path.parent, official, asked_by)


def _draft(
    where: str, item: Mapping[str, Any], images: Images, folder: Path, official: str, asked_by: str
) -> Draft | Skip:
    image, name = item.get("image"), text_of(item.get("imgname"))
    if not isinstance(image, Blob):
        image = images.get(name, f"{official}/png", "png")
        if image is None:
            return Skip(where, "missing image", name or "the record names no image")
    label = item.get("label")
    # Hugging Face's copy has a list; several answers are one list answer, as the authors score it.
    answer = ", ".join(map(text_of, label)) if isinstance(label, list) else text_of(label)
    question = text_of(item.get("query"))
    human = item.get("human_or_machine")
    by = asked_by or {0: "human", 1: "augmented"}.get(human if isinstance(human, int) else -1, "")
    table = _table(folder / "tables" / f"{Path(name).stem}.csv") if name else ""
    return Draft(
        where=where,
        question=question,
        answers=(answer,),
        kind=kind_of(question, answer),
        image=image,
        split=split_of(official),
        official=official,
        metadata={key: value for key, value in (("asked_by", by), ("table", table)) if value},
    )


def _table(path: Path) -> str:
    try:
        return decode(path.read_bytes()).strip() if path.is_file() else ""
    except (VidenceError, OSError):
        # The question does not need its table.
        return ""


CONVERTER = Converter(
    "chartqa",
    "ChartQA: questions about real charts",
    "GPL-3.0 (charts: their publishers' terms)",
    _LAYOUT,
    read,
    homepage="https://github.com/vis-nlp/ChartQA",
)
