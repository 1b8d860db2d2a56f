"""Checking a data set that lies on disk: every row, every image, every box, every hash."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from core.errors import VidenceError
from core.images import ImageStore
from finetune.data.dataset import Dataset, parse_row
from finetune.data.lines import file_lines
from finetune.data.pictures import MAX_BYTES, MAX_PIXELS
from finetune.data.rows import SPLITS, TrainRow, dataset_version

Progress = Callable[[str, int, int], None]
_EXAMPLES = 5


@dataclass
class Verdict:
    """What is wrong with a data set; `problems` counts by reason."""

    rows: int = 0
    images: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def note(self, reason: str, example: str) -> None:
        """Count a problem."""
        self.problems[reason] += 1
        shown = self.examples.setdefault(reason, [])
        if len(shown) < _EXAMPLES:
            shown.append(example)

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as plain values."""
        return {
            "ok": self.ok,
            "rows": self.rows,
            "images": self.images,
            "problems": dict(self.problems),
            "examples": self.examples,
        }


def verify(dataset: Dataset, progress: Progress | None = None) -> Verdict:
    """Check that every line is a row, every image opens and has its hash, every box lies inside its image.

    Raises:
        VidenceError: `not_found` where there is no data set.
    """
    record = dataset.record
    verdict = Verdict()
    rows: list[TrainRow] = []
    for split in SPLITS:
        path = dataset.folder / f"{split}.jsonl"
        for number, line in enumerate(file_lines(path, errors="replace") if path.exists() else (), 1):
            try:
                row = parse_row(line, f"{path.name}, line {number}")
            except VidenceError as error:
                verdict.note("broken line", error.message)
                continue
            if row.split != split:
                verdict.note("wrong file for its split", f"{path.name}, line {number}: {row.split}")
            rows.append(row)
    verdict.rows = len(rows)
    for key, count in Counter(row.id for row in rows).items():
        if count > 1:
            verdict.note("an id stands twice", key)
    sizes = _images(dataset, rows, verdict, progress)
    for row in rows:
        width, height = sizes.get(row.image_sha256 or "", (0, 0))
        for x0, y0, x1, y1 in row.boxes if width else ():
            if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
                verdict.note("box outside the image", f"{row.id}: [{x0:g}, {y0:g}, {x1:g}, {y1:g}]")
    if dataset_version(rows) != record.version:
        verdict.note("rows are not those of the recorded version", record.version)
    return verdict


def _images(
    dataset: Dataset, rows: list[TrainRow], verdict: Verdict, progress: Progress | None
) -> dict[str, tuple[int, int]]:
    store = ImageStore(dataset.folder, max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS)
    paths = {row.image_sha256: row.image for row in rows if row.image_sha256 and row.image}
    sizes: dict[str, tuple[int, int]] = {}
    verdict.images = len(paths)
    for number, (sha256, relative) in enumerate(sorted(paths.items())):
        try:
            content = (dataset.folder / relative).read_bytes()
            if hashlib.sha256(content).hexdigest() != sha256:
                verdict.note("an image is not what its hash says", relative)
                continue
            pixels = store.decode(content, relative)
            sizes[sha256] = (pixels.shape[1], pixels.shape[0])
        except OSError:
            verdict.note("missing image", relative)
        except VidenceError as error:
            verdict.note("broken image", error.message)
        if progress and number % 50 == 0:
            progress("checking images", number, len(paths))
    return sizes
