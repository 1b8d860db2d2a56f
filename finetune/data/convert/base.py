"""What a converter is: it reads one public layout and yields drafts of rows, and skips that say why."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from core.contracts import Box
from core.errors import invalid_input
from finetune.data.rows import Split

ODD_SHAPES = (KeyError, TypeError, AttributeError, ValueError, IndexError, OverflowError)
"""What reading a record raises whose inside is not what its layout says."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
_SPLIT_NAMES: Mapping[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "dev",
    "valid": "dev",
    "validate": "dev",
    "validation": "dev",
    "dev": "dev",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Blob:
    """An image that lies inside another file (a parquet table), read when it is needed."""

    name: str
    load: Callable[[], bytes]


@dataclass(frozen=True)
class Draft:
    """A row to be: what a converter read, before its image was opened and its text checked.

    Attributes:
        where: File and record it was read from, for reports and lineage.
        boxes: `[x0, y0, x1, y1]` in pixels of the image as it is shown (after EXIF rotation).
        official: The name of the split that the set's authors gave it, empty where there is none.
        image_sha256: The hash that the source gives for the image, if it gives one; it is checked.
        answer_from: Make the answer of the boxes once the image's size is known: numbers, or a place.
        size: Width and height that the source gives for the image; boxes on another size would be wrong.
    """

    where: str
    question: str
    answers: tuple[str, ...]
    kind: str
    image: Path | Blob | None = None
    image_sha256: str = ""
    boxes: tuple[Box, ...] = ()
    choices: tuple[str, ...] = ()
    split: Split = "train"
    official: str = ""
    group: str = ""
    licence: str = ""
    answer_from: Literal["", "boxes", "place"] = ""
    size: tuple[int, int] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Skip:
    """A record that makes no row, and why. `reason` is one of a few words to count by."""

    where: str
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Options:
    """What a user may say about reading: splits by either name, languages, an images folder."""

    splits: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    images: Path | None = None
    seed: int = 0

    def wants(self, official: str, split: Split) -> bool:
        """Whether rows of this split are asked for; all are when none was named."""
        return not self.splits or official in self.splits or split in self.splits


Reader = Callable[[Path, Options], Iterator[Draft | Skip]]


@dataclass(frozen=True)
class Converter:
    """One public set's layout, and how it is read.

    Attributes:
        version: Goes up when the same files give other rows; it stands in every row's lineage.
        licence: The licence of the set as its authors state it; carried in every row.
        layout: What the source folder has to hold, for people.
        shippable: Whether weights trained on it may be shipped (CC0, MIT, CC BY).
    """

    name: str
    title: str
    licence: str
    layout: str
    read: Reader
    version: int = 1
    shippable: bool = False
    homepage: str = ""


def safely(
    where: str, make: Callable[..., Draft | Skip | Iterable[Draft | Skip]], *given: Any
) -> Iterator[Draft | Skip]:
    """Yield what `make(*given)` makes of one record; an odd one is a skip and costs itself only."""
    try:
        made = make(*given)
        found = [made] if isinstance(made, Draft | Skip) else list(made)
    except ODD_SHAPES as error:
        yield Skip(where, "broken record", f"{type(error).__name__}: {error}")
        return
    yield from found


def sound(items: Any, where: str, *names: str) -> Iterator[tuple[str, dict[str, Any]] | Skip]:
    """Yield (place, object) of a list; what is no object, or lacks the numbers or names given, is a skip.

    Args:
        items: The list.
        where: What it is called in skips.
        names: Keys by which others refer to the object: each has to be a number or a text.
    """
    if not isinstance(items, list):
        yield Skip(where, "broken file", "no list" if items is not None else "the list is missing")
        return
    for number, item in enumerate(items):
        at = f"{where}[{number}]"
        if not isinstance(item, dict):
            yield Skip(at, "broken record", "no JSON object")
            continue
        odd = [name for name in names if not isinstance(item.get(name), int | str)]
        yield Skip(at, "broken record", f"no {odd[0]}") if odd else (at, item)


def split_of(name: str, default: Split = "train") -> Split:
    """Return our name of a split (`val2014` is `dev`); the default for names that say nothing."""
    low = name.strip().lower().rstrip("0123456789")
    if low in _SPLIT_NAMES:
        return _SPLIT_NAMES[low]
    return next((split for word, split in _SPLIT_NAMES.items() if low.startswith(word)), default)


def text_of(value: Any) -> str:
    """Return a value of JSON as text: numbers as they are written, nothing for null, inner spaces once.

    What no number is (a table's empty cell, written `NaN`) is nothing, too; control characters are spaces.
    """
    if value is None or isinstance(value, bool | dict | list):
        return {True: "yes", False: "no"}.get(value, "") if isinstance(value, bool) else ""
    if isinstance(value, float):
        if not math.isfinite(value):
            return ""
        value = int(value) if value.is_integer() else value
    return " ".join(_CONTROL.sub(" ", str(value)).split())


def need(found: Any, converter: str, layout: str, source: Path) -> None:
    """Raise `invalid_input` with the expected layout when nothing was found.

    Raises:
        VidenceError: `invalid_input`.
    """
    if not found:
        raise invalid_input(
            f"{source} does not look like {converter}: none of its files is there",
            help=f"Expected: {layout}",
        )
