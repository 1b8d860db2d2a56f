"""VQA v2 (Goyal et al. 2017, "Making the V in VQA Matter"): questions and ten answers a question, apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from finetune.data.convert.base import Converter, Draft, Options, Skip, need, safely, sound, split_of, text_of
from finetune.data.convert.files import Images, existing, find, load_json, parquet
from finetune.data.convert.kinds import kind_of

_LAYOUT = (
    "v2_OpenEnded_mscoco_{train2014,val2014}_questions.json and v2_mscoco_{...}_annotations.json, with the "
    "images as {train2014,val2014}/COCO_{...}_000000000042.jpg below the folder or in --images; or parquet "
    "files with image, question, answers, multiple_choice_answer"
)
_KINDS = {"yes/no": "yes_no", "number": "count", "other": ""}


def read(source: Path, options: Options) -> Iterator[Draft | Skip]:
    """Yield a draft a question; the answer that most people gave comes first."""
    root = existing(source)
    asked = find(root, "*[qQ]uestions.json")
    tables = [] if asked else find(root, "*.parquet")
    need(asked or tables, "VQA v2", _LAYOUT, source)
    images = Images(root, options.images)
    for path in tables:
        yield from _table(path, options)
    for path in asked:
        body = load_json(path)
        if isinstance(body, Skip) or not isinstance(body, dict):
            yield body if isinstance(body, Skip) else Skip(str(path), "broken file", "no JSON object")
            continue
        subtype = text_of(body.get("data_subtype")) or _subtype(path.name)
        split = split_of(subtype)
        if not options.wants(subtype, split):
            continue
        answers, skips = _answers(root, path, subtype)
        yield from skips
        for found in sound(body.get("questions"), path.name, "question_id"):
            if isinstance(found, Skip):
                yield found
            else:
                yield from safely(found[0], _draft, found[1], answers, images, path.name, subtype)


def _subtype(name: str) -> str:
    found = re.search(r"(train|val|test(?:-dev)?)\d*", name)
    return found.group(0) if found else "train"


def _answers(root: Path, questions: Path, subtype: str) -> tuple[Mapping[Any, dict[str, Any]], list[Skip]]:
    skips: list[Skip] = []
    found: dict[Any, dict[str, Any]] = {}
    # An annotation file is beside its questions in some downloads, in a folder of its own in others.
    for path in find(root if root.is_dir() else questions.parent, f"*{subtype}*[aA]nnotations.json"):
        body = load_json(path)
        if isinstance(body, Skip) or not isinstance(body, dict):
            skips.append(body if isinstance(body, Skip) else Skip(str(path), "broken file", "no JSON object"))
            continue
        for one in sound(body.get("annotations"), path.name, "question_id"):
            if isinstance(one, Skip):
                skips.append(one)
            else:
                found[one[1]["question_id"]] = one[1]
    return found, skips


def _draft(
    item: Mapping[str, Any], answers: Mapping[Any, dict[str, Any]], images: Images, file: str, subtype: str
) -> Draft | Skip:
    number = item.get("question_id")
    where = f"{file}#{number}"
    answer = answers.get(number)
    if answer is None:
        return Skip(where, "no annotation", "its question has no entry among the annotations")
    try:
        name = f"COCO_{subtype}_{int(item['image_id']):012d}.jpg"
    except (KeyError, TypeError, ValueError):
        return Skip(where, "no image", "no image_id")
    image = images.get(name, subtype) or images.get(name.rpartition("_")[2], subtype)
    if image is None:
        return Skip(where, "missing image", name)
    question = text_of(item.get("question"))
    ranked, votes = ranked_answers(answer.get("answers"), text_of(answer.get("multiple_choice_answer")))
    first = ranked[0] if ranked else ""
    return Draft(
        where=where,
        question=question,
        answers=ranked,
        kind=_KINDS.get(text_of(answer.get("answer_type")), "") or kind_of(question, first),
        image=image,
        split=split_of(subtype),
        official=subtype,
        metadata={
            "question_id": number,
            "votes": votes,
            "answer_type": text_of(answer.get("answer_type")),
            "question_type": text_of(answer.get("question_type")),
        },
    )


def ranked_answers(given: Any, best: str) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the distinct answers, the agreed one first and then by votes, and how many gave each."""
    told = given if isinstance(given, list) else []
    texts = [text_of(one.get("answer") if isinstance(one, Mapping) else one) for one in told]
    votes = Counter(text for text in texts if text)
    ordered = sorted(votes, key=lambda text: (text != best, -votes[text], text))
    if best and best not in votes:
        ordered = [best, *ordered]
    return tuple(ordered), dict(votes)


def _table(path: Path, options: Options) -> Iterator[Draft | Skip]:
    official = _subtype(path.name)
    if not options.wants(official, split_of(official)):
        return
    for found in parquet(path):
        if isinstance(found, Skip):
            yield found
            continue
        where, row = found
        yield from safely(where, _table_draft, where, row, official)


def _table_draft(where: str, row: Mapping[str, Any], official: str) -> Draft:
    ranked, votes = ranked_answers(row.get("answers"), text_of(row.get("multiple_choice_answer")))
    question, first = text_of(row.get("question")), ranked[0] if ranked else ""
    return Draft(
        where=where,
        question=question,
        answers=ranked,
        kind=_KINDS.get(text_of(row.get("answer_type")), "") or kind_of(question, first),
        image=row.get("image"),
        split=split_of(official),
        official=official,
        metadata={"question_id": row.get("question_id"), "votes": votes},
    )


CONVERTER = Converter(
    "vqa_v2",
    "VQA v2: questions about COCO photos, ten answers each",
    "CC-BY-4.0 (annotations); photos: Flickr terms, each its own",
    _LAYOUT,
    read,
    homepage="https://visualqa.org",
)
