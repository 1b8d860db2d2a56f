"""Where things are: COCO's instances, RefCOCO's expressions, JSON lines with boxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.contracts import Box
from core.errors import VidenceError
from finetune.data.convert.base import Converter, Draft, Options, Skip, need, safely, sound, split_of, text_of
from finetune.data.convert.files import Images, existing, find, json_lines, load_json
from finetune.data.convert.places import box_of
from finetune.data.convert.unpickle import load_plain

_LAYOUT = (
    "instances_{train,val}2017.json (COCO) with the images; refs(unc).p and instances.json (RefCOCO) with "
    "the images; or JSON lines {image, objects: [{name, bbox}]} or {image, expression, bbox}, "
    "bbox as [x, y, width, height]"
)
_MOST = 8
"""Boxes of one answer: a list of a crowd is nothing to learn from."""


def read(source: Path, options: Options) -> Iterator[Draft | Skip]:
    """Yield drafts whose answer is the boxes of what the question names, in thousandths of the image."""
    root = existing(source)
    refs = find(root, "refs(*).p", "refs*.p", "refs*.json")
    instances = find(root, "instances*.json")
    lists = find(root, "*.jsonl")
    need(refs or instances or lists, "grounding", _LAYOUT, source)
    images = Images(root, options.images)
    if refs:
        yield from _refcoco(refs, instances, images, options)
    else:
        for path in instances:
            yield from _coco(path, images, options)
    for path in lists:
        yield from _lines(path, images, options)


def _coco(path: Path, images: Images, options: Options) -> Iterator[Draft | Skip]:
    official = next((word for word in ("train", "val", "test") if word in path.stem), "train")
    if not options.wants(official, split_of(official)):
        return
    body = load_json(path)
    if isinstance(body, Skip):
        yield body
        return
    if not isinstance(body, dict):
        yield Skip(str(path), "broken file", "no JSON object")
        return
    parts = [
        ("categories", "id", "name"),
        ("annotations", "image_id", "category_id"),
        ("images", "id", "file_name"),
    ]
    good: dict[str, list[dict[str, Any]]] = {part: [] for part, *_ in parts}
    for part, *keys in parts:
        for found in sound(body.get(part), f"{path.name} {part}", *keys):
            if isinstance(found, Skip):
                yield found
            else:
                good[part].append(found[1])
    names = {item["id"]: text_of(item["name"]) for item in good["categories"]}
    boxes = _boxes(good["annotations"], names)
    for picture in good["images"]:
        where, name = f"{path.name}#{picture['id']}", text_of(picture["file_name"])
        at = boxes.get(picture["id"], {})
        yield from safely(where, _objects, where, name, at, images, official, _size(picture))


def _boxes(
    annotations: Iterable[Mapping[str, Any]], names: Mapping[Any, str]
) -> dict[Any, dict[str, list[Box]]]:
    """Return the boxes of each thing in each image; not of things of which one is a crowd or has no box."""
    boxes: dict[Any, dict[str, list[Box]]] = defaultdict(lambda: defaultdict(list))
    crowds = set()
    for item in annotations:
        image, name, box = item["image_id"], names.get(item["category_id"], ""), box_of(item.get("bbox"))
        if item.get("iscrowd") or box is None:
            crowds.add((image, name))
        elif name:
            boxes[image][name].append(box)
    return {
        image: {name: at for name, at in found.items() if (image, name) not in crowds}
        for image, found in boxes.items()
    }


def _size(picture: Mapping[str, Any]) -> tuple[int, int] | None:
    width, height = picture.get("width"), picture.get("height")
    return (width, height) if isinstance(width, int) and isinstance(height, int) else None


def _objects(
    where: str,
    name: str,
    found: Mapping[str, Sequence[Box]],
    images: Images,
    official: str,
    size: tuple[int, int] | None = None,
) -> Iterator[Draft | Skip]:
    image = images.get(name)
    if image is None:
        yield Skip(where, "missing image", name or "the record names no image")
        return
    if not found:
        yield Skip(where, "no answer", "no object")
    for thing, boxes in sorted(found.items()):
        if len(boxes) > _MOST:
            yield Skip(where, "too many boxes", f"{len(boxes)} of {thing}")
            continue
        one = len(boxes) == 1
        yield Draft(
            where=f"{where}#{thing}",
            question=f"Where is the {thing}? Give its box."
            if one
            else f"Where is each {thing}? Give the boxes.",
            answers=(),
            kind="grounding",
            image=image,
            boxes=tuple(boxes),
            split=split_of(official),
            official=official,
            answer_from="boxes",
            size=size,
        )


def _refcoco(
    refs: Sequence[Path], instances: Sequence[Path], images: Images, options: Options
) -> Iterator[Draft | Skip]:
    boxes: dict[Any, Any] = {}
    names: dict[Any, str] = {}
    for path in instances:
        body = load_json(path)
        if isinstance(body, Skip):
            yield body
            continue
        for part in ("annotations", "images"):
            for found in sound(
                body.get(part) if isinstance(body, dict) else None, f"{path.name} {part}", "id"
            ):
                if isinstance(found, Skip):
                    yield found
                elif part == "images":
                    names[found[1]["id"]] = text_of(found[1].get("file_name"))
                else:
                    boxes[found[1]["id"]] = found[1].get("bbox")
    for path in refs:
        body = _refs(path)
        if isinstance(body, Skip):
            yield body
            continue
        for found in sound(body, path.name, "ref_id", "image_id", "ann_id"):
            if isinstance(found, Skip):
                yield found
                continue
            ref = found[1]
            official = text_of(ref.get("split")) or "train"
            if options.wants(official, split_of(official)):
                name = names.get(ref["image_id"]) or text_of(ref.get("file_name"))
                where, box = f"{path.name}#{ref['ref_id']}", boxes.get(ref["ann_id"])
                yield from safely(where, _said, where, name, ref, box, images, official)


def _said(
    where: str, name: str, ref: Mapping[str, Any], box: Any, images: Images, official: str
) -> Iterator[Draft | Skip]:
    said = [text_of(one.get("sent")) for one in ref.get("sentences") or ()]
    yield from _expressions(where, name, said, box, images, official)


def _refs(path: Path) -> list[Any] | Skip:
    if path.suffix == ".json":
        body = load_json(path)
    else:
        try:
            body = load_plain(path)
        except VidenceError as error:
            if error.kind == "blocked":
                raise
            return Skip(str(path), "broken file", error.message)
    return body if isinstance(body, list | Skip) else Skip(str(path), "broken file", "holds no list")


def _expressions(
    where: str, name: str, said: Sequence[str], box: Any, images: Images, official: str
) -> Iterator[Draft | Skip]:
    image, at = images.get(name) or images.get(_unnumbered(name)), box_of(box)
    if image is None or at is None:
        yield Skip(where, "missing image" if image is None else "no answer", name or "no box")
        return
    if not any(said):
        yield Skip(where, "no question", "no expression")
    for text in dict.fromkeys(said):
        if text:
            yield Draft(
                where=f"{where}#{text}",
                question=f"Where is this: {text}? Give its box.",
                answers=(),
                kind="grounding",
                image=image,
                boxes=(at,),
                split=split_of(official),
                official=official,
                answer_from="boxes",
            )


def _unnumbered(name: str) -> str:
    """RefCOCO adds the annotation's number to COCO's file name (`..._000000581857_16.jpg`)."""
    stem, _, end = name.rpartition("_")
    return f"{stem}{Path(end).suffix}" if stem.count("_") >= 2 else name


def _lines(path: Path, images: Images, options: Options) -> Iterator[Draft | Skip]:
    official = path.stem if path.stem in ("train", "val", "test") else ""
    if not options.wants(official, split_of(official)):
        return
    for found in json_lines(path):
        if isinstance(found, Skip):
            yield found
            continue
        yield from safely(found[0], _line, *found, images, official)


def _line(where: str, row: Mapping[str, Any], images: Images, official: str) -> Iterator[Draft | Skip]:
    name = text_of(row.get("image") or row.get("file_name"))
    keys = ("expression", "phrase", "caption", "question")
    said = next((text_of(row[key]) for key in keys if row.get(key)), "")
    if isinstance(row.get("objects"), list):
        boxes: dict[str, list[Box]] = defaultdict(list)
        for item in row["objects"]:
            thing, box = text_of(item.get("name")), box_of(item.get("bbox"))
            if not thing or box is None:
                raise ValueError("an object without a name or a box of four numbers")
            boxes[thing].append(box)
        yield from _objects(where, name, boxes, images, official)
    elif said and row.get("bbox"):
        yield from _expressions(where, name, [said], row["bbox"], images, official)
    else:
        yield Skip(where, "no answer", "neither objects nor an expression with its box")


CONVERTER = Converter(
    "grounding",
    "Boxes of what a question names: COCO, RefCOCO, JSON lines",
    "as its source says (COCO annotations CC-BY-4.0, photos each its own)",
    _LAYOUT,
    read,
)
