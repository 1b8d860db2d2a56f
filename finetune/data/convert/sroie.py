"""SROIE (Huang et al. 2019, ICDAR): receipts with four key fields, asked for one by one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.contracts import Box
from core.errors import VidenceError
from core.text import find_dates
from finetune.data.convert.base import Converter, Draft, Options, Skip, need, safely, split_of, text_of
from finetune.data.convert.files import Images, existing, find, json_lines
from finetune.data.rows import Split
from knowledge.readers.decode import decode

_LAYOUT = (
    "{train,test}/{img,box,entities}/ (Kaggle), 0325updated.task1train(626p)/ and ...task2train(626p)/ "
    "(ICDAR), key/ with img/; key files hold one JSON object; or JSON lines {image, key, ocr_lines}"
)
_QUESTIONS = {
    "company": "What is the name of the company on this receipt?",
    "date": "What is the date on this receipt?",
    "address": "What is the address on this receipt?",
    "total": "What is the total amount on this receipt?",
}
_SPACED_DATE = re.compile(r"^(\d{1,2}) (\d{1,2}) (\d{4}|\d{2})$")
_MONEY = re.compile(r"^\W*(?:RM|MYR|\$)?\s*(\d[\d,]*(?:\.\d{1,2})?)\W*$", re.I)


def read(source: Path, options: Options) -> Iterator[Draft | Skip]:
    """Yield a draft a key field that has a value, with the box of its line where one is known."""
    root = existing(source)
    images = Images(root, options.images)
    lists = find(root, "*.jsonl")
    keys = [] if lists else [path for path in find(root, "*.txt", "*.json") if _fields(path)]
    need(lists or keys, "SROIE", _LAYOUT, source)
    for path in lists:
        for found in json_lines(path):
            if isinstance(found, Skip):
                yield found
                continue
            where, item = found
            fields, name = item.get("key") or {}, text_of(item.get("image"))
            yield from safely(
                where, _receipt, where, fields, name, _lines(item), images, path.parent, options
            )
    for path in keys:
        fields = _fields(path) or {}
        lines = _box_file(root, path.stem)
        yield from _receipt(path.name, fields, path.stem, lines, images, path.parent, options)


def _receipt(
    where: str,
    fields: Mapping[str, Any],
    name: str,
    lines: Sequence[tuple[str, Box]],
    images: Images,
    folder: Path,
    options: Options,
) -> Iterator[Draft | Skip]:
    official, split = _split(folder)
    if not options.wants(official, split):
        return
    image = images.get(name)
    if image is None:
        yield Skip(where, "missing image", name)
        return
    for field, question in _QUESTIONS.items():
        value = text_of(fields.get(field))
        if not value:
            yield Skip(where, "no answer", f"no {field}")
            continue
        yield Draft(
            where=f"{where}#{field}",
            question=question,
            answers=_forms(field, value),
            kind=field,
            image=image,
            boxes=tuple(box for text, box in lines if _same(value, text))[:1],
            split=split,
            official=official,
        )


def _fields(path: Path) -> dict[str, Any] | None:
    """Return the key fields of a file, or nothing for box files and others."""
    try:
        body = json.loads(decode(path.read_bytes()))
    except (ValueError, OSError, VidenceError):
        return None
    return body if isinstance(body, dict) and body.keys() & _QUESTIONS.keys() else None


def _split(folder: Path) -> tuple[str, Split]:
    found = re.search(r"(train|test)(?![a-z])", f"{folder.parent.name}/{folder.name}")
    return (found.group(1), split_of(found.group(1))) if found else ("", "train")


def _forms(field: str, value: str) -> tuple[str, ...]:
    """Return a value as it is printed and, for dates and amounts, in one form for all."""
    forms = [value]
    money = _MONEY.match(value)
    if field == "date":
        forms += [date.iso for date in find_dates(_SPACED_DATE.sub(r"\1/\2/\3", value))[:1]]
    if field == "total" and money:
        forms.append(f"{float(money.group(1).replace(',', '')):.2f}")
    return tuple(dict.fromkeys(forms))


def _lines(item: Mapping[str, Any]) -> list[tuple[str, Box]]:
    given = item.get("ocr_lines")
    return [
        (text_of(line.get("text")), _around(line["poly"]))
        for line in (given if isinstance(given, list) else ())
        if isinstance(line, dict) and _is_poly(line.get("poly"))
    ]


def _is_poly(poly: Any) -> bool:
    return isinstance(poly, list) and len(poly) >= 8 and all(isinstance(one, int | float) for one in poly)


def _box_file(root: Path, stem: str) -> list[tuple[str, Box]]:
    """Return the lines of a box file: eight numbers and a text, which may hold commas itself."""
    found: list[tuple[str, Box]] = []
    for path in find(root, f"{stem}.txt", f"{stem}.csv"):
        for line in path.read_text(errors="replace").splitlines():
            parts = line.split(",", 8)
            if len(parts) == 9 and all(re.fullmatch(r"\s*-?\d+(\.\d+)?\s*", part) for part in parts[:8]):
                found.append((text_of(parts[8]), _around([float(part) for part in parts[:8]])))
    return found


def _around(poly: Sequence[float]) -> Box:
    across, down = [float(value) for value in poly[0::2]], [float(value) for value in poly[1::2]]
    return (min(across), min(down), max(across), max(down))


def _same(value: str, line: str) -> bool:
    return value.casefold() in line.casefold()


CONVERTER = Converter(
    "sroie",
    "SROIE: key fields of scanned receipts",
    "MIT",
    _LAYOUT,
    read,
    version=2,
    shippable=True,
    homepage="https://rrc.cvc.uab.es/?ch=13",
)
