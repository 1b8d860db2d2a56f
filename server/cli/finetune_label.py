"""`vidence finetune label`: hand the queue to Label Studio and take the labels back."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from core.errors import EXIT_GATE_FAILED
from core.settings import load_settings
from server.cli.finetune_queue import open_images, open_queue
from server.cli.output import emit_json, err_console, handle_errors, out_console

app = typer.Typer(no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


class ImageAs(StrEnum):
    """How tasks carry their images."""

    data_url = "data-url"
    path = "path"


@app.command("export")
def export_(
    out: Annotated[Path, typer.Option("-o", "--out", help="The file of tasks to write.")] = Path(
        "labelling/tasks.json"
    ),
    count: Annotated[int, typer.Option("-n", min=1, help="How many candidates, best first.")] = 50,
    images: Annotated[
        ImageAs,
        typer.Option(help="Inside the file, or beside it for Label Studio's local storage."),
    ] = ImageAs.data_url,
    diversity: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="How unlike each other the candidates should be.")
    ] = 0.7,
    again: Annotated[bool, typer.Option("--again", help="Export again what is out already.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write candidates as Label Studio tasks, with the model's answers as predictions.

    Beside the tasks lies `labelling.xml`: paste it into the project's labelling configuration, import the
    tasks, label, export JSON, and bring it back:

      vidence finetune label import export.json
    """
    from finetune.loop.fill import choose
    from finetune.loop.labelling import export_tasks
    from models.embeddings import open_embedder

    with handle_errors(as_json):
        settings = load_settings()
        queue = open_queue(settings)
        items = (
            queue.items("exported")[:count]
            if again
            else choose(queue, open_embedder(settings), count, diversity=diversity)
        )
        export_tasks(queue, items, out, open_images(settings), image_as=images.value)
        if as_json:
            emit_json({"tasks": len(items), "path": str(out), "states": queue.counts()})
        else:
            out_console().print(f"{len(items)} tasks in {out}; configuration: {out.parent / 'labelling.xml'}")


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="What Label Studio exported: JSON, JSON-MIN, or JSON lines.")],
    as_json: AsJson = False,
) -> None:
    """Take labels into the queue; importing again changes nothing.

    What is broken is reported by line and left out, and the command then leaves with exit code 1.
    """
    from finetune.loop.labelling import import_tasks

    with handle_errors(as_json):
        queue = open_queue(load_settings())
        report = import_tasks(queue, path)
        if as_json:
            emit_json({**report.model_dump(mode="json"), "states": queue.counts()})
        else:
            out_console().print(f"{report.labels} labels kept, {report.skipped} tasks without one")
            for item in report.problems:
                err_console().print(f"[red]line {item.line}[/]: {escape(item.problem)}")
        if report.problems:
            raise typer.Exit(EXIT_GATE_FAILED)
