"""A small search over keys of a recipe, by successive halving (Jamieson and Talwalkar 2016).

All trials train to a first share of their steps; the better half (by dev loss, or recall) goes on to the next
share, and so on, until the best few have trained to their end. A trial goes on by an exact resume, so that it
ends as if it had never been stopped; a search that was killed goes on in the same way.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import invalid_input
from core.settings import Settings
from finetune.data.dataset import write_whole
from finetune.train.config import AnyConfig
from finetune.train.limits import Limits, Progress
from finetune.train.run_folder import RunFolder
from finetune.train.start import plan, train

_HALVING = 2
_TAIL = 20


@dataclass(frozen=True)
class Trial:
    """One choice of values; `score` is better when it is lower."""

    name: str
    overrides: tuple[str, ...]
    steps: int
    score: float
    measure: str
    finished: bool


@dataclass(frozen=True)
class Found:
    """What a search found, best first; trials that went further come first."""

    folder: Path
    finished: bool
    trials: tuple[Trial, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "folder": str(self.folder),
            "status": "finished" if self.finished else "paused",
            "trials": [item.__dict__ for item in self.trials],
        }


def choices(space: Sequence[str], trials: int, seed: int) -> list[tuple[str, ...]]:
    """Return at most `trials` combinations of overrides, drawn by the seed when there are more.

    Args:
        space: `key=value,value,...`, as `phases.0.train.lora=1e-4,3e-4`.
        trials: How many.
        seed: Draws them.

    Raises:
        VidenceError: `invalid_input` for a key without values.
    """
    import numpy as np

    options = []
    for item in space:
        key, _, values = item.partition("=")
        found = [value.strip() for value in values.split(",") if value.strip()]
        if not key or not found:
            raise invalid_input(f"--search {item}: no key=value,value", help="For example optim.batch=4,8")
        options.append([f"{key}={value}" for value in found])
    every = list(itertools.product(*options))
    if len(every) <= trials:
        return every
    kept = np.random.default_rng(seed).choice(len(every), trials, replace=False)
    return [every[at] for at in sorted(kept.tolist())]


def search(
    configure: Callable[[Sequence[str]], AnyConfig],
    combinations: Sequence[tuple[str, ...]],
    settings: Settings,
    folder: Path,
    *,
    max_seconds: float = math.inf,
    progress: Progress = lambda _done, _total, _line: None,
    stop: Callable[[], bool] = lambda: False,
) -> Found:
    """Run a search, or go on with it.

    Args:
        configure: Gives the recipe with overrides.
        combinations: What to try.
        settings: The settings.
        folder: Where trials and `search.json` go.
        max_seconds: Stop cleanly after so long.
        progress: Told after each step of a trial.
        stop: Asked after each step whether to stop.

    Raises:
        VidenceError: what a run raises; `invalid_input` when the folder holds another search.
    """
    names = {_name(combination): combination for combination in combinations}
    _same_search(folder, sorted(names))
    ends = time.monotonic() + max_seconds
    alive = list(names)
    rungs = max(1, math.ceil(math.log2(len(alive)))) if len(alive) > 1 else 1
    for rung in range(rungs):
        done: dict[str, Trial] = {}
        for name in alive:
            left = ends - time.monotonic()
            if left <= 0 or stop():
                return _write(folder, names, finished=False)
            config = configure(names[name])
            run = RunFolder(folder / "trials" / name)
            total = plan(config, settings, run).steps
            until = math.ceil(total / _HALVING ** (rungs - 1 - rung))
            if _steps(run) < until or (until == total and not run.finished):
                outcome = train(
                    config,
                    settings,
                    run,
                    resume=(run.path / "config.yaml").is_file(),
                    limits=Limits(left, stop, until),
                    progress=progress,
                )
                if outcome.step < until:
                    return _write(folder, names, finished=False)
            done[name] = _trial(name, names[name], run, until)
        ranked = sorted(done.values(), key=lambda trial: trial.score)
        alive = [trial.name for trial in ranked[: math.ceil(len(ranked) / _HALVING)]]
    return _write(folder, names, finished=True)


def _trial(name: str, overrides: tuple[str, ...], run: RunFolder, until: float = math.inf) -> Trial:
    lines = [line for line in run.log() if line["step"] <= until]
    losses = [float(line["loss"]) for line in lines if "loss" in line]
    for line in reversed(lines):
        if "dev_loss" in line:
            score, measure = float(line["dev_loss"]), "dev_loss"
            break
        if "dev_recall@5" in line:
            score, measure = -float(line["dev_recall@5"]), "minus dev_recall@5"
            break
    else:
        tail = losses[-_TAIL:]
        score, measure = (sum(tail) / len(tail) if tail else math.inf), "train_loss"
    return Trial(name, overrides, len(losses), score, measure, run.finished)


def _steps(run: RunFolder) -> int:
    """Return the step that a trial was stopped at with a checkpoint, or its end."""
    found = run.checkpoints()
    return int(found[-1].name) if found else 0


def _name(overrides: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(overrides)).encode()).hexdigest()[:8]


def _same_search(folder: Path, names: list[str]) -> None:
    path = folder / "trials.json"
    if path.is_file() and json.loads(path.read_text()) != names:
        raise invalid_input(
            f"{folder.name} is a search over other values", help="Give another one with --run NAME."
        )
    write_whole(path, json.dumps(names).encode())


def _write(folder: Path, names: Mapping[str, tuple[str, ...]], *, finished: bool) -> Found:
    """Write and return the table, also of a search that goes on later."""
    trials = [_trial(name, names[name], RunFolder(folder / "trials" / name)) for name in names]
    ordered = tuple(sorted(trials, key=lambda trial: (-trial.steps, trial.score)))
    found = Found(folder, finished, ordered)
    write_whole(folder / "search.json", json.dumps(found.to_json(), indent=2).encode())
    return found
