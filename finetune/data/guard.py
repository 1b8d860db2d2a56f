"""Keeping what models are judged on out of what they are trained on.

An `EvalIndex` knows the images and questions of evaluation data in any folders (such as `VIDENCE_DATA`).
A row overlaps when its image is one of theirs (the same file, the same pixels, or nearly), or when it has
no image and asks one of their questions. A question alone does not make a row with an image overlap: the same
question is asked of many images.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import VidenceError
from finetune.data.convert.base import Skip
from finetune.data.convert.files import IMAGE_SUFFIXES, existing, find, load_json, objects
from finetune.data.dataset import Dataset
from finetune.data.rows import PreferenceRow, TrainRow
from knowledge.image_prints import PrintCache
from knowledge.seen import SeenIndex, question_key

Progress = Callable[[str, int, int], None]
_QUESTIONS = ("question", "query", "claim")
_TEXTS = ("*.jsonl", "*.ndjson", "*.json", "*.csv", "*.tsv", "*.parquet", "*.xlsx")
_LEAST_WORDS = 4
"""A text-only question shorter than this is anybody's (`Why is that?`)."""
_MOST_JSON = 200_000_000


@dataclass(frozen=True)
class Overlap:
    """A row that is also evaluation data: `reason` is one of a few words, `where` the evaluation's file."""

    row: str
    reason: str
    where: str


class EvalIndex(SeenIndex):
    """The images and questions of evaluation data."""

    @classmethod
    def of(cls, folders: Iterable[Path], cache: PrintCache, progress: Progress | None = None) -> EvalIndex:
        """Index every image and every question below some folders.

        Raises:
            VidenceError: `not_found` for a folder that is not there.
        """
        places: dict[str, Path] = {}
        questions: dict[str, str] = {}
        for folder in folders:
            root = existing(folder)
            for path in find(root, *(f"*{suffix}" for suffix in IMAGE_SUFFIXES)):
                places.setdefault(_sha256(path), path)
            for path in find(root, *_TEXTS):
                for question in _questions(path):
                    if len(question.split()) >= _LEAST_WORDS:
                        questions.setdefault(question, str(path))
        found = cache.get(places, progress)
        return cls({sha: (mark, str(places[sha])) for sha, mark in found.prints.items()}, questions)


def check_against(
    rows: Sequence[TrainRow | PreferenceRow], dataset: Dataset, index: SeenIndex, cache: PrintCache
) -> list[Overlap]:
    """Return the rows that are also evaluation data, each with its first reason.

    Args:
        rows: The rows to look at.
        dataset: Where their images lie.
        index: The evaluation data.
        cache: Keeps the prints of the rows' images.
    """
    paths = {row.image_sha256: dataset.folder / row.image for row in rows if row.image and row.image_sha256}
    prints = cache.get(paths).prints
    told: dict[str, tuple[str, str] | None] = {sha: index.image(mark) for sha, mark in prints.items()}
    found = []
    for row in rows:
        hit = index.text(row.question) if row.image_sha256 is None else told.get(row.image_sha256)
        if hit is not None:
            found.append(Overlap(row.id, *hit))
    return found


def counted(found: Iterable[Overlap]) -> dict[str, int]:
    """Return how many rows overlap for each reason."""
    return dict(Counter(one.reason for one in found))


def _sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def _questions(path: Path) -> Iterator[str]:
    """Yield the key of every question in a file of JSON or JSON lines, however deep it stands."""
    if path.stat().st_size > _MOST_JSON:
        return
    if path.suffix != ".json":
        for found in objects(path):
            if not isinstance(found, Skip):
                yield from _asked(found[1])
        return
    try:
        body = load_json(path)
    except VidenceError:
        return
    if not isinstance(body, Skip):
        yield from _asked(body)


def _asked(body: Any) -> Iterator[str]:
    waiting = [body]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            for name, value in item.items():
                if str(name).lower() in _QUESTIONS and isinstance(value, str):
                    yield question_key(value)
                elif isinstance(value, dict | list):
                    waiting.append(value)
        elif isinstance(item, list):
            waiting.extend(one for one in item if isinstance(one, dict | list))
