"""Where eval data sets from use lie: `evals/datasets/NAME/VERSION/` below the data folder, or any folder.

A version is never changed. `dataset.json` comes last, so that what a kill leaves is no data set yet.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from core.errors import VidenceError, invalid_input, not_found
from core.images import ImageStore
from evals.production.create import Made
from evals.production.record import MARK, DatasetInfo, Line, Rules, version_of
from knowledge.image_prints import PrintCache
from knowledge.seen import SeenIndex, question_key

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_INFO, _LINES = "dataset.json", "samples.jsonl"


@dataclass(frozen=True)
class ProductionSet:
    """A data set as it lies in a folder."""

    folder: Path
    info: DatasetInfo

    def lines(self) -> list[Line]:
        """Return the samples; raises `invalid_input` when they are not what was written."""
        path = self.folder / _LINES
        try:
            texts = path.read_text(encoding="utf-8").split("\n")
            lines = [Line.model_validate_json(text) for text in texts if text]
        except (OSError, ValueError) as error:
            raise _changed(path) from error
        if version_of(lines) != self.info.version:
            raise _changed(path)
        return lines


def datasets_folder(root: Path) -> Path:
    """Return where the data sets of a data folder lie."""
    return root / "evals" / "datasets"


def check_name(name: str) -> None:
    """Refuse what is no name for a data set; raises `invalid_input`."""
    if not _NAME.fullmatch(name):
        raise invalid_input(f"Not a name for a data set: {name!r}", help="Use letters, digits, . - and _.")


def write_set(
    folder: Path | None,
    root: Path,
    name: str,
    made: Made,
    images: ImageStore,
    *,
    rules: Rules,
    ratings: int,
    trained_on: Sequence[str],
    created_at: str,
) -> ProductionSet:
    """Write a data set with its images; the same content again changes nothing.

    Args:
        folder: Of the version; None: where the data folder has it.
        root: The data folder.
        name: What it is called.
        made: Samples and what was put aside.
        images: Where the pictures lie.
        rules: Which ratings counted.
        ratings: How many were looked at.
        trained_on: What it was held against.
        created_at: ISO 8601.

    Raises:
        VidenceError: `invalid_input` when nothing is left or another data set lies there; `unavailable` when
            the disk is full.
    """
    check_name(name)
    if not made.lines:
        why = ", ".join(f"{reason} {count}" for reason, count in made.aside.items())
        raise invalid_input(
            f"No sample is left of {ratings} ratings" + (f" ({why})" if why else ""),
            help="Rate answers (vidence feedback RUN --rating up, or down --correction TEXT) first.",
        )
    info = DatasetInfo(
        name=name,
        version=version_of(made.lines),
        created_at=created_at,
        samples=len(made.lines),
        kinds=dict(Counter(line.sample.kind for line in made.lines)),
        rules=rules,
        ratings=ratings,
        aside=dict(made.aside),
        conflicts=tuple(made.conflicts),
        trained_on=tuple(trained_on),
    )
    folder = folder or datasets_folder(root) / name / info.version
    if (folder / _INFO).exists():
        known = read_set(folder)
        if known.info.version != info.version:
            raise invalid_input(
                f"{folder} holds {known.info.ref} already",
                help="Give another folder: a version stays.",
            )
        return known
    try:
        for line in made.lines:
            for image in line.sample.input["images"]:
                sha = Path(image).stem
                _write(folder / image, images.path(sha).read_bytes())
        body = "".join(line.model_dump_json() + "\n" for line in made.lines)
        _write(folder / _LINES, body.encode())
        _write(folder / _INFO, info.model_dump_json(indent=2).encode() + b"\n")
    except OSError as error:
        raise VidenceError(
            "unavailable",
            f"{folder} cannot be written: {error.strerror}",
            help="Free some space.",
        ) from error
    return ProductionSet(folder, info)


def read_set(folder: Path) -> ProductionSet:
    """Read a data set's record; raises `not_found` or `invalid_input`."""
    path = folder / _INFO
    if not path.is_file():
        raise not_found(f"There is no eval data set at {folder}", help="List them: vidence eval dataset list")
    try:
        return ProductionSet(folder, DatasetInfo.model_validate_json(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise _changed(path) from error


def all_sets(root: Path) -> Iterator[ProductionSet]:
    """Yield every version of every data set of a data folder, by name, the newest last."""
    found = [read_set(path.parent) for path in datasets_folder(root).glob(f"*/*/{_INFO}")]
    yield from sorted(found, key=lambda one: (one.info.name, one.info.created_at, one.info.version))


def find_set(root: Path, ref: str) -> ProductionSet:
    """Find a data set by `NAME[@VERSION]` (the newest without a version) or by its folder.

    Raises:
        VidenceError: `not_found`, naming those that there are.
    """
    ref = ref.removeprefix(MARK)
    if (Path(ref) / _INFO).is_file():
        return read_set(Path(ref))
    name, _, version = ref.partition("@")
    known = list(all_sets(root))
    found = [one for one in known if one.info.name == name and one.info.version.startswith(version)]
    if not found:
        there = ", ".join(one.info.ref for one in known) or "none"
        raise not_found(
            f"There is no eval data set {ref}",
            help=f"There are: {there}. Make one: vidence eval dataset create NAME",
        )
    return found[-1]


def measured_on(root: Path, cache: PrintCache) -> SeenIndex:
    """Return what the data sets of a data folder hold, so that training can keep away from it. Blocking."""
    images: dict[str, Path] = {}
    holders: dict[str, str] = {}
    questions: dict[str, str] = {}
    for one in all_sets(root):
        where = f"{MARK}{one.info.name}"
        for line in one.lines():
            named = line.sample.input["images"]
            for image in named:
                images.setdefault(Path(image).stem, one.folder / image)
                holders.setdefault(Path(image).stem, where)
            if not named:
                questions.setdefault(question_key(line.sample.input["question"]), where)
    # Images are named by the hash of the file as it was given; here lies another file of the same pixels.
    own = {_sha256(path): given for given, path in images.items() if path.is_file()}
    found = cache.get({sha: images[given] for sha, given in own.items()})
    marks = {sha: (mark, holders[own[sha]]) for sha, mark in found.prints.items()}
    index = SeenIndex(marks, questions)
    index.files.update(holders)
    return index


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _changed(path: Path) -> VidenceError:
    return invalid_input(f"{path} is not what was written", help="Make the data set anew: it was changed.")
