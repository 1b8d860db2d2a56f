"""`vidence finetune train`: run a recipe, in slices if need be."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from core.errors import invalid_input
from core.settings import load_settings
from server.cli.output import emit_json, err_console, handle_errors, out_console

if TYPE_CHECKING:
    from finetune.train.outcome import Outcome
    from finetune.train.search import Found

_SHOWN = 5


def train(
    recipe: Annotated[Path | None, typer.Argument(help="A YAML file; those in configs/ teach.")] = None,
    run: Annotated[str, typer.Option("--run", help="The run's name; by default the recipe's.")] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Change a key: phases.0.train.lora=1e-4. Repeatable.")
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option("--search", help="Try values: optim.batch=4,8. Repeatable; goes on where it was."),
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="With --search: at most so many combinations.")] = 8,
    max_seconds: Annotated[
        float, typer.Option(min=1, help="Stop cleanly after so long; --resume goes on.")
    ] = 3600.0,
    workers: Annotated[
        int, typer.Option(min=0, help="Train with so many processes of a Ray cluster; 0: in this process.")
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check recipe and data and say what would be done.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Print every key of a recipe.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train by a recipe: fine-tuning with adapters, preferences, or a dual encoder.

    A run lies in the data folder under finetune/runs/NAME: its recipe and its hash, log.jsonl, checkpoints,
    result/. Ctrl-C, a kill or a full disk lose at most what came after the last checkpoint; --resume gives
    the same weights as a run that nothing disturbed. Needs `make setup-ml`.

    Try: vidence finetune train configs/smoke.yaml --dry-run
    """
    with handle_errors(as_json):
        if explain:
            _explain(as_json)
            return
        if recipe is None:
            raise invalid_input(
                "Name a recipe", help="For example: vidence finetune train configs/smoke.yaml"
            )
        if space:
            found = _search(recipe, run, set_ or [], space, trials, max_seconds, quiet=as_json)
            if as_json:
                emit_json(found.to_json())
            else:
                _show_search(found, recipe)
            return
        if workers and not dry_run:
            _on_ray(recipe, run, resume, set_ or [], max_seconds, workers)
        outcome = _train(
            recipe, run, resume, set_ or [], max_seconds, dry_run=dry_run or bool(workers), quiet=as_json
        )
        if as_json:
            emit_json(outcome.to_json())
        else:
            _show(outcome, recipe)


def _train(
    recipe: Path,
    name: str,
    resume: bool,
    overrides: list[str],
    max_seconds: float,
    *,
    dry_run: bool,
    quiet: bool,
) -> Outcome:
    from finetune.train.limits import Limits
    from finetune.train.recipe import load_config
    from finetune.train.run_folder import RunFolder
    from finetune.train.start import plan, train

    settings = load_settings()
    config = load_config(recipe, overrides)
    folder = RunFolder(settings.root / "finetune" / "runs" / (name or config.name))
    if dry_run:
        return plan(config, settings, folder)
    with _progress(quiet) as progress, _asked_to_stop() as stop:
        return train(
            config,
            settings,
            folder,
            resume=resume,
            limits=Limits(max_seconds, stop),
            progress=progress,
        )


def _on_ray(
    recipe: Path, name: str, resume: bool, overrides: list[str], max_seconds: float, workers: int
) -> None:
    from finetune.train.config import ContrastiveConfig
    from finetune.train.many_hosts import train_on_ray
    from finetune.train.recipe import load_config
    from finetune.train.run_folder import RunFolder

    settings = load_settings()
    config = load_config(recipe, overrides)
    if isinstance(config, ContrastiveConfig):
        raise invalid_input("A dual encoder trains in one process", help="Leave out --workers.")
    train_on_ray(
        config,
        settings,
        RunFolder(settings.root / "finetune" / "runs" / (name or config.name)),
        workers=workers,
        use_gpu=config.model.dtype == "bf16",
        resume=resume,
        max_seconds=max_seconds,
    )


def _search(
    recipe: Path,
    name: str,
    overrides: list[str],
    space: list[str],
    trials: int,
    max_seconds: float,
    *,
    quiet: bool,
) -> Found:
    from finetune.train.recipe import load_config
    from finetune.train.search import choices, search

    settings = load_settings()
    config = load_config(recipe, overrides)
    folder = settings.root / "finetune" / "runs" / (name or f"{config.name}-search")
    with _progress(quiet) as progress, _asked_to_stop() as stop:
        return search(
            lambda chosen: load_config(recipe, [*overrides, *chosen]),
            choices(space, trials, config.seed),
            settings,
            folder,
            max_seconds=max_seconds,
            progress=progress,
            stop=stop,
        )


@contextmanager
def _asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Let the first Ctrl-C or SIGTERM end the slice with a checkpoint; a second one ends it at once."""
    asked: list[int] = []

    def note(number: int, _frame: Any) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        err_console().print("Stopping after this step, with a checkpoint. Once more stops at once.")

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[int, int, dict[str, Any]], None]]:
    """Show a bar with the loss and the estimated time; nothing where stderr is a file."""
    console = err_console()
    if quiet or not console.is_terminal:
        yield lambda _done, _total, _line: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("loading", total=None)

        def show(done: int, total: int, line: dict[str, Any]) -> None:
            bar.update(
                task, description=f"{line['phase']} loss {line['loss']:.3f}", completed=done, total=total
            )

        yield show


def _show(outcome: Outcome, recipe: Path) -> None:
    console = out_console()
    console.print(
        f"[bold]{escape(outcome.run)}[/] {outcome.status}: step {outcome.step:,} of {outcome.steps:,} "
        f"({', '.join(f'{name} {steps:,}' for name, steps in outcome.phases.items())})"
    )
    for name, body in outcome.data.items():
        console.print(f"  {escape(name)}: {body['rows']:,} rows, version {body['version']}")
    for name, value in outcome.metrics.items():
        console.print(f"  {name}: {value:.4g}")
    console.print(f"  folder: {escape(str(outcome.folder))}")
    for warning in outcome.warnings:
        err_console().print(f"[yellow]warning[/] {escape(warning)}", soft_wrap=True)
    for skip in outcome.skipped[:_SHOWN]:
        err_console().print(f"[yellow]left out[/] {escape(skip['where'])}: {escape(skip['reason'])}")
    if len(outcome.skipped) > _SHOWN:
        err_console().print(f"... and {len(outcome.skipped) - _SHOWN:,} more, see log.jsonl")
    if outcome.status == "paused":
        err_console().print(f"Go on: vidence finetune train {escape(str(recipe))} --resume")


def _show_search(found: Found, recipe: Path) -> None:
    table = Table("trial", "values", "steps", "score", "by")
    for trial in found.trials:
        values = " ".join(trial.overrides)
        table.add_row(trial.name, escape(values), f"{trial.steps:,}", f"{trial.score:.4g}", trial.measure)
    out_console().print(table)
    if not found.finished:
        err_console().print(f"Go on: the same command again ({escape(str(recipe))})")
        return
    chosen = " ".join(f"--set {item}" for item in found.trials[0].overrides)
    out_console().print(
        f"Best: vidence finetune train {escape(str(recipe))} {escape(chosen)}", soft_wrap=True
    )


def _explain(as_json: bool) -> None:
    from finetune.train.explain import explain

    keys = explain()
    if as_json:
        emit_json({"keys": [item._asdict() for item in keys]})
        return
    table = Table("key", "takes", "default", "what it does")
    for item in keys:
        table.add_row(*(escape(text) for text in item))
    out_console().print(table)
