"""What every command prints: one JSON object on stdout, or text for people; errors with their help."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from core.errors import VidenceError
from core.system_errors import system_error

GOES_ON = "The same command goes on where it was."
"""What long work that keeps what it finished says after Ctrl-C."""


def emit_json(value: Any) -> None:
    """Print one JSON object on a line of stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def err_console() -> Console:
    """Return the console for progress and errors: stderr, so that stdout stays clean."""
    return Console(stderr=True, highlight=False)


def out_console() -> Console:
    """Return the console for answers: stdout."""
    return Console(highlight=False)


def show_found(found: Iterable[tuple[str, float, str, str]]) -> None:
    """Print what was found, best first, for people: (title, score, text, where it stands) of each."""
    console = out_console()
    place = 0
    for place, (title, score, text, stands) in enumerate(found, start=1):
        console.print(f"[bold]{place}. {escape(title)}[/] [dim]{score:.3f}[/]")
        console.print(f"   {escape(text)}")
        console.print(f"   [dim]{escape(stands)}[/]")
    if not place:
        console.print("[yellow]Nothing was found.[/]")


@contextmanager
def handle_errors(as_json: bool, *, stopped: str = "") -> Iterator[None]:
    """Print a typed failure and leave with its exit code; never a traceback.

    Args:
        as_json: Print failures as JSON on stdout.
        stopped: What to say after Ctrl-C about going on.
    """
    try:
        yield
    except VidenceError as error:
        _report(error, as_json=as_json)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        err_console().print(f"Stopped. {stopped}".strip())
        raise typer.Exit(130) from None
    except (typer.Exit, typer.Abort):
        raise
    except BrokenPipeError:
        raise typer.Exit(0) from None
    except Exception as error:  # noqa: BLE001 - the edge: the user gets a sentence, not a traceback
        wrapped = system_error(error) or VidenceError(
            "internal",
            f"{type(error).__name__}: {error}",
            help="This is a bug in Vidence. Please report it with the command that you ran.",
        )
        _report(wrapped, as_json=as_json)
        raise typer.Exit(wrapped.exit_code) from None


def _report(error: VidenceError, *, as_json: bool) -> None:
    if as_json:
        body = {
            "kind": error.kind,
            "message": error.message,
            "help": error.help,
            "retryable": error.retryable,
        }
        emit_json({"error": body})
        return
    console = err_console()
    console.print(f"[bold red]{error.kind.replace('_', ' ')}:[/] {escape(error.message)}")
    if error.help:
        console.print(f"[dim]{escape(error.help)}[/]")
