"""Makes a data set with changed copies of its rows: training rows only, dev and test stay as they are."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from core.contracts import Contract
from core.errors import VidenceError, invalid_input
from finetune.augment.images import change_image, choose
from finetune.augment.policy import PIXEL, SPATIAL, allowed
from finetune.augment.text import perturb
from finetune.data.convert.places import box_text, place_text
from finetune.data.dataset import Dataset
from finetune.data.rows import DatasetRecord, Step, TrainRow
from finetune.data.views import check_target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Mode = Literal["pixel", "spatial", "text"]
MODES: tuple[Mode, ...] = ("pixel", "spatial", "text")


class AugmentReport(Contract):
    """What was made: rows by change, and why rows were not changed."""

    record: DatasetRecord
    folder: str
    changes: dict[str, int]
    skipped: dict[str, int]


class _NothingAllowedError(Exception):
    """Every change would put the answer in doubt."""


def augment(
    source: Dataset,
    target: Dataset,
    name: str,
    *,
    copies: int = 1,
    modes: Sequence[Mode] = MODES,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> AugmentReport:
    """Write a data set with the rows of another and `copies` changed copies of each training row.

    Copies keep their parent's group, so that they stay in its split, and name it in `parents`.

    Raises:
        VidenceError: `not_found` for no data set, `invalid_input` for the same folder twice, a name that is
            taken or no row left, `unavailable` when albumentations is missing or the disk is full.
    """
    check_target(source, target)
    rows = source.rows()
    vocabulary = {
        word.strip("?.,:;").lower()
        for row in rows
        for text in (row.question, *row.answers)
        for word in text.split()
    }
    made: list[TrainRow] = []
    changes: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    for number, row in enumerate(rows, 1):
        try:
            kept = _kept(source, target, row)
        except (VidenceError, OSError) as error:
            if isinstance(error, VidenceError) and error.kind == "unavailable":
                raise
            skipped["missing image"] += 1
            continue
        made.append(kept)
        for copy in range(copies if row.split == "train" else 0):
            try:
                changed = _changed(source, target, row, modes, Random(f"{seed}:{row.id}:{copy}"), vocabulary)
            except _NothingAllowedError:
                skipped["nothing allowed"] += 1
                continue
            except (OSError, ValueError):
                skipped["broken image"] += 1
                continue
            made.append(changed)
            changes.update(changed.metadata["augmented"])
        if progress:
            progress(number, len(rows))
    if not made:
        raise invalid_input(
            f"No row of {source.folder.name} can be used: {dict(skipped) or 'it has none'}",
            help=f"Look at it: vidence data verify {source.folder.name}",
        )
    options: dict[str, Any] = {"copies": copies, "modes": list(modes), "seed": seed}
    step = Step(name="augment", options=options, rows_in=len(rows), rows_out=len(made), reasons=dict(skipped))
    old = source.record
    record = target.write(name, made, parents=[f"{old.name}@{old.version}"], steps=[*old.steps, step])
    return AugmentReport(
        record=record, folder=str(target.folder), changes=dict(changes), skipped=dict(skipped)
    )


def _kept(source: Dataset, target: Dataset, row: TrainRow) -> TrainRow:
    path = source.image_path(row)
    if path is None:
        return row
    relative, _ = target.add_image(path.read_bytes(), path.suffix)
    return row.model_copy(update={"image": relative})


def _changed(
    source: Dataset, target: Dataset, row: TrainRow, modes: Sequence[Mode], random: Random, known: set[str]
) -> TrainRow:
    new: dict[str, Any] = {}
    done: list[str] = []
    if row.image is not None and ("pixel" in modes or "spatial" in modes):
        image = _change_picture(source, target, row, modes, random)
        new, done = image if image is not None else ({}, [])
    if "text" in modes and (not done or random.random() < 0.5):
        question, slips = perturb(row, random, known=known)
        if slips:
            new["question"] = question
            done += slips
    if not done:
        raise _NothingAllowedError
    body = {**row.model_dump(), **new, "id": "", "parents": (row.id,), "group": row.group}
    body["metadata"] = {**row.metadata, "augmented": done}
    return TrainRow.model_validate(body)


def _change_picture(
    source: Dataset, target: Dataset, row: TrainRow, modes: Sequence[Mode], random: Random
) -> tuple[dict[str, Any], list[str]] | None:
    pixels = _pixels(source, row)
    height, width = pixels.shape[:2]
    follows = follows_boxes(row, width, height)
    wanted = {*(PIXEL if "pixel" in modes else ()), *(SPATIAL if "spatial" in modes else ())}
    picked = choose(random, frozenset(allowed(row, follows=follows) & wanted))
    if not picked:
        return None
    changed, boxes = change_image(pixels, row.boxes, picked, random.getrandbits(31))
    relative, sha = target.add_image(_png(changed))
    new: dict[str, Any] = {"image": relative, "image_sha256": sha, "boxes": boxes}
    high, wide = changed.shape[:2]
    if follows:
        written = {"boxes": box_text, "place": place_text}[follows](boxes, wide, high)
        new["answers"] = (written,)
    return new, list(picked)


def follows_boxes(row: TrainRow, width: int, height: int) -> str:
    """Return `boxes` or `place` when the answer says what the boxes say, and can be written anew; else ""."""
    if not row.boxes or row.choices:
        return ""
    if row.answers[0] == box_text(row.boxes, width, height):
        return "boxes"
    return "place" if row.answers == (place_text(row.boxes, width, height),) else ""


def _pixels(source: Dataset, row: TrainRow) -> NDArray[np.uint8]:
    import numpy as np
    from PIL import Image

    path = source.image_path(row)
    assert path is not None
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=6)
    return out.getvalue()
