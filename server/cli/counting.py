"""Progress bars on stderr, for work that counts; nothing where stderr is a file or JSON was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from server.cli.output import err_console


@contextmanager
def counting(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows `done` of `total` of one piece of work."""
    with counting_stages(quiet, first=what) as show:
        yield lambda done, total: show(what, done, total) if show else None


@contextmanager
def counting_stages(quiet: bool, *, first: str = "read") -> Iterator[Callable[[str, int, int], None] | None]:
    """Yield a function that shows `done` of `total` of a named stage, or None when nothing is shown."""
    console = err_console()
    if quiet or not console.is_terminal:
        yield None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(first, total=None)

        def show(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total or None)

        yield show
