"""Figures to TensorBoard or MLflow, for those who ask for them; `log.jsonl` is written in any case."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from core.errors import unavailable
from finetune.train.config import AnyConfig
from finetune.train.recipe import config_sha256


class Tracker(Protocol):
    """Takes figures by step."""

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Record figures."""
        ...

    def close(self) -> None:
        """Write what is held back."""
        ...


class NoTracker:
    """Records nothing."""

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class TensorBoard:
    """Event files below the run's folder."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise unavailable(
                "log.tracker=tensorboard needs the tensorboard package",
                help="pip install tensorboard, or set log.tracker=none.",
                retryable=False,
            ) from error
        self._writer: Any = SummaryWriter(str(folder))

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Record figures."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is held back."""
        self._writer.close()


class MlFlow:
    """An MLflow run in an SQLite file below the run's folder; a resume goes on in the same one."""

    def __init__(self, folder: Path, config: AnyConfig) -> None:
        try:
            import mlflow
        except ImportError as error:
            raise unavailable(
                "log.tracker=mlflow needs the mlflow package",
                help="pip install mlflow==3.17.2, or set log.tracker=none.",
                retryable=False,
            ) from error
        folder.mkdir(parents=True, exist_ok=True)
        self._mlflow: Any = mlflow
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.set_experiment(config.name)
        kept = folder / "run_id"
        run = mlflow.start_run(run_id=kept.read_text() if kept.is_file() else None)
        if not kept.is_file():
            kept.write_text(run.info.run_id)
            mlflow.set_tag("config_sha256", config_sha256(config))

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Record figures."""
        self._mlflow.log_metrics(dict(figures), step=step)

    def close(self) -> None:
        """End this slice of the run."""
        self._mlflow.end_run()


def open_tracker(config: AnyConfig, folder: Path) -> Tracker:
    """Return the tracker that the recipe names; raises `unavailable` when its package is missing."""
    if config.log.tracker == "tensorboard":
        return TensorBoard(folder / "tensorboard")
    if config.log.tracker == "mlflow":
        return MlFlow(folder / "mlflow", config)
    return NoTracker()
