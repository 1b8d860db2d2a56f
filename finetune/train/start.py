"""One way to train by any recipe, whatever its task."""

from __future__ import annotations

from core.settings import Settings
from finetune.train.config import AnyConfig, ContrastiveConfig
from finetune.train.contrastive import plan_dual, train_dual
from finetune.train.limits import Limits, Progress
from finetune.train.outcome import Outcome
from finetune.train.run import plan_run, train_run
from finetune.train.run_folder import RunFolder


def plan(config: AnyConfig, settings: Settings, run: RunFolder) -> Outcome:
    """Return what a run would do; loads no model and writes nothing."""
    if isinstance(config, ContrastiveConfig):
        return plan_dual(config, settings.root, run)
    return plan_run(config, settings.root, run)


def train(
    config: AnyConfig,
    settings: Settings,
    run: RunFolder,
    *,
    resume: bool = False,
    limits: Limits | None = None,
    progress: Progress = lambda _done, _total, _line: None,
) -> Outcome:
    """Train, or go on training; see `finetune.train.run.train_run` for the arguments and what is raised."""
    if isinstance(config, ContrastiveConfig):
        return train_dual(
            config,
            settings,
            run,
            resume=resume,
            limits=limits,
            progress=progress,
        )
    return train_run(
        config,
        settings.root,
        run,
        resume=resume,
        limits=limits,
        progress=progress,
    )
