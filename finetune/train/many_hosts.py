"""Training on many hosts: Ray Train starts a process for each worker, accelerate joins them (DDP)."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from core.errors import unavailable
from core.settings import Settings
from finetune.train.config import AnyTuned
from finetune.train.recipe import parse_config, resolved
from finetune.train.run_folder import RunFolder


def train_on_ray(
    config: AnyTuned,
    settings: Settings,
    run: RunFolder,
    *,
    workers: int,
    use_gpu: bool,
    resume: bool,
    max_seconds: float,
) -> None:
    """Train a recipe with `workers` processes of a Ray cluster (`RAY_ADDRESS`, or one on this host).

    Every host must see the data folder, the base and the run's folder at the same paths (a shared disk).

    Raises:
        VidenceError: `unavailable` when Ray Train is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise unavailable(
            "Training on many hosts needs Ray Train",
            help="pip install 'ray[train]==2.60.0', or leave out --workers.",
            retryable=False,
        )
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    job = {
        "config": resolved(config),
        "settings": settings.model_dump(mode="json"),
        "run": str(run.path),
        "resume": resume,
        "max_seconds": max_seconds,
    }
    trainer = TorchTrainer(
        _worker,
        train_loop_config=job,
        scaling_config=ScalingConfig(num_workers=workers, use_gpu=use_gpu),
        run_config=RunConfig(name=run.path.name, storage_path=str(run.path / "ray")),
    )
    trainer.fit()


def _worker(job: dict[str, Any]) -> None:
    """What each process does: Ray has told torch where the others are, accelerate finds it there."""
    from finetune.train.limits import Limits
    from finetune.train.start import train

    config = parse_config(job["config"], "the recipe")
    settings = Settings.model_validate(job["settings"])
    run = RunFolder(Path(job["run"]))
    train(config, settings, run, resume=job["resume"], limits=Limits(job["max_seconds"]))
