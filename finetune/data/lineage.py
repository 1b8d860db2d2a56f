"""From a row back to where it came from: parents, source file, licence, converter, every step and version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import VidenceError, not_found
from finetune.data.dataset import Dataset
from finetune.data.rows import SPLITS, DatasetRecord, TrainRow

_DEEPEST = 20


def lineage(root: Path, item: str) -> dict[str, Any]:
    """Return the lineage of a data set or of a row.

    Args:
        root: The folder of all data sets (`settings.root / "finetune" / "data"`).
        item: A data set's name, or a row's id (or its beginning, of eight characters or more).

    Raises:
        VidenceError: `not_found` when nothing has that name.
    """
    sets = {dataset.folder.name: dataset for dataset in _datasets(root)}
    if item in sets:
        return _of_dataset(sets, item, 0)
    holders = _holders(sets, item)
    if not holders:
        raise not_found(
            f"No data set and no row is called `{item}`",
            help="Use a data set's name, or an id from its JSON lines.",
        )
    return _of_row(sets, holders, 0)


def _datasets(root: Path) -> Iterator[Dataset]:
    if root.is_dir():
        for folder in sorted(root.iterdir()):
            if (folder / "dataset.json").is_file():
                yield Dataset(folder)


def _holders(sets: dict[str, Dataset], item: str) -> list[tuple[str, TrainRow]]:
    """Return every data set that holds a row, with the row as it stands there."""
    found = []
    for name, dataset in sets.items():
        for split in SPLITS:
            path = dataset.folder / f"{split}.jsonl"
            # A row's id stands in its line; only lines that hold it are parsed.
            if not path.exists():
                continue
            with path.open(encoding="utf-8") as file:
                lines = [line for line in file if f'"id":"{item}' in line]
            for line in lines:
                row = TrainRow.model_validate_json(line)
                if row.id == item or (len(item) >= 8 and row.id.startswith(item)):
                    found.append((name, row))
    return found


def _of_row(sets: dict[str, Dataset], holders: list[tuple[str, TrainRow]], depth: int) -> dict[str, Any]:
    _, row = holders[0]
    origin = row.metadata.get("origin") or {}
    held = [{"dataset": f"{name}@{_record(sets, name).version}", "split": one.split} for name, one in holders]
    parents = []
    for parent in row.parents if depth < _DEEPEST else ():
        above = _holders(sets, parent)
        parents.append(_of_row(sets, above, depth + 1) if above else {"row": parent, "gone": True})
    return {
        "row": row.id,
        "question": row.question,
        "answers": list(row.answers),
        "image": row.image,
        "image_sha256": row.image_sha256,
        "source": row.source,
        "licence": row.licence,
        "converter": origin.get("converter"),
        "where": origin.get("where"),
        "source_image": origin.get("image"),
        "official_split": origin.get("official_split"),
        "held_by": held,
        "parents": parents,
        "datasets": [_of_dataset(sets, name, depth) for name, _ in holders] if depth == 0 else [],
    }


def _of_dataset(sets: dict[str, Dataset], name: str, depth: int) -> dict[str, Any]:
    record = _record(sets, name)
    above = []
    for parent in record.parents if depth < _DEEPEST else ():
        parent_name, _, version = parent.partition("@")
        if parent_name in sets and parent_name != name:
            body = _of_dataset(sets, parent_name, depth + 1)
            body["same_version"] = body["version"] == version
            above.append(body)
        else:
            above.append({"dataset": parent_name, "version": version, "gone": True})
    return {
        "dataset": record.name,
        "version": record.version,
        "created_at": record.created_at,
        "rows": record.rows,
        "sources": record.sources,
        "licences": record.licences,
        "steps": [step.model_dump(mode="json", exclude={"examples"}) for step in record.steps],
        "parents": above,
    }


def _record(sets: dict[str, Dataset], name: str) -> DatasetRecord:
    try:
        return sets[name].record
    except VidenceError:
        return DatasetRecord(name=name, version="broken", created_at="", rows={})
