"""VQA-RAD (Lau et al. 2018, doi:10.1038/sdata.2018.251): clinicians' questions about radiology images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from finetune.data.convert.base import Blob, Converter, Draft, Options, Skip, need, safely, split_of, text_of
from finetune.data.convert.files import Images, existing, find, objects
from finetune.data.convert.kinds import kind_of
from finetune.data.rows import Split

_LAYOUT = (
    "`VQA_RAD Dataset Public.json` (or .xlsx) with `VQA_RAD Image Folder/synpic*.jpg`; or JSON lines with "
    "the same fields and images/; or parquet files with image, question, answer"
)


def read(source: Path, options: Options) -> Iterator[Draft | Skip]:
    """Yield a draft a question. The public file marks its test questions by `phrase_type` (`test_...`).

    A free question and its paraphrase are rows of their own, in one group by their image.
    """
    root = existing(source)
    files = (
        find(root, "*VQA_RAD*.json", "*vqa_rad*.json")
        or find(root, "*.jsonl", "*.parquet")
        or find(root, "*VQA_RAD*.xlsx")
        or find(root, "*.json")
    )
    need(files, "VQA-RAD", _LAYOUT, source)
    images = Images(root, options.images)
    for path in files:
        for found in objects(path):
            if isinstance(found, Skip):
                yield found
                continue
            where, item = found
            low = {key.lower(): value for key, value in item.items()}
            for draft in safely(where, _draft, where, low, images, path):
                if isinstance(draft, Skip) or options.wants(draft.official, draft.split):
                    yield draft


def _draft(where: str, item: Mapping[str, Any], images: Images, path: Path) -> Draft | Skip:
    image = item.get("image")
    if not isinstance(image, Blob):
        name = text_of(item.get("image_name") or item.get("imageid") or item.get("image")).rpartition("/")[2]
        if not name:
            return Skip(where, "no image", "the record names no image")
        image = images.get(name, "VQA_RAD Image Folder")
        if image is None:
            return Skip(where, "missing image", name)
    question, answer = text_of(item.get("question")), text_of(item.get("answer"))
    official, split = _split(text_of(item.get("phrase_type")), path)
    kept = ("qid", "question_type", "phrase_type", "image_organ")
    return Draft(
        where=where,
        question=question,
        answers=(answer,),
        kind=kind_of(question, answer),
        image=image,
        split=split,
        official=official,
        metadata={
            **{key: text_of(item.get(key)) for key in kept if text_of(item.get(key))},
            "answer_type": text_of(item.get("answer_type")).upper(),
        },
    )


def _split(phrase: str, path: Path) -> tuple[str, Split]:
    if path.suffix == ".parquet":
        name = path.stem.split("-")[0]
        return name, split_of(name)
    if phrase.startswith("test"):
        return "test", "test"
    # JSON lines are an excerpt: what is in it is no official split, and may be split anew.
    return ("" if path.suffix == ".jsonl" else "train"), "train"


CONVERTER = Converter(
    "vqa_rad",
    "VQA-RAD: clinicians' questions about radiology images",
    "CC0-1.0",
    _LAYOUT,
    read,
    shippable=True,
    homepage="https://osf.io/89kps",
)
