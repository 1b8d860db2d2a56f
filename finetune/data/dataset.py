"""Reading and writing a data set's folder."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from core.errors import VidenceError, invalid_input, not_found
from finetune.data.lines import file_lines
from finetune.data.rows import SPLITS, DatasetRecord, Split, Step, TrainRow, dataset_version


class Dataset:
    """A data set in a folder (`finetune.data.rows` says what lies there).

    Args:
        folder: The folder; it need not exist until something is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def record(self) -> DatasetRecord:
        """The record; raises `not_found` where there is no data set, `invalid_input` where it is broken."""
        path = self.folder / "dataset.json"
        if not path.exists():
            raise not_found(
                f"There is no data set at {self.folder}",
                help="List them: vidence data list. Make one: vidence finetune data --help",
            )
        try:
            return DatasetRecord.model_validate_json(path.read_text())
        except ValidationError as error:
            raise invalid_input(
                f"{path} is broken: {error.errors()[0]['msg']}", help="Make it anew."
            ) from error

    def rows(self, split: Split | None = None) -> list[TrainRow]:
        """Return the rows of one split or of all; raises `invalid_input` naming a broken line."""
        return [row for one in SPLITS if split in (None, one) for row in self._read(one)]

    def image_path(self, row: TrainRow) -> Path | None:
        """Return where a row's image lies."""
        return None if row.image is None else self.folder / row.image

    def add_image(self, content: bytes, suffix: str = ".png") -> tuple[str, str]:
        """Keep an image by its content and return its relative path and its SHA-256."""
        sha = hashlib.sha256(content).hexdigest()
        relative = f"images/{sha}{suffix}"
        path = self.folder / relative
        if not path.exists():
            write_whole(path, content)
        return relative, sha

    def write(
        self, name: str, rows: Iterable[TrainRow], *, parents: Sequence[str] = (), steps: Sequence[Step] = ()
    ) -> DatasetRecord:
        """Write the rows, sorted by id, then the record; a kill in between leaves the old record in place."""
        unique = {row.id: row for row in rows}
        kept = [unique[key] for key in sorted(unique)]
        for split in SPLITS:
            lines = [row.model_dump_json() for row in kept if row.split == split]
            path = self.folder / f"{split}.jsonl"
            if lines:
                write_whole(path, ("\n".join(lines) + "\n").encode())
            else:
                path.unlink(missing_ok=True)
        record = DatasetRecord(
            name=name,
            version=dataset_version(kept),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            rows=dict(Counter(row.split for row in kept)),
            kinds=dict(Counter(row.kind for row in kept)),
            sources=dict(Counter(row.source for row in kept)),
            licences=dict(Counter(row.licence for row in kept)),
            parents=tuple(parents),
            steps=tuple(steps),
        )
        write_whole(self.folder / "dataset.json", record.model_dump_json(indent=2).encode() + b"\n")
        return record

    def _read(self, split: Split) -> Iterator[TrainRow]:
        path = self.folder / f"{split}.jsonl"
        if not path.exists():
            return
        for number, line in enumerate(file_lines(path), 1):
            if line.strip():
                yield parse_row(line, f"{path}, line {number}")


def parse_row(line: str, where: str) -> TrainRow:
    """Read one line; raises `invalid_input` that says where it stands and what is wrong with it."""
    try:
        return TrainRow.model_validate(json.loads(line))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "row"
        problem = f"{field}: {first['msg']}"
    except json.JSONDecodeError as error:
        problem = f"not JSON ({error.msg})"
    raise invalid_input(f"{where}: {problem}", help="Mend or leave out the line.")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file in one step, so that a kill or a full disk leaves the old one.

    Raises:
        VidenceError: `unavailable`, when the disk is full or the folder cannot be written.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise VidenceError(
            "unavailable",
            f"{path} cannot be written: {error.strerror}",
            help="Free some space or give another folder; what was finished is kept.",
            retryable=True,
        ) from error
