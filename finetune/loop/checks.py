"""What a row must pass before it may be trained on: no evaluation set holds it, nobody is named in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from core.personal import find_personal
from finetune.data.dataset import Dataset
from finetune.data.guard import EvalIndex
from finetune.data.rows import TrainRow
from knowledge.image_prints import ImagePrint, PrintCache, print_of_file
from knowledge.seen import SeenIndex, question_key


class Overlap(Protocol):
    """Tells which evaluation set holds a row."""

    def __call__(self, row: TrainRow, image: Path | None) -> str:
        """Return the set's name, or an empty text."""
        ...


class Known(Protocol):
    """Tells the answers of questions whose answer is known."""

    def __call__(self, question: str, image: Path | None) -> Sequence[str]:
        """Return the accepted answers, or nothing."""
        ...


class Personal(Protocol):
    """Finds personal data in a text."""

    def __call__(self, text: str) -> Sequence[str]:
        """Return the kinds of personal data found (`email`, `phone`, ...)."""
        ...


def personal(text: str) -> list[str]:
    """Find mail addresses, telephone and card numbers and the like by form and check digit."""
    return [span.kind for span in find_personal(text)]


class HeldOut:
    """Overlap with what is measured on: the same image or nearly, or the same question without one.

    Every question about an image that is measured on is refused, not only the same one: a model that was
    taught the image has seen the test.

    Args:
        folders: Data sets. Of those the dev and test rows count.
        whole: Data sets that are for measuring only: all rows count.
        evaluation: Folders of evaluation data in any format (`finetune.data.guard`).
        cache: Keeps the prints of images between calls.
        also: What else is measured on (`evals.production.store.measured_on`).
    """

    def __init__(
        self,
        folders: Iterable[Path] = (),
        *,
        whole: Iterable[Path] = (),
        evaluation: Iterable[Path] = (),
        cache: PrintCache | None = None,
        also: Sequence[SeenIndex] = (),
    ) -> None:
        places: dict[str, tuple[Path, str]] = {}
        questions: dict[str, str] = {}
        held: list[TrainRow] = []
        for folder, everything in [*((one, False) for one in folders), *((one, True) for one in whole)]:
            held += _collect(folder, everything, places, questions)
        prints = _prints({sha: path for sha, (path, _) in places.items()}, cache)
        self._answers = _answers(held, prints)
        self._asked = {question for question, _ in self._answers}
        self._marks: dict[Path, ImagePrint] = {}
        self._own = EvalIndex(
            {sha: (mark, places[sha][1]) for sha, mark in prints.items()},
            questions,
        )
        raw = list(evaluation)
        self._others = [*also, *([EvalIndex.of(raw, cache)] if raw and cache is not None else [])]

    def __call__(self, row: TrainRow, image: Path | None) -> str:
        """Return the name of the set that holds the row's image or, without one, its question."""
        indexes = [self._own, *self._others]
        if image is None:
            found = [index.text(row.question) for index in indexes] if row.image_sha256 is None else []
            return next((hit[1] for hit in found if hit), "")
        given = str(row.metadata.get("given_sha256") or "")
        mark = self._mark(image)
        hits = (index.files.get(given) or (index.image(mark) or ("", ""))[1] for index in indexes)
        return next(filter(None, hits), "")

    def known(self, question: str, image: Path | None) -> tuple[str, ...]:
        """Return the accepted answers where this question about these pixels is one that is measured on."""
        asked = question_key(question)
        if asked not in self._asked or (image is not None and not image.exists()):
            return ()
        return self._answers.get((asked, self._mark(image).pixels if image is not None else ""), ())

    def _mark(self, image: Path) -> ImagePrint:
        if image not in self._marks:
            self._marks[image] = print_of_file(image)
        return self._marks[image]


def _answers(
    rows: Iterable[TrainRow], prints: Mapping[str, ImagePrint]
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return every accepted answer by question and pixels (none for text alone)."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for row in rows:
        mark = prints.get(row.image_sha256) if row.image_sha256 else None
        if mark is not None or row.image_sha256 is None:
            key = (question_key(row.question), mark.pixels if mark else "")
            found[key] = (*found.get(key, ()), *row.answers)
    return found


def _collect(
    folder: Path, everything: bool, places: dict[str, tuple[Path, str]], questions: dict[str, str]
) -> list[TrainRow]:
    """Note where images and questions that are measured on lie; return their rows."""
    held: list[TrainRow] = []
    dataset = Dataset(folder)
    for row in dataset.rows():
        if everything or row.split != "train":
            held.append(row)
            name = f"{folder.name}:{row.split}"
            path = dataset.image_path(row)
            if row.image_sha256 is None:
                questions.setdefault(question_key(row.question), name)
            elif path is not None and path.exists():
                places.setdefault(row.image_sha256, (path, name))
    return held


def _prints(places: dict[str, Path], cache: PrintCache | None) -> dict[str, ImagePrint]:
    if cache is not None:
        return cache.get(places).prints
    return {sha: print_of_file(path) for sha, path in places.items()}
