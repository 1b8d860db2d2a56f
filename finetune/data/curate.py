"""Curation: what is broken, repeated, poor, unsafe or personal goes, and the report says what and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from core.personal import mask
from finetune.data.dataset import Dataset
from finetune.data.dedup import find_duplicate_rows
from finetune.data.engines import LocalEngine
from finetune.data.marks import Engine, Marks, Thresholds, mark_rows
from finetune.data.rows import DatasetRecord, Step, TrainRow
from finetune.data.views import derive, prints_of, rows_of
from knowledge.image_prints import ImagePrint

Progress = Callable[[str, int, int], None]
_EXAMPLES = 5


@dataclass
class Curation:
    """What stays, and step by step what went."""

    rows: list[TrainRow]
    steps: list[Step] = field(default_factory=list)
    masked: int = 0

    def drop(self, name: str, gone: dict[str, tuple[str, str]], options: dict[str, Any]) -> None:
        """Take rows out.

        Args:
            name: The step's name.
            gone: For each row's id the reason and, for the example, what is to be seen of it.
            options: What the step was done with.
        """
        before = len(self.rows)
        examples: dict[str, list[str]] = {}
        for row in self.rows:
            if row.id in gone:
                reason, seen = gone[row.id]
                shown = examples.setdefault(reason, [])
                if len(shown) < _EXAMPLES:
                    shown.append(f"{row.id}: {seen}")
        self.rows = [row for row in self.rows if row.id not in gone]
        reasons = Counter(reason for reason, _ in gone.values())
        self.steps.append(
            Step(
                name=name,
                options=options,
                rows_in=before,
                rows_out=len(self.rows),
                reasons=dict(reasons),
                examples=examples,
            )
        )


def curate(
    dataset: Dataset,
    thresholds: Thresholds,
    *,
    near: bool = True,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> Curation:
    """Return a data set's rows without what thresholds take out, and the steps to record.

    Steps, in this order: images that cannot be opened, duplicates, quality, language, NSFW images, personal
    data. Nothing is written; see `write_curated`.

    Raises:
        VidenceError: `unavailable` where a filter was asked for whose package is missing.
    """
    engine = engine or LocalEngine(progress)
    rows = rows_of(dataset)
    result = Curation(rows)
    found = prints_of(dataset, rows, progress)
    result.drop("images", _broken(rows, found.broken), {})
    _dedup(result, found.prints, near)
    marks = _marks(result.rows, found.prints, thresholds, engine)
    limits = {"quality": thresholds.quality, "side": thresholds.side, "spread": thresholds.spread}
    result.drop("quality", _poor(result.rows, marks, thresholds), {**limits, "sharp": thresholds.sharp})
    if thresholds.languages:
        result.drop("language", _foreign(result.rows, marks, thresholds), {"kept": thresholds.languages})
    if thresholds.nsfw:
        result.drop("nsfw", _unsafe(dataset, result.rows, thresholds, progress), {"from": thresholds.nsfw})
    _personal(result, marks, thresholds)
    return result


def dedup(dataset: Dataset, *, near: bool = True, progress: Progress | None = None) -> Curation:
    """Return a data set's rows without repetitions, and the steps to record."""
    rows = rows_of(dataset)
    result = Curation(rows)
    _dedup(result, prints_of(dataset, rows, progress).prints, near)
    return result


def write_curated(parent: Dataset, name: str, out: Dataset, result: Curation) -> DatasetRecord:
    """Write what stays as a data set of its own, with the steps of both in its record."""
    return derive(parent, name, out, result.rows, result.steps)


def _broken(rows: Sequence[TrainRow], broken: dict[str, str]) -> dict[str, tuple[str, str]]:
    return {row.id: ("broken image", broken[row.image_sha256]) for row in rows if row.image_sha256 in broken}


def _dedup(result: Curation, prints: dict[str, ImagePrint], near: bool) -> None:
    found = find_duplicate_rows(result.rows, prints, near=near)
    gone = {row.id: (how, f"{row.question[-80:]} (as {stands.id})") for row, stands, how in found.gone}
    result.drop("duplicates", gone, {"near": near})


def _marks(
    rows: Sequence[TrainRow], prints: dict[str, ImagePrint], thresholds: Thresholds, engine: Engine
) -> dict[str, Marks]:
    pairs = [(row, prints.get(row.image_sha256) if row.image_sha256 else None) for row in rows]
    done = engine.map(partial(mark_rows, thresholds=thresholds), pairs, "judging rows")
    return {mark.row: mark for mark in done}


def _poor(
    rows: Sequence[TrainRow], marks: dict[str, Marks], thresholds: Thresholds
) -> dict[str, tuple[str, str]]:
    return {
        row.id: (marks[row.id].weakest, f"quality {marks[row.id].quality:.2f}: {row.question[-80:]}")
        for row in rows
        if marks[row.id].quality < thresholds.quality
    }


def _foreign(
    rows: Sequence[TrainRow], marks: dict[str, Marks], thresholds: Thresholds
) -> dict[str, tuple[str, str]]:
    return {
        row.id: (f"language {marks[row.id].language}", row.question[-80:])
        for row in rows
        if marks[row.id].language and marks[row.id].language not in thresholds.languages
    }


def _unsafe(
    dataset: Dataset, rows: Sequence[TrainRow], thresholds: Thresholds, progress: Progress | None
) -> dict[str, tuple[str, str]]:
    from finetune.data.nsfw import nsfw_scores

    paths = {row.image_sha256: dataset.folder / row.image for row in rows if row.image and row.image_sha256}
    scores = nsfw_scores(paths, progress)
    return {
        row.id: ("nsfw image", f"probability {scores[row.image_sha256]:.2f}")
        for row in rows
        if row.image_sha256 and scores.get(row.image_sha256, 0.0) >= thresholds.nsfw
    }


def _personal(result: Curation, marks: dict[str, Marks], thresholds: Thresholds) -> None:
    """Drop rows with personal data or mask it; examples never show what was found."""
    options = {"kinds": thresholds.personal, "names": thresholds.names, "masks": thresholds.masks}
    held = {row.id: marks[row.id].personal for row in result.rows if marks[row.id].personal}
    if not thresholds.masks:
        gone = {key: (f"personal data: {', '.join(kinds)}", "not shown") for key, kinds in held.items()}
        result.drop("personal data", gone, options)
        return
    result.rows = [_masked(row, marks[row.id]) if row.id in held else row for row in result.rows]
    result.masked = len(held)
    counts = Counter(f"masked {kind}" for kinds in held.values() for kind in kinds)
    size = len(result.rows)
    result.steps.append(
        Step(name="personal data", options=options, rows_in=size, rows_out=size, reasons=dict(counts))
    )


def _masked(row: TrainRow, marks: Marks) -> TrainRow:
    """Return a row of a new id without its personal data; the old one is its parent."""
    question, *answers = (
        mask(text, spans) for text, spans in zip([row.question, *row.answers], marks.spans, strict=True)
    )
    values = {**row.model_dump(), "id": "", "question": question, "answers": tuple(answers)}
    return TrainRow.model_validate({**values, "parents": (*row.parents, row.id)})
