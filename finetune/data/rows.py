"""The one row format of training data, as JSON lines, and the record of a data set.

A data set is a folder: `train.jsonl`, `dev.jsonl`, `test.jsonl` (those that have rows), `images/SHA256.png`,
and `dataset.json`, the `DatasetRecord`. Its version is a hash of its rows, so that the same rows are the
same version wherever they lie.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field, model_validator

from core.contracts import Box, Contract

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")


class TrainRow(Contract):
    """One question with its answers, about one image or none.

    `answers` holds every accepted answer, the one to train on first. `kind` is a slice to report by
    (`yes_no`, `count`, `colour`, `caption`, `grounding`, ...). `boxes` (pixels of the stored image) are what
    a grounding answer points at. `group` names what must stay in one split (a table, a patient, a paper);
    by default the image, or else the question. `parents` are the ids of the rows that this one was made of.
    """

    id: str = ""
    image: str | None = Field(None, description="Path, relative to the data set's folder.")
    image_sha256: str | None = Field(None, description="Hash of the image file's bytes.")
    question: str = Field(min_length=1)
    answers: tuple[str, ...] = Field(min_length=1)
    kind: str = Field(min_length=1)
    source: str = Field(min_length=1)
    licence: str = Field(min_length=1)
    split: Split = "train"
    choices: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()
    group: str = ""
    parents: tuple[str, ...] = ()
    metadata: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> TrainRow:
        if any(not answer.strip() for answer in self.answers):
            raise ValueError("an answer has no text")
        if (self.image is None) != (self.image_sha256 is None):
            raise ValueError("an image needs its path and its hash")
        if not self.id:
            object.__setattr__(self, "id", _row_id(self.image_sha256, self.question, self.answers, self.kind))
        if not self.group:
            object.__setattr__(self, "group", self.image_sha256 or f"text:{self.id}")
        return self


class PreferenceRow(Contract):
    """Two answers to one question, of which one was preferred (for DPO)."""

    id: str = ""
    image: str | None = None
    image_sha256: str | None = None
    question: str = Field(min_length=1)
    chosen: str = Field(min_length=1)
    rejected: str = Field(min_length=1)
    source: str = Field(min_length=1)
    licence: str = Field(min_length=1)
    split: Split = "train"
    metadata: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> PreferenceRow:
        if self.chosen.strip() == self.rejected.strip():
            raise ValueError("chosen and rejected are the same answer")
        if not self.id:
            pair = (self.chosen, self.rejected)
            object.__setattr__(self, "id", _row_id(self.image_sha256, self.question, pair, "preference"))
        return self


class Step(Contract):
    """One thing that was done to a data set, and what it took away or added."""

    name: str
    options: dict[str, Any] = Field(default_factory=dict)
    rows_in: int = 0
    rows_out: int = 0
    reasons: dict[str, int] = Field(default_factory=dict)
    examples: dict[str, list[str]] = Field(
        default_factory=dict, description="A few of what went for each reason."
    )


class DatasetRecord(Contract):
    """What a data set is, and what it was made of."""

    name: str
    version: str
    created_at: str
    rows: dict[str, int] = Field(description="Rows of each split.")
    kinds: dict[str, int] = Field(default_factory=dict)
    sources: dict[str, int] = Field(default_factory=dict)
    licences: dict[str, int] = Field(default_factory=dict)
    parents: tuple[str, ...] = Field((), description="`NAME@VERSION` of each data set it was made of.")
    steps: tuple[Step, ...] = ()


def dataset_version(rows: Iterable[TrainRow]) -> str:
    """Return 16 hexadecimal digits that name these rows, in whatever order they come."""
    digest = hashlib.sha256()
    for line in sorted(json.dumps(row.model_dump(mode="json"), sort_keys=True) for row in rows):
        digest.update(line.encode())
    return digest.hexdigest()[:16]


def _row_id(image: str | None, question: str, answers: tuple[str, ...], kind: str) -> str:
    key = json.dumps([image, question, list(answers), kind], ensure_ascii=False)
    return hashlib.sha256(key.encode()).hexdigest()[:16]
