"""What a training run leaves behind, and what merging adds to it.

A run's folder has `result/` (`adapter/` in PEFT's format, `projector.safetensors`, `tower.safetensors`, each
where it was trained, and `run.json`). Merging adds `merged/`, a checkpoint, and `merge.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import VidenceError, invalid_input, not_found
from finetune.release.records import Lineage, MergeReport


@dataclass(frozen=True)
class RunFolder:
    """A finished run. `facts` is its `run.json`."""

    folder: Path
    facts: Mapping[str, Any]

    @property
    def result(self) -> Path:
        """Where the trained weights lie."""
        return self.folder / "result"

    @property
    def merged(self) -> Path:
        """Where merging puts the checkpoint."""
        return self.folder / "merged"

    @property
    def merge_report(self) -> Path:
        """Where merging says how it compared."""
        return self.folder / "merge.json"

    @property
    def lineage(self) -> Lineage:
        """What the run was made of, as the registry keeps it."""
        facts = self.facts
        return Lineage(
            run_id=str(facts.get("run") or facts.get("run_id") or self.folder.name),
            method=str(facts.get("task") or facts.get("method") or ""),
            base_sha256=str(facts.get("base_sha256") or facts.get("base_hash") or ""),
            config_sha256=str(facts.get("config_sha256") or ""),
            data=data_versions(facts),
            code_commit=str(facts.get("code_commit") or facts.get("commit") or ""),
        )


@dataclass(frozen=True)
class Source:
    """What can be registered: a checkpoint with what is known about it."""

    checkpoint: Path
    source: str
    lineage: Lineage = field(default_factory=Lineage)
    merge: MergeReport | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)


def data_versions(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return `NAME@VERSION` of what a run trained on, however its record spells them."""
    data = facts.get("data") or facts.get("data_versions") or facts.get("data_version") or ()
    if isinstance(data, str):
        return (data,)
    if isinstance(data, Mapping):
        versions = {
            Path(name).name: one["version"] if isinstance(one, Mapping) else one for name, one in data.items()
        }
        return tuple(f"{name}@{version}" for name, version in versions.items())
    return tuple(f"{one['name']}@{one['version']}" if isinstance(one, Mapping) else str(one) for one in data)


def open_run(runs: Path, run: str) -> RunFolder:
    """Open a finished run by its id or its folder.

    Raises:
        VidenceError: `not_found`, or `invalid_input` when it has not finished.
    """
    folder = next((path for path in (runs / run, Path(run)) if run and path.is_dir()), None)
    if folder is None:
        known = ", ".join(sorted(path.name for path in runs.glob("*") if path.is_dir())) or "none"
        raise not_found(f"There is no run {run}", help=f"Runs in {runs}: {known}.")
    path = folder / "result" / "run.json"
    if not path.is_file():
        raise invalid_input(
            f"The run {folder.name} has not finished: it has no {path.relative_to(folder)}",
            help=f"Go on with it: vidence finetune train --resume {folder.name}",
        )
    try:
        facts = json.loads(path.read_text())
    except ValueError as error:
        raise invalid_input(f"{path} is not JSON", help="Let the run write its result again.") from error
    return RunFolder(folder.resolve(), facts)


def find_source(runs: Path, source: str) -> Source:
    """Find what to register: a run that was merged, or a checkpoint's folder.

    Raises:
        VidenceError: `not_found`; `invalid_input` for a run that was not merged or compared.
    """
    folder = Path(source)
    if (folder / "config.json").is_file():
        return Source(folder.resolve(), source=str(folder.resolve()))
    run = open_run(runs, source)
    if not run.merge_report.is_file() or not run.merged.is_dir():
        raise invalid_input(
            f"The run {run.folder.name} is not merged", help=f"Run: vidence finetune merge {source}"
        )
    try:
        merge = MergeReport.model_validate_json(run.merge_report.read_text())
    except ValueError as error:
        raise VidenceError(
            "invalid_input", f"{run.merge_report} is broken", help=f"Run: vidence finetune merge {source}"
        ) from error
    return Source(
        run.merged,
        source=f"run {run.lineage.run_id}",
        lineage=run.lineage,
        merge=merge,
        metrics=run.facts.get("metrics") or {},
    )
