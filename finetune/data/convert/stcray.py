"""STCray (Velayudhan et al. 2025, arXiv:2504.02823): baggage scans with boxes or masks, and instructions.

Boxes are LabelMe files, one a scan, in a tree beside the images'; a scan of `Non Threat` has none. Captions
come as text files of the same tree, or in the instruction file in LLaVA's form, whose turns are rows too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.contracts import Box
from finetune.data.convert.base import Converter, Draft, Options, Skip, need, safely, split_of, text_of
from finetune.data.convert.files import IMAGE_SUFFIXES, Images, existing, find, load_json, objects
from finetune.data.convert.kinds import kind_of
from finetune.data.convert.scans import scan_questions
from finetune.data.rows import Split

_LAYOUT = (
    "STCray_{TrainSet,TestSet}/Images/CLASS/*.jpg with Json_BB/CLASS/*.json (LabelMe; masks as polygons "
    "likewise) and, if there are any, captions as Captions/CLASS/*.txt; or "
    "StingBee_XrayInstruct.json with Images/"
)
_CLASS = re.compile(r"^class[\s_]*\d+[\s_]*", re.I)
_ANNOTATIONS = ("Json_BB", "Json_Seg", "Json", "Annotations", "Masks")
_CAPTIONS = ("Captions", "Caption", "Text")
CAPTION_QUESTION = "Describe this X-ray scan."
_IMAGE_TOKEN = re.compile(r"\s*<image>\s*")


def read(source: Path, options: Options) -> Iterator[Draft | Skip]:
    """Yield the questions of each scan: is there a threat, which, where, the box, and its caption."""
    root = existing(source)
    told = find(root, "*Instruct*.json")
    folders = [path for path in sorted(root.rglob("Images")) if path.is_dir()] if root.is_dir() else []
    native = [folder for folder in folders if any((folder.parent / name).is_dir() for name in _ANNOTATIONS)]
    need(told or native, "STCray", _LAYOUT, source)
    for folder in native:
        official, split = _split(folder.parent.name)
        if options.wants(official, split):
            yield from _tree(folder, official, split)
    for path in told:
        yield from _instructions(path, Images(root, options.images), options)


def _split(name: str) -> tuple[str, Split]:
    found = re.search(r"train|test|val", name, re.I)
    official = found.group(0).lower() if found else "train"
    return official, split_of(official)


def _tree(folder: Path, official: str, split: Split) -> Iterator[Draft | Skip]:
    scans = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in IMAGE_SUFFIXES]
    known = sorted({name for path in scans if (name := _class(path.parent.name))})
    for path in scans:
        inside = path.relative_to(folder)
        where = f"{folder.parent.name}/{inside}"
        base = Draft(where, "", (), "", path, split=split, official=official)
        base = replace(base, metadata={"class": path.parent.name})
        yield from safely(where, _scan, base, path, _label_file(folder.parent, inside), known)
        caption = _caption(folder.parent, inside)
        if caption:
            yield Draft(where, CAPTION_QUESTION, (caption,), "caption", path, split=split, official=official)


def _scan(base: Draft, path: Path, labelled: Path | None, known: Sequence[str]) -> Iterator[Draft | Skip]:
    items: dict[str, list[Box]] = {}
    size = None
    if labelled is not None:
        body = load_json(labelled)
        if isinstance(body, Skip) or not isinstance(body, dict):
            yield body if isinstance(body, Skip) else Skip(str(labelled), "broken file", "no LabelMe object")
            return
        items, size = _shapes(body)
    if not items and _class(path.parent.name):
        # Nothing drawn in a folder of threats is an annotation that is missing, not a scan without a threat.
        yield Skip(base.where, "no annotation", "no box, and its class is not Non Threat")
        return
    yield from scan_questions(replace(base, size=size), items, complete=True, vocabulary=known)


def _class(folder: str) -> str:
    """Return a class folder's item; empty for scans without a threat and for folders of several."""
    name = _CLASS.sub("", folder).replace("_", " ").strip().lower()
    return "" if re.search(r"non[\s-]*threat|multi", name) else name


def _label_file(root: Path, inside: Path) -> Path | None:
    found = (root / name / inside.with_suffix(".json") for name in _ANNOTATIONS)
    return next((path for path in found if path.is_file()), None)


def _caption(root: Path, inside: Path) -> str:
    found = (root / name / inside.with_suffix(".txt") for name in _CAPTIONS)
    path = next((path for path in found if path.is_file()), None)
    return text_of(path.read_text(errors="replace")) if path else ""


def _shapes(body: Mapping[str, Any]) -> tuple[dict[str, list[Box]], tuple[int, int] | None]:
    """Return the boxes of each label of a LabelMe file; a polygon's box is the one around it.

    Raises:
        ValueError: For a shape without a label or points: what is left would not be all that is in the scan.
    """
    items: dict[str, list[Box]] = {}
    for shape in body["shapes"]:
        points = shape.get("points") or []
        name = _CLASS.sub("", text_of(shape.get("label"))).replace("_", " ").strip().lower()
        if not name or len(points) < 2:
            raise ValueError("a shape without a label or points")
        across, down = [float(x) for x, _ in points], [float(y) for _, y in points]
        items.setdefault(name, []).append((min(across), min(down), max(across), max(down)))
    width, height = body.get("imageWidth"), body.get("imageHeight")
    return items, (width, height) if isinstance(width, int) and isinstance(height, int) else None


def _instructions(path: Path, images: Images, options: Options) -> Iterator[Draft | Skip]:
    if not options.wants("train", "train"):
        return
    for found in objects(path):
        if isinstance(found, Skip):
            yield found
            continue
        yield from safely(found[0], _turns, *found, images)


def _turns(where: str, item: Mapping[str, Any], images: Images) -> Iterator[Draft | Skip]:
    name = text_of(item.get("image"))
    image = images.get(name, "Images")
    if image is None:
        yield Skip(where, "missing image", name or "the record names no image")
        return
    turns = item.get("conversations") or []
    if not turns:
        yield Skip(where, "no question", "no conversation")
    for asked, told in zip(turns[::2], turns[1::2], strict=False):
        question = text_of(_IMAGE_TOKEN.sub(" ", text_of(asked.get("value"))))
        answer = text_of(told.get("value"))
        yield Draft(where, question, (answer,), kind_of(question, answer), image, official="train")


CONVERTER = Converter(
    "stcray",
    "STCray: baggage scans with boxes of 21 kinds of threat, captions and instructions",
    "research only (STCray: CC-BY-NC-SA as its page says; check before use)",
    _LAYOUT,
    read,
    version=2,
    homepage="https://divs1159.github.io/STING-BEE",
)
