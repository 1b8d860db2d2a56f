"""`vidence finetune augment`: more training rows from the ones there are."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from core.errors import invalid_input
from core.settings import load_settings
from server.cli.finetune_synth import data_set, show_progress
from server.cli.output import emit_json, handle_errors, out_console


def augment(
    name: Annotated[
        str, typer.Argument(help="The data set to start from: a name, or a folder (with a slash).")
    ],
    out: Annotated[str, typer.Option("--out", "-o", help="The data set to write.")],
    copies: Annotated[int, typer.Option("--copies", min=1, help="Changed copies of each training row.")] = 1,
    modes: Annotated[
        str, typer.Option("--modes", help="Of pixel, spatial and text, with commas.")
    ] = "pixel,spatial,text",
    seed: Annotated[int, typer.Option("--seed", help="The same seed makes the same copies.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Change copies of training rows so that their answers stay true.

    What may be changed is decided row by row: no mirror where the words tell left from right, where there is
    text, or on medical images; no colour shift where a colour is asked; no crop where something could leave.
    Boxes, and answers written from boxes, follow the pixels. Copies name their parent and stay in its split.

        vidence finetune augment scans --out scans-more --copies 2
    """
    with handle_errors(as_json):
        from finetune.augment.run import MODES
        from finetune.augment.run import augment as run

        chosen = tuple(mode for mode in MODES if mode in {part.strip() for part in modes.split(",")})
        if not chosen or len(chosen) != len(modes.split(",")):
            raise invalid_input(f"--modes {modes} is unknown", help="Use pixel, spatial, text, with commas.")
        settings = load_settings()
        source, _ = data_set(settings, name)
        target, target_name = data_set(settings, out)
        with show_progress(as_json) as progress:
            report = run(
                source, target, target_name, copies=copies, modes=chosen, seed=seed, progress=progress
            )
        if as_json:
            emit_json(report.model_dump(mode="json"))
            return
        record = report.record
        rows = ", ".join(f"{count:,} {split}" for split, count in record.rows.items())
        console = out_console()
        console.print(f"[bold]{escape(record.name)}[/]@{record.version}: {rows} in {escape(report.folder)}")
        for title, counts in (("changes", report.changes), ("skipped", report.skipped)):
            if counts:
                console.print(
                    f"{title}: " + ", ".join(f"{count:,} {what}" for what, count in sorted(counts.items()))
                )
