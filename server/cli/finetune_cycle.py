"""`vidence finetune cycle`: from feedback to a promoted model, or to a refusal, and resumable in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from core.errors import EXIT_GATE_FAILED
from core.settings import load_settings
from server.cli.output import GOES_ON, emit_json, err_console, handle_errors, out_console
from server.storage.offline import open_ratings

if TYPE_CHECKING:
    from finetune.loop.cycle import CycleReport


def cycle(
    config: Annotated[
        Path, typer.Argument(help="The cycle's YAML file; docs/finetune.md explains its keys.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything and print the plan; nothing is written.")
    ] = False,
    max_seconds: Annotated[
        float, typer.Option(min=1, help="Stop training cleanly after so long; the same command goes on.")
    ] = 1e9,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run data, train, merge, register, evaluate, gate and promote, and print before and after.

    Every step is recorded when it is whole, so that the same command goes on after a stop, a kill or a full
    disk. Only the last step touches what is in production, and only when the gate passed. Exit code 1: the
    gate refused, or merged and adapter differ. For example:

      vidence finetune cycle feedback.yaml --dry-run
    """
    with handle_errors(as_json, stopped=GOES_ON):
        from finetune.loop.cycle import Cycle
        from finetune.loop.cycle_config import load_cycle
        from finetune.loop.cycle_steps import Workshop, check, steps_of
        from finetune.release.opening import open_registry

        settings = load_settings()
        read = load_cycle(config)
        with open_registry(settings) as registry, _progress(as_json) as progress:
            shop = Workshop(
                settings,
                read,
                registry,
                lambda: open_ratings(settings, images=not dry_run),
                max_seconds=max_seconds,
                progress=progress,
            )
            check(shop)
            folder = Cycle(settings.root / "finetune" / "cycles" / read.name, read.name, read.sha256)
            steps = steps_of(shop)
            report = folder.plan(steps) if dry_run else folder.run(steps, _teller(as_json))
        if as_json:
            emit_json(report.model_dump(mode="json"))
        else:
            show(report)
        if report.status == "refused":
            raise typer.Exit(EXIT_GATE_FAILED)


def show(report: CycleReport) -> None:
    """Print how a cycle stands, with before and after by kind once the gate decided."""
    console = out_console()
    for record in report.steps:
        mark = "[red]refused[/]" if record.refused else "[green]done[/]"
        said = escape(_said(record.step, report))
        console.print(f"  {mark} {record.step} [dim]({record.seconds:.0f} s)[/] {said}")
    for left in report.todo:
        console.print(f"  [dim]to do[/] {escape(left)}")
    if decided := report.output("gate"):
        table = Table("kind", "questions", "before", "after", "difference", "95% interval")
        for part in [decided["overall"], *decided["kinds"]]:
            compared, moved = part["compared"], part["compared"]["difference"]
            table.add_row(
                escape(part["name"]),
                str(compared["n"]),
                f"{compared['base']:.3f}",
                f"{compared['new']:.3f}",
                f"{moved['value']:+.3f}",
                f"{moved['low']:+.3f} to {moved['high']:+.3f}",
            )
        console.print(escape(f"{decided['base']} and {decided['new']} on {decided['data']}:"))
        console.print(table)
    reason = f": {escape(report.reason)}" if report.reason else ""
    console.print(f"[bold]{escape(report.name)}[/]: {report.status}{reason}")


def _said(step: str, report: CycleReport) -> str:
    """Return a step's figures in a few words."""
    body: dict[str, Any] = report.output(step)
    if not body:
        return ""
    if step == "data":
        made = f"{body['name']}@{body['version']}: {body['rows']} rows of {body['votes']} votes"
        return made if body["name"] else "no new data"
    if step == "train":
        return f"{body['steps']} steps, loss {body['first_loss']:.3f} to {body['last_loss']:.3f}"
    if step == "merge":
        return f"{body['equal']} of {body['questions']} answers equal"
    if step in ("register", "promote"):
        return f"{body['ref']} {body.get('stage', '')}".strip()
    return ""


def _teller(quiet: bool) -> Callable[[str], None]:
    return (lambda _: None) if quiet else (lambda step: err_console().print(f"[dim]{step} ...[/]"))


@contextmanager
def _progress(as_json: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar on a terminal; nothing where stderr is a file or JSON was asked for."""
    console = err_console()
    if as_json or not console.is_terminal:
        yield lambda _stage, _done, _total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("cycle", total=None)

        def told(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total)

        yield told
