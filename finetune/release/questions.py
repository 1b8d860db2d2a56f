"""The questions that a model is measured on: rows of a data set, drawn the same way each time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from core.errors import invalid_input
from finetune.data.dataset import Dataset
from finetune.data.rows import Split, TrainRow
from finetune.release.answering import Asked


@dataclass(frozen=True)
class Questions:
    """Rows of one split, with the name that says exactly which they are."""

    name: str
    version: str
    split: Split
    rows: tuple[TrainRow, ...]
    folder: Path
    of: int = 0
    """How many rows the split has; `rows` may be a draw of them."""

    @property
    def ref(self) -> str:
        """`NAME@VERSION:SPLIT`, with the number of rows where it is a draw."""
        part = "" if len(self.rows) == self.of else f"[{len(self.rows)}]"
        return f"{self.name}@{self.version}:{self.split}{part}"

    def asked(self, *, grey: bool = False) -> list[Asked]:
        """Return what to ask, in the order of the rows; with a grey image in every image's place."""
        return [
            Asked(row.question, self.folder / row.image if row.image else None, grey) for row in self.rows
        ]


def open_questions(data: Path, spec: str, *, limit: int | None = None) -> Questions:
    """Read `NAME[:SPLIT]`, or a folder with a slash in its name; the split is `dev` unless given.

    Args:
        data: Where data sets lie by name.
        spec: What to read.
        limit: At most so many rows, drawn by a hash of their ids: the same rows each time, and a longer
            draw holds a shorter one.

    Raises:
        VidenceError: `not_found` without the data set; `invalid_input` for an unknown or empty split.
    """
    name, _, split = spec.rpartition(":") if ":" in spec else (spec, "", "dev")
    if split not in get_args(Split):
        raise invalid_input(f"Not a split: {split}", help=f"Use NAME:{'|'.join(get_args(Split))}.")
    folder = Path(name).expanduser() if "/" in name else data / name
    dataset = Dataset(folder)
    record = dataset.record
    wanted: Split = split  # type: ignore[assignment]
    rows = dataset.rows(wanted)
    if not rows:
        raise invalid_input(
            f"{record.name} has no rows in {split}", help=f"It has: {record.rows}. Give NAME:SPLIT."
        )
    return Questions(record.name, record.version, wanted, _drawn(rows, limit), folder, len(rows))


def _drawn(rows: Sequence[TrainRow], limit: int | None) -> tuple[TrainRow, ...]:
    if limit is None or limit >= len(rows):
        return tuple(rows)
    ranked = sorted(rows, key=lambda row: hashlib.sha256(row.id.encode()).digest())
    return tuple(sorted(ranked[:limit], key=lambda row: row.id))
