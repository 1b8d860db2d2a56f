"""What was trained on, read from the manifests of training data as files: evals import nothing of `finetune`.

A data set there is a folder with `dataset.json` (name and version) and lines of `train.jsonl` and
`preferences.train.jsonl`, each with a question and, if it has one, an image relative to the folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import invalid_input, not_found
from knowledge.image_prints import PrintCache
from knowledge.seen import SeenIndex, question_key

_MANIFESTS = ("train.jsonl", "preferences.train.jsonl")


@dataclass(frozen=True)
class Trained:
    """What is known of training data.

    Attributes:
        index: Its images, and its questions without one.
        runs: The runs whose ratings were learned from, with the data set.
        names: `NAME@VERSION` of each data set.
    """

    index: SeenIndex
    runs: dict[str, str]
    names: tuple[str, ...]


def training_folders(root: Path) -> list[Path]:
    """Return every training data set of a data folder."""
    return sorted(path.parent for path in (root / "finetune" / "data").glob("*/dataset.json"))


def read_trained(folders: Iterable[Path], cache: PrintCache) -> Trained:
    """Read the training rows of data sets; those of their dev and test splits are not trained on.

    Raises:
        VidenceError: `not_found` for a folder without a manifest; `invalid_input` for a line that cannot be
            read: what it holds cannot be kept apart.
    """
    images: dict[str, Path] = {}
    holders: dict[str, str] = {}
    questions: dict[str, str] = {}
    runs: dict[str, str] = {}
    names: list[str] = []
    for folder in folders:
        name = _name(folder)
        names.append(name)
        for row in _rows(folder):
            where = name.partition("@")[0]
            for run in (row.get("metadata") or {}).get("run_ids") or ():
                runs.setdefault(str(run), where)
            if row.get("image") and row.get("image_sha256"):
                images.setdefault(row["image_sha256"], folder / row["image"])
                holders.setdefault(row["image_sha256"], where)
            else:
                questions.setdefault(question_key(str(row.get("question", ""))), where)
    there = {sha: path for sha, path in images.items() if path.is_file()}
    found = cache.get(there)
    index = SeenIndex({sha: (mark, holders[sha]) for sha, mark in found.prints.items()}, questions)
    # A file that is gone or broken is still known by its hash.
    index.files.update({sha: holders[sha] for sha in images})
    return Trained(index, runs, tuple(names))


def _name(folder: Path) -> str:
    path = folder / "dataset.json"
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        return f"{body['name']}@{body['version']}"
    except FileNotFoundError as error:
        raise not_found(f"{folder} is no training data set", help="It needs a dataset.json.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise invalid_input(f"{path} is broken", help="Make the data set anew.") from error


def _rows(folder: Path) -> Iterator[dict[str, Any]]:
    for manifest in _MANIFESTS:
        path = folder / manifest
        if not path.is_file():
            continue
        with path.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise invalid_input(
                        f"{path}, line {number}: {error}", help="Mend it: what is trained on must be known."
                    ) from error
                if isinstance(row, dict):
                    yield row
