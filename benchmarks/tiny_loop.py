"""What the smoke run and the benchmark of the loop share: a tiny model, its recipes, and cycles of both."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from core.feedback_store import FeedbackStore
from core.settings import Settings
from finetune.loop.cycle import Cycle, CycleReport
from finetune.loop.cycle_config import parse_cycle
from finetune.loop.cycle_steps import Workshop, steps_of
from finetune.release.registry import Registry

MODEL = "tiny-shapes"
BASE = "shapes"
_RATES = {"text": 3e-3, "projector": 3e-3, "tower": 3e-3}


def make_base(root: Path) -> None:
    """Write the random checkpoint that everything starts from."""
    from finetune.vlm.tiny import tiny_checkpoint

    folder = root / "finetune" / "models" / "tiny"
    if not (folder / "config.json").exists():
        tiny_checkpoint(folder)


def recipe(
    folder: Path, name: str, phases: Sequence[Mapping[str, Any]], *, turns: int = 4, batch: int = 8
) -> Path:
    """Write a recipe of the tiny model, and return its path."""
    body = {
        "name": name,
        "seed": 0,
        "threads": 1,
        "model": {"base": "home:finetune/models/tiny"},
        "lora": {"rank": 8, "alpha": 16},
        "data": [{"name": BASE}],
        "sequence": {"max_tokens": 256, "turns": turns},
        "optim": {"batch": batch},
        "phases": list(phases),
        "checkpoints": {"every": 50},
    }
    path = folder / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body, indent=1))
    return path


def from_scratch(steps: int, tune: int) -> list[dict[str, Any]]:
    """Return the phases of a first model: everything, then an adapter on top."""
    return [
        {"name": "all", "steps": steps, "train": dict(_RATES), "warmup": 0.05},
        {"name": "tune", "steps": tune, "train": {"lora": 1e-3}, "warmup": 0.1},
    ]


def run_cycle(root: Path, body: Mapping[str, Any], *, seconds: float = float("inf")) -> CycleReport:
    """Run a cycle as `vidence finetune cycle` does, telling its steps on stderr."""
    config = parse_cycle(dict(body), "benchmark", Path.cwd())
    registry = Registry(root / "finetune" / "models", who="benchmark")
    last = [0.0]

    def told(stage: str, done: int, total: int) -> None:
        if time.monotonic() - last[0] > 5:
            last[0] = time.monotonic()
            print(f"  {stage} {done}/{total}", file=sys.stderr, flush=True)

    shop = Workshop(
        Settings(home=root),
        config,
        registry,
        lambda: closing(FeedbackStore.under(root)),
        max_seconds=seconds,
        progress=told,
    )
    cycle = Cycle(root / "finetune" / "cycles" / config.name, config.name, config.sha256)
    try:
        return cycle.run(
            steps_of(shop), lambda step: print(f"{config.name}: {step}", file=sys.stderr, flush=True)
        )
    finally:
        registry.close()


def kinds_of(report: CycleReport) -> dict[str, dict[str, float]]:
    """Return before, after and the difference with its interval, by kind."""
    decided = report.output("gate")
    parts = [decided["overall"], *decided["kinds"]] if decided else []
    return {
        part["name"]: {
            "n": part["compared"]["n"],
            "before": part["compared"]["base"],
            "after": part["compared"]["new"],
            **{key: part["compared"]["difference"][key] for key in ("value", "low", "high")},
        }
        for part in parts
    }
