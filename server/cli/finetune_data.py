"""`vidence finetune data`: turn a public set's files into a data set of ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from core.errors import invalid_input
from server.cli.counting import counting_stages
from server.cli.data_common import counts_text, open_dataset, show_reasons
from server.cli.output import GOES_ON, emit_json, handle_errors, out_console

if TYPE_CHECKING:
    from finetune.data.ingest import ConvertReport


def data(
    converter: Annotated[
        str, typer.Argument(help="Whose layout the files are in; --list shows all.", show_default=False)
    ] = "",
    source: Annotated[
        Path | None, typer.Argument(help="Folder or file of the set, as its authors publish it.")
    ] = None,
    out: Annotated[str, typer.Option("--out", "-o", help="Name of the data set to make.")] = "",
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Decode every image wholly and read back what was stored."),
    ] = False,
    max_samples: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many rows, in the order of the source.")
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this split, by its official name or ours (train, dev, test); repeat for more."
        ),
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="Languages to keep where a set has several; `all` keeps all.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Where the images lie, when not below SOURCE.")] = None,
    dev: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share for dev of what has no official split.")
    ] = 0.0,
    test: Annotated[float, typer.Option(min=0, max=0.9, help="Share for test, likewise.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Draws those shares.")] = 0,
    show_list: Annotated[
        bool, typer.Option("--list", help="List the converters with licence and expected layout.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Convert a public data set: rows, images by hash, licence and origin in every row.

    Records that make no row (missing or broken images, answers without text, boxes outside their image) are
    skipped, counted by reason and shown. Interrupted, the same command goes on where it was. Official splits
    are kept; rows of `train` whose image or question is also in `dev` or `test` are taken out and reported.

    Example: vidence finetune data vqa_rad ~/VQA_RAD --out rad --verify
    """
    from finetune.data.apart import keep_apart
    from finetune.data.convert.base import Options
    from finetune.data.convert.registry import converter as named
    from finetune.data.ingest import convert
    from finetune.data.splits import Shares

    with handle_errors(as_json, stopped=GOES_ON):
        if show_list:
            _show_list(as_json)
            return
        if not converter or source is None or not out:
            raise invalid_input(
                "Say what to convert: CONVERTER SOURCE --out NAME",
                help="The converters: vidence finetune data --list",
            )
        found, dataset, shares = named(converter), open_dataset(out), Shares(dev, test, seed)
        options = Options(tuple(split or ()), tuple(language or ("en",)), images)
        with counting_stages(as_json) as progress:
            report = convert(
                found,
                source,
                dataset,
                out,
                options=options,
                verify=verify,
                max_samples=max_samples,
                progress=progress,
            )
            record, split_report = keep_apart(dataset, shares, progress)
        report.version, report.splits, report.leaks = record.version, record.rows, split_report.to_json()
        if as_json:
            emit_json(report.to_json())
        else:
            _show(report)


def _show_list(as_json: bool) -> None:
    from finetune.data.convert.registry import CONVERTERS

    if as_json:
        fields = ("name", "title", "licence", "shippable", "layout", "homepage", "version")
        found = [{field: getattr(one, field) for field in fields} for one in CONVERTERS.values()]
        emit_json({"converters": found})
        return
    table = Table("converter", "licence", "weights may ship", "expected files", show_lines=True)
    for one in CONVERTERS.values():
        table.add_row(one.name, escape(one.licence), "yes" if one.shippable else "no", escape(one.layout))
    out_console().print(table)


def _show(report: ConvertReport) -> None:
    console = out_console()
    went_on = f" ({report.resumed:,} were done before)" if report.resumed else ""
    console.print(
        f"[bold]{escape(report.name)}[/]@{report.version}: {report.kept:,} rows of {report.read:,} records"
        f"{went_on}, {report.images:,} images"
    )
    console.print(f"splits: {counts_text(report.splits)}; kinds: {counts_text(report.kinds)}")
    if report.leaks.get("removed"):
        console.print(f"Taken out, as they are tested on: {counts_text(report.leaks['leaks'])}")
        for example in report.leaks["examples"][:2]:
            console.print(f"    [dim]{escape(example)}[/]")
    if report.skipped:
        console.print("Skipped:")
        show_reasons(report.skipped, report.examples)
