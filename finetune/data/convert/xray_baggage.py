"""Baggage scans listed as JSON lines with `label` and `label_kind`, as in the shared development data.

Built from GDXray (Mery et al. 2015) and SIXray (Miao et al. 2019), both for research only: rows carry that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from finetune.data.convert.base import Converter, Draft, Options, Skip, need, split_of, text_of
from finetune.data.convert.files import Images, existing, find, json_lines
from finetune.data.convert.scans import scan_questions

_LAYOUT = "JSON lines {image, set, label: [...], label_kind} with the images below the folder"
_CLEAN = {"no threat", "safe", "none", "clean"}
_SCOPE = re.compile(r"exhaustive for ([\w/ ]+?)(?:;|$)")


def read(source: Path, options: Options) -> Iterator[Draft | Skip]:
    """Yield the questions of each scan. Labels that are `at least` make no question answered `no`."""
    root = existing(source)
    files = find(root, "*.jsonl")
    need(files, "xray_baggage", _LAYOUT, source)
    images = Images(root, options.images)
    listed = [
        (path, *found) if not isinstance(found, Skip) else found
        for path in files
        for found in json_lines(path)
    ]
    known = {name for one in listed if not isinstance(one, Skip) for name in _labels(one[2])}
    for one in listed:
        if isinstance(one, Skip):
            yield one
            continue
        path, where, item = one
        official = path.stem
        # A development list is data to learn from until it is split: its name is no official split.
        split = split_of(official) if official in ("train", "test") else "train"
        if options.wants(official, split):
            yield from _scan(where, item, images, official, sorted(known))


def _scan(
    where: str, item: dict[str, Any], images: Images, official: str, known: list[str]
) -> Iterator[Draft | Skip]:
    name, kind = text_of(item.get("image")), text_of(item.get("label_kind"))
    image = images.get(name)
    if image is None:
        yield Skip(where, "missing image", name or "the record names no image")
        return
    given = item.get("label")
    if not isinstance(given, list) or not given or any(not text_of(label) for label in given):
        # A label that cannot be read is not a scan without a threat.
        yield Skip(where, "no answer", "no label, or one without a name")
        return
    scope = _SCOPE.search(kind)
    base = Draft(
        where=where,
        question="",
        answers=(),
        kind="",
        image=image,
        split=split_of(official) if official in ("train", "test") else "train",
        official=official if official in ("train", "test") else "",
        metadata={"set": text_of(item.get("set")), "label_kind": kind},
    )
    yield from scan_questions(
        base,
        dict.fromkeys(_labels(item), ()),
        complete=kind.startswith("exhaustive"),
        scope=tuple(part.strip() for part in scope.group(1).split("/")) if scope else (),
        vocabulary=known,
    )


def _labels(item: dict[str, Any]) -> list[str]:
    given = item.get("label")
    names = [text_of(label).replace("_", " ").lower() for label in given] if isinstance(given, list) else []
    return [name for name in names if name and name not in _CLEAN]


CONVERTER = Converter(
    "xray_baggage",
    "X-ray scans of baggage with labels of prohibited items",
    "research only (GDXray, SIXray)",
    _LAYOUT,
    read,
    version=2,
)
