"""easy-VQA (Zhou 2019): drawn shapes with simple questions; the package's and the repository's layout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from finetune.data.convert.base import Converter, Draft, Options, Skip, need, split_of, text_of
from finetune.data.convert.files import Images, existing, find, load_json
from finetune.data.convert.kinds import kind_of

_LAYOUT = (
    "{train,test}/questions.json ([question, answer, image id]) with {train,test}/images/ID.png; "
    "or the installed package"
)
_SHAPES = {"circle", "rectangle", "triangle"}


def read(source: Path, options: Options) -> Iterator[Draft | Skip]:
    """Yield a draft a question. The source may be the folder of the installed package or its `data`."""
    root = existing(source)
    files = [path for path in find(root, "questions.json") if path.parent.name in ("train", "test")]
    need(files, "easy-VQA", _LAYOUT, source)
    for path in files:
        official = path.parent.name
        if not options.wants(official, split_of(official)):
            continue
        body = load_json(path)
        if isinstance(body, Skip) or not isinstance(body, list):
            yield body if isinstance(body, Skip) else Skip(str(path), "broken file", "holds no list")
            continue
        images = Images(path.parent)
        for number, item in enumerate(body):
            yield _draft(f"{official}/{path.name}[{number}]", item, images, official)


def _draft(where: str, item: Any, images: Images, official: str) -> Draft | Skip:
    if not isinstance(item, list) or len(item) != 3:
        return Skip(where, "broken line", "not [question, answer, image id]")
    question, answer, number = text_of(item[0]), text_of(item[1]), text_of(item[2])
    image = images.get(f"images/{number}.png")
    if image is None:
        return Skip(where, "missing image", f"{number}.png")
    kind = "shape" if answer in _SHAPES else kind_of(question, answer)
    return Draft(
        where=where,
        question=question,
        answers=(answer,),
        kind=kind,
        image=image,
        split=split_of(official),
        official=official,
    )


CONVERTER = Converter(
    "easy_vqa",
    "easy-VQA: drawn shapes and simple questions",
    "MIT",
    _LAYOUT,
    read,
    shippable=True,
    homepage="https://github.com/vzhou842/easy-VQA",
)
