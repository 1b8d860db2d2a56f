"""PathVQA (He et al. 2020, arXiv:2003.10286): questions about pathology images from textbooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.errors import VidenceError
from finetune.data.convert.base import Blob, Converter, Draft, Options, Skip, need, safely, split_of, text_of
from finetune.data.convert.files import Images, existing, find, objects
from finetune.data.convert.kinds import kind_of
from finetune.data.convert.unpickle import load_plain

_LAYOUT = (
    "qas/{train,val,test}/{...}_qa.pkl (or {...}_vqa.pkl) with images/{train,val,test}/*.jpg, or parquet "
    "files with image, question, answer; pickles that name code are refused"
)


def read(source: Path, options: Options) -> Iterator[Draft | Skip]:
    """Yield a draft a question.

    Raises:
        VidenceError: `blocked` for a pickle that names code.
    """
    root = existing(source)
    plain = find(root, "*_qa.pkl", "*_vqa.pkl", "*_qa.json", "*.jsonl")
    # Some downloads hold both shapes of the same questions: the plain one is read.
    wanted = [path for path in plain if path.name.endswith(("_qa.pkl", "_qa.json", ".jsonl"))] or plain
    files = wanted or find(root, "*.parquet")
    need(files, "PathVQA", _LAYOUT, source)
    images = Images(root, options.images)
    for path in files:
        official = path.stem.split("_")[0].split("-")[0]
        if not options.wants(official, split_of(official)):
            continue
        for found in _records(path):
            if isinstance(found, Skip):
                yield found
            else:
                yield from safely(found[0], _draft, *found, images, official)


def _records(path: Path) -> Iterator[tuple[str, dict[str, Any]] | Skip]:
    if path.suffix != ".pkl":
        yield from objects(path)
        return
    try:
        body = load_plain(path)
    except VidenceError as error:
        if error.kind == "blocked":
            raise
        yield Skip(str(path), "broken file", error.message)
        return
    for number, item in enumerate(body if isinstance(body, list) else []):
        where = f"{path.name}[{number}]"
        yield (where, item) if isinstance(item, dict) else Skip(where, "broken line", "no dictionary")


def _draft(where: str, item: Mapping[str, Any], images: Images, official: str) -> Draft | Skip:
    label = item.get("label")
    # The second shape gives answers as {answer: weight} and the question as `sent`.
    answer = (
        max(label, key=lambda one: label[one], default="") if isinstance(label, dict) else item.get("answer")
    )
    question = text_of(item.get("question") or item.get("sent"))
    image = item.get("image")
    if not isinstance(image, Blob):
        name = text_of(item.get("image") or item.get("img_id"))
        image = images.get(f"{name}.jpg", f"images/{official}", official) or images.get(name)
        if image is None:
            return Skip(where, "missing image", name or "the record names no image")
    return Draft(
        where=where,
        question=question,
        answers=(text_of(answer),),
        kind=kind_of(question, text_of(answer)),
        image=image,
        split=split_of(official),
        official=official,
        metadata={"answer_type": text_of(item.get("answer_type"))} if item.get("answer_type") else {},
    )


CONVERTER = Converter(
    "path_vqa",
    "PathVQA: questions about pathology images",
    "MIT (questions); images: their textbooks' and libraries' terms",
    _LAYOUT,
    read,
    homepage="https://github.com/UCSD-AI4H/PathVQA",
)
