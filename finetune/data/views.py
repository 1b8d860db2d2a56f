"""Looking at a data set: the prints of its images, and a new version of it under another name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from core.errors import VidenceError, invalid_input, unavailable
from finetune.data.dataset import Dataset
from finetune.data.rows import DatasetRecord, Step, TrainRow
from knowledge.image_prints import Found, PrintCache

Progress = Callable[[str, int, int], None]


def rows_of(dataset: Dataset) -> list[TrainRow]:
    """Return all rows; raises `not_found` where there is no data set, `invalid_input` for a torn one."""
    record = dataset.record
    rows = dataset.rows()
    if len(rows) != sum(record.rows.values()):
        raise invalid_input(
            f"{dataset.folder} holds {len(rows):,} rows, its record says {sum(record.rows.values()):,}",
            help=f"Look at it: vidence data verify {dataset.folder.name}",
        )
    return rows


def prints_of(dataset: Dataset, rows: Sequence[TrainRow], progress: Progress | None = None) -> Found:
    """Return the prints of the rows' images, and why others have none."""
    paths = {row.image_sha256: dataset.folder / row.image for row in rows if row.image and row.image_sha256}
    cache = PrintCache(dataset.folder / "prints.db")
    try:
        return cache.get(paths, progress)
    finally:
        cache.close()


def check_target(parent: Dataset, out: Dataset) -> None:
    """Refuse to write what is made of a data set over one that was made of something else.

    Making it again of the same parent, with other options, takes the old one's place.

    Raises:
        VidenceError: `invalid_input`.
    """
    if out.folder.resolve() == parent.folder.resolve():
        raise invalid_input("A data set cannot be made into itself", help="Give another name with --out.")
    if (out.folder / "dataset.json").exists():
        old = out.record
        made_of = [one.partition("@")[0] for one in old.parents]
        if made_of != [parent.record.name]:
            raise other_data_set(out, f"made of {', '.join(made_of) or 'a source'}")


def other_data_set(out: Dataset, what: str) -> VidenceError:
    """Return the error for a name that another data set has."""
    return invalid_input(
        f"{out.folder.name} is another data set already ({what}, {sum(out.record.rows.values()):,} rows)",
        help=f"Give another name with --out, or remove {out.folder}.",
    )


def derive(
    parent: Dataset, name: str, out: Dataset, rows: Sequence[TrainRow], steps: Sequence[Step]
) -> DatasetRecord:
    """Write rows of a data set as another one, with the parent's steps before its own.

    Images are linked where the disk allows it and copied where not.

    Raises:
        VidenceError: `invalid_input` when both are one folder, the name is taken or no row is left,
            `unavailable` on a full disk.
    """
    check_target(parent, out)
    if not rows:
        raise invalid_input("No row is left", help="Loosen the thresholds; see the report for what went.")
    record = parent.record
    for row in rows:
        if row.image:
            link(parent.folder / row.image, out.folder / row.image)
    return out.write(name, rows, parents=(f"{record.name}@{record.version}",), steps=(*record.steps, *steps))


def link(source: Path, target: Path) -> None:
    """Make a file known under another path too; raises `unavailable` when that fails."""
    if target.exists():
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:
            partial = target.with_suffix(f"{target.suffix}.part")
            shutil.copyfile(source, partial)
            partial.replace(target)
    except OSError as error:
        raise unavailable(
            f"{target} cannot be written: {error.strerror}",
            help="Free some space and run the command again; what was finished is kept.",
        ) from error
