"""The rows to train on, and in which order: a pure function of recipe, data and seed.

Nothing of the order has to be saved for a resume: step `n` of phase `p` always sees the same packs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from core.errors import invalid_input, not_found
from finetune.data.lines import file_lines
from finetune.data.rows import PreferenceRow, TrainRow
from finetune.train.config import DataSource, Phase

if TYPE_CHECKING:
    import numpy as np

Row = TypeVar("Row", TrainRow, PreferenceRow)
_FEW_BROKEN = 0.5


@dataclass(frozen=True)
class Skip:
    """A row that is left out, and why."""

    where: str
    reason: str


@dataclass(frozen=True)
class Source(Generic[Row]):
    """One data set's rows that can be used, in a fixed order."""

    name: str
    folder: Path
    version: str
    rows: tuple[Row, ...]
    weight: float | None = None
    skipped: tuple[Skip, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Pack:
    """Rows that become one sequence: they share their image. `rows` are positions in the source."""

    source: int
    rows: tuple[int, ...]


def open_source(spec: DataSource, folder: Path, row_type: type[Row], seed: int) -> Source[Row]:
    """Read a data set; broken lines and missing images are left out and reported.

    Args:
        spec: The recipe's entry.
        folder: Where the data set lies.
        row_type: `TrainRow` (`SPLIT.jsonl`) or `PreferenceRow` (`preferences.SPLIT.jsonl`).
        seed: Draws the rows when `max_rows` asks for fewer.

    Raises:
        VidenceError: `not_found` without the file; `invalid_input` when no row, or not half of them, is good.
    """
    prefix = "preferences." if row_type is PreferenceRow else ""
    path = folder / f"{prefix}{spec.split}.jsonl"
    if not path.is_file():
        raise not_found(
            f"Data set {spec.name} has no {path.name} in {folder}",
            help="Make it (vidence finetune data --help), or change `data` in the recipe.",
        )
    lines = file_lines(path, errors="replace")
    rows: list[Row] = []
    skipped: list[Skip] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            row = _read(line, row_type)
            problem = row if isinstance(row, str) else _image_problem(folder, row)
            if problem:
                skipped.append(Skip(f"{path.name}:{number}", problem))
            elif not isinstance(row, str) and _wanted(row, spec.kinds):
                rows.append(row)
    if not rows or len(skipped) > _FEW_BROKEN * (len(rows) + len(skipped)):
        why = f"; the first: {skipped[0].where}: {skipped[0].reason}" if skipped else ""
        raise invalid_input(
            f"{path}: {len(rows)} rows can be used, {len(skipped)} cannot{why}",
            help="Mend the data set; `kinds` in the recipe may also leave nothing over.",
        )
    rows.sort(key=lambda row: row.id)
    if spec.max_rows is not None and spec.max_rows < len(rows):
        chosen = _generator(seed, 0, 0).choice(len(rows), spec.max_rows, replace=False)
        rows = [rows[at] for at in sorted(chosen.tolist())]
    return Source(spec.name, folder, _version(rows), tuple(rows), spec.weight, tuple(skipped))


def steps_of(phase: Phase, sources: Sequence[Source[Row]], turns: int, sequences_a_step: int) -> int:
    """Return how many optimiser steps a phase takes."""
    if phase.steps is not None:
        return phase.steps
    packs = sum(
        len(_groups(source, turns, None))
        for source in sources
        if phase.weights.get(source.name, source.weight) != 0
    )
    return max(1, math.ceil((phase.epochs or 1.0) * packs / sequences_a_step))


def plan_phase(
    phase: Phase, sources: Sequence[Source[Row]], *, seed: int, index: int, turns: int, length: int
) -> list[Pack]:
    """Return the packs of a phase in their order, `length` of them.

    Each data set is passed through in an order of its own, shuffled anew every pass; which one comes next is
    drawn by weight (by default the number of its packs).
    """
    shares = _shares(phase, sources, turns)
    streams = [_stream(source, at, seed, index, turns) for at, source in enumerate(sources)]
    draws = _generator(seed, index, 1).choice(len(sources), length, p=shares)
    packs = [next(streams[at]) for at in draws.tolist()]
    if phase.order == "easy_first":
        packs.sort(key=lambda pack: _difficulty(sources[pack.source], pack))
    elif phase.order == "as_listed":
        packs.sort(key=lambda pack: (pack.source, pack.rows))
    return packs


def fixed_packs(source: Source[Row], at: int, turns: int) -> list[Pack]:
    """Return a source's packs in a fixed order, for measuring."""
    return [Pack(at, group) for group in _groups(source, turns, None)]


def _shares(phase: Phase, sources: Sequence[Source[Row]], turns: int) -> list[float]:
    weights = [phase.weights.get(source.name, source.weight) for source in sources]
    sizes = [len(_groups(source, turns, None)) for source in sources]
    raw = [float(size) if weight is None else weight for weight, size in zip(weights, sizes, strict=True)]
    total = sum(raw)
    if total <= 0:
        raise invalid_input(f"Phase {phase.name} weighs every data set 0", help="Give one a weight.")
    return [value / total for value in raw]


def _stream(source: Source[Row], at: int, seed: int, index: int, turns: int) -> Iterator[Pack]:
    generator = _generator(seed, index, 2 + at)
    while True:
        for group in _groups(source, turns, generator):
            yield Pack(at, group)


def _groups(source: Source[Row], turns: int, generator: np.random.Generator | None) -> list[tuple[int, ...]]:
    """Return the rows in groups of at most `turns` about one image, shuffled where there is a generator."""
    order = range(len(source.rows)) if generator is None else generator.permutation(len(source.rows)).tolist()
    if turns == 1:
        return [(at,) for at in order]
    by_image: dict[str, list[int]] = {}
    for at in order:
        by_image.setdefault(source.rows[at].image_sha256 or "", []).append(at)
    groups = [
        tuple(rows[start : start + turns])
        for rows in by_image.values()
        for start in range(0, len(rows), turns)
    ]
    if generator is None:
        return groups
    return [groups[at] for at in generator.permutation(len(groups)).tolist()]


def _difficulty(source: Source[Row], pack: Pack) -> float:
    rows = [source.rows[at] for at in pack.rows]
    given = [row.metadata.get("difficulty") for row in rows]
    if all(isinstance(value, int | float) for value in given):
        return sum(float(value or 0) for value in given) / len(given)
    lengths = [len(row.chosen if isinstance(row, PreferenceRow) else row.answers[0]) for row in rows]
    return sum(lengths) / len(lengths)


def _read(line: str, row_type: type[Row]) -> Row | str:
    try:
        return row_type.model_validate(json.loads(line))
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc']) or 'row'}: {first['msg']}"
    except json.JSONDecodeError as error:
        return f"not JSON ({error.msg})"


def _image_problem(folder: Path, row: TrainRow | PreferenceRow) -> str:
    from PIL import Image

    if row.image is None:
        return ""
    path = folder / row.image
    if not path.is_file():
        return f"image {row.image} is missing"
    try:
        with Image.open(path):
            return ""
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        return f"image {row.image}: {error}"


def _wanted(row: BaseModel, kinds: Sequence[str]) -> bool:
    return not kinds or getattr(row, "kind", "") in kinds


def _version(rows: Sequence[TrainRow | PreferenceRow]) -> str:
    import hashlib

    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row.model_dump(mode="json"), sort_keys=True).encode())
    return digest.hexdigest()[:16]


def _generator(seed: int, phase: int, use: int) -> np.random.Generator:
    import numpy as np

    return np.random.default_rng((seed, phase, use))
