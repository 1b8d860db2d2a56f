"""Splitting a data set that is written: what leaks is taken out, and the record says so."""

from __future__ import annotations

from finetune.data.dataset import Dataset
from finetune.data.near import same_images
from finetune.data.rows import DatasetRecord, Step, TrainRow
from finetune.data.splits import Shares, SplitReport, split_rows
from finetune.data.views import Progress, prints_of, rows_of


def apart(
    dataset: Dataset, shares: Shares, *, again: bool = False, progress: Progress | None = None
) -> tuple[list[TrainRow], SplitReport, Step]:
    """Return a data set's rows in splits that share nothing, a report, and the step to record.

    Args:
        dataset: The data set.
        shares: Of what has no official split.
        again: Draw official splits anew, too.
        progress: Called while images are looked at.
    """
    rows = rows_of(dataset)
    prints = prints_of(dataset, rows, progress).prints
    kept, report = split_rows(rows, same_images(prints), shares, again=again)
    reasons = {f"leak: {name}": count for name, count in report.leaks.items()}
    step = Step(
        name="split",
        options={"dev": shares.dev, "test": shares.test, "seed": shares.seed, "again": again},
        rows_in=len(rows),
        rows_out=len(kept),
        reasons=reasons,
        examples={"leak": report.examples} if report.examples else {},
    )
    return kept, report, step


def keep_apart(
    dataset: Dataset, shares: Shares, progress: Progress | None = None
) -> tuple[DatasetRecord, SplitReport]:
    """Split a data set in place; it is written anew only when something changes."""
    kept, report, step = apart(dataset, shares, progress=progress)
    record = dataset.record
    if not report.removed and not report.assigned:
        return record, report
    return dataset.write(record.name, kept, parents=record.parents, steps=(*record.steps, step)), report
