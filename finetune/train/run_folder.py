"""A run's folder: its recipe for good, its log, its checkpoints, its result."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from core.errors import VidenceError, invalid_input
from finetune.data.dataset import write_whole
from finetune.train.config import AnyConfig
from finetune.train.recipe import config_sha256, differing_keys, resolved


class RunFolder:
    """`config.yaml`, `config_sha256`, `log.jsonl`, `checkpoints/STEP/`, `result/`.

    Args:
        path: The folder; `start` makes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def result(self) -> Path:
        """Where the finished weights lie."""
        return self.path / "result"

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return (self.result / "run.json").is_file()

    def start(self, config: AnyConfig, *, resume: bool) -> None:
        """Write the recipe into a new folder, or check that a resume goes on with the same one.

        Raises:
            VidenceError: `invalid_input` when the run is there and no resume was asked for, when there is
                nothing to resume, or when the recipe differs, naming the keys.
        """
        import yaml

        kept = self.path / "config.yaml"
        if not kept.is_file():
            if resume:
                raise invalid_input(f"There is no run at {self.path} to resume", help="Leave out --resume.")
            write_whole(kept, yaml.safe_dump(resolved(config), sort_keys=False).encode())
            write_whole(self.path / "config_sha256", f"{config_sha256(config)}\n".encode())
            return
        if not resume:
            raise invalid_input(
                f"The run {self.path.name} is there already", help="Go on with --resume, or give --run NAME."
            )
        old = yaml.safe_load(kept.read_text())
        keys = differing_keys(old, resolved(config))
        stored = (self.path / "config_sha256").read_text().strip()
        if keys or stored != config_sha256(config):
            raise invalid_input(
                f"The recipe of run {self.path.name} was another one; these keys differ: "
                f"{', '.join(keys) or 'config.yaml was changed by hand'}",
                help="Resume with the same recipe, or start another run with --run NAME.",
            )

    def pin(self, name: str, value: dict[str, Any]) -> None:
        """Keep facts that must not change between slices of a run (data versions, the base's hash).

        Raises:
            VidenceError: `invalid_input`, naming what changed.
        """
        path = self.path / f"{name}.json"
        if not path.is_file():
            write_whole(path, json.dumps(value, indent=2).encode())
            return
        keys = differing_keys(json.loads(path.read_text()), value)
        if keys:
            raise invalid_input(
                f"Run {self.path.name} started from something else; changed: {', '.join(keys)}",
                help="Put it back as it was, or start another run with --run NAME.",
            )

    def checkpoints(self) -> list[Path]:
        """Return the finished checkpoints, oldest first."""
        folder = self.path / "checkpoints"
        found = [item for item in folder.glob("*") if item.name.isdigit()] if folder.is_dir() else []
        return sorted(found, key=lambda item: int(item.name))

    def save_checkpoint(self, step: int, write: Callable[[Path], None], keep: int) -> Path:
        """Write a checkpoint whole or not at all, then drop the oldest ones.

        Args:
            step: Its optimiser step.
            write: Writes files into the folder that it is given.
            keep: How many stay.

        Raises:
            VidenceError: `unavailable` when the disk is full; the last good checkpoint is kept.
        """
        target = self.path / "checkpoints" / str(step)
        partial = target.with_name(f".{step}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            write(partial)
            if target.exists():
                shutil.rmtree(target)
            partial.replace(target)
        except (OSError, RuntimeError) as error:
            shutil.rmtree(partial, ignore_errors=True)
            last = self.checkpoints()
            kept = f"checkpoint {last[-1].name} is kept" if last else "there is no earlier one"
            raise VidenceError(
                "unavailable",
                f"Checkpoint {step} could not be written to {target.parent} ({error}); {kept}",
                help="Free some space, then go on with --resume.",
                retryable=True,
            ) from error
        for old in self.checkpoints()[:-keep]:
            shutil.rmtree(old, ignore_errors=True)
        return target

    def append(self, line: dict[str, Any]) -> None:
        """Add a line to the log; raises `unavailable` when the disk is full."""
        try:
            with (self.path / "log.jsonl").open("a") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise VidenceError(
                "unavailable",
                f"{self.path}/log.jsonl cannot be written: {error.strerror}",
                help="Free some space, then go on with --resume; the last checkpoint is kept.",
                retryable=True,
            ) from error

    def log(self) -> Iterator[dict[str, Any]]:
        """Yield the log's whole lines."""
        path = self.path / "log.jsonl"
        if not path.is_file():
            return
        for line in path.read_text().splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue  # cut short by a kill

    def skips(self) -> list[dict[str, str]]:
        """Return the rows that were left out, and why."""
        return [
            {"where": str(line["where"]), "reason": str(line["reason"])}
            for line in self.log()
            if line.get("event") == "skip"
        ]

    def cut_log(self, step: int) -> None:
        """Forget what was logged after a step, because a resume does it again."""
        lines = [json.dumps(line) for line in self.log() if line.get("step", 0) <= step]
        if (self.path / "log.jsonl").is_file():
            write_whole(self.path / "log.jsonl", "".join(f"{line}\n" for line in lines).encode())
