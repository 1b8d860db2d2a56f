"""What a maker makes: a picture (or none) with its questions; and how it becomes rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Protocol

from pydantic import Field

from core.contracts import Box, Contract
from finetune.data.rows import Split, TrainRow

SOURCE_LICENCE = "CC0-1.0"
"""What we draw from made-up data is free of rights."""


class Question(Contract):
    """A question with its accepted answers, before it has an image.

    `balance` names the group of questions whose answers are kept even ("" for open answers); `reading` tells that
    text must be read for it; `boxes` are what the answer points at, in pixels.
    """

    kind: str
    question: str
    answers: tuple[str, ...]
    balance: str = ""
    reading: bool = False
    boxes: tuple[Box, ...] = ()
    choices: tuple[str, ...] = ()


class Made(Contract):
    """One picture with its questions. `group` is what it was made of and stays in one split."""

    png: bytes | None
    group: str
    split: Split
    questions: tuple[Question, ...]
    source: str
    licence: str = SOURCE_LICENCE
    metadata: dict[str, Any] = Field(default_factory=dict)


class Maker(Protocol):
    """Makes the item of a number: the same number, the same item, whoever made what before."""

    def make(self, index: int) -> Made | None:
        """Return the item, or None where this number has none. Raises `VidenceError` for a failure."""
        ...

    def close(self) -> None:
        """End what it started."""
        ...


MakerFactory = Callable[[], Maker]


def to_rows(made: Made, image: tuple[str, str] | None) -> list[TrainRow]:
    """Return the rows of an item; `image` is the stored path and hash."""
    path, sha = image if image is not None else (None, None)
    return [
        TrainRow(
            image=path,
            image_sha256=sha,
            question=question.question,
            answers=question.answers,
            kind=question.kind,
            source=made.source,
            licence=made.licence,
            split=made.split,
            choices=question.choices,
            boxes=question.boxes,
            group=made.group,
            metadata={**made.metadata, "balance": question.balance, "reading": question.reading},
        )
        for question in made.questions
    ]


def split_by_name(name: str) -> Split:
    """Return the split of something by its name alone: eight, one and one of ten."""
    draw = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 10
    splits: tuple[Split, ...] = ("train", "dev", "test")
    return splits[0 if draw < 8 else draw - 7]
