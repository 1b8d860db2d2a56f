"""SLAKE (Liu et al. 2021, arXiv:2102.09542): medical questions in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from finetune.data.convert.base import Converter, Draft, Options, Skip, need, safely, split_of, text_of
from finetune.data.convert.files import Images, existing, find, objects
from finetune.data.convert.kinds import kind_of

_LAYOUT = "{train,validate,test}.json (validation.json on Hugging Face) with imgs/xmlabN/source.jpg"
_KEPT = ("qid", "q_lang", "modality", "location", "answer_type", "base_type", "content_type")


def read(source: Path, options: Options) -> Iterator[Draft | Skip]:
    """Yield a draft a question in the languages asked for (English by default)."""
    root = existing(source)
    names = ("train", "validate", "validation", "test")
    files = find(root, *(f"{name}{end}" for name in names for end in (".json", ".jsonl", "*.parquet")))
    need(files, "SLAKE", _LAYOUT, source)
    images = Images(root, options.images)
    for path in files:
        official = path.stem.split("-")[0]
        if not options.wants(official, split_of(official)):
            continue
        for found in objects(path):
            if isinstance(found, Skip):
                yield found
                continue
            where, item = found
            language = text_of(item.get("q_lang")) or "en"
            if language in options.languages or "all" in options.languages:
                yield from safely(where, _draft, where, item, images, official)
            else:
                yield Skip(where, "other language", language)


def _draft(where: str, item: Mapping[str, Any], images: Images, official: str) -> Draft | Skip:
    name = text_of(item.get("img_name"))
    # Every image is called `source.jpg`: only its folder tells one from another, so no search by name.
    image = images.get(name, "imgs") if "/" in name else None
    if image is None or image.parent.name != name.rpartition("/")[0].rpartition("/")[2]:
        return Skip(where, "missing image", name or "the record names no image")
    question, answer = text_of(item.get("question")), text_of(item.get("answer"))
    content = text_of(item.get("content_type")).lower().replace(" ", "_")
    kind = kind_of(question, answer)
    return Draft(
        where=where,
        question=question,
        answers=(answer,),
        kind=content or kind if kind == "open" else kind,
        image=image,
        split=split_of(official),
        official=official,
        metadata={key: text_of(item.get(key)) for key in _KEPT if text_of(item.get(key))},
    )


CONVERTER = Converter(
    "slake",
    "SLAKE: medical questions about CT, MR and X-ray images, English and Chinese",
    "CC-BY-4.0",
    _LAYOUT,
    read,
    shippable=True,
    homepage="https://www.med-vqa.com/slake",
)
