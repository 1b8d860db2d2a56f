"""`vidence index`: build collections of files and look after them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from core.errors import EXIT_GATE_FAILED
from core.settings import Settings, load_settings
from server.cli.counting import counting_stages
from server.cli.output import emit_json, err_console, handle_errors, out_console

if TYPE_CHECKING:
    from knowledge.collections import Collections
    from knowledge.records import AddReport, DuplicateGroup

app = typer.Typer(no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Name = Annotated[str, typer.Argument(help="The collection's name.")]


_SHOWN = 10


class Kind(StrEnum):
    """What to take the files for."""

    auto = "auto"
    text = "text"
    image = "image"
    code = "code"


@contextmanager
def open_collections(settings: Settings) -> Iterator[Collections]:
    """Open the collections of the data folder; the embedding model loads when it is first needed."""
    from knowledge.collections import Collections
    from knowledge.images.options import ImageOptions
    from knowledge.readers.context import ReadContext
    from models.embeddings import Embedder, open_embedder
    from models.reranker import open_reranker

    loaded: list[Embedder] = []

    def embedder() -> Embedder:
        if not loaded:
            loaded.append(open_embedder(settings))
        return loaded[0]

    collections = Collections(
        settings.root / "collections",
        embedder,
        ImageOptions.of(settings),
        open_reranker(settings),
        reading=ReadContext.of(settings),
        dense_url=settings.dense_url,
    )
    try:
        yield collections
    finally:
        collections.close()


@app.command()
def add(
    paths: Annotated[list[str], typer.Argument(help="Files, folders, and https:// or s3:// addresses.")],
    collection: Annotated[str, typer.Option("--collection", "-c", help="The collection to add to.")],
    kind: Annotated[Kind, typer.Option(help="What to take the files for.")] = Kind.auto,
    licence: Annotated[str, typer.Option(help="Licence of what is added, kept as its lineage.")] = "",
    source: Annotated[str, typer.Option(help="Where it comes from, kept as its lineage.")] = "",
    as_json: AsJson = False,
) -> None:
    """Add Markdown, text, HTML, PDF, CSV, JSON, JSON lines, GitHub exports, images, DICOM and source code.

    Adding again changes nothing; changed files replace their old pieces. A file that cannot be read is
    reported and the rest is added. Duplicates are added too, and reported. What an interrupted add has read
    is kept; the next one goes on there.
    """
    from knowledge.records import Lineage

    with (
        handle_errors(as_json),
        open_collections(load_settings()) as collections,
        counting_stages(as_json) as progress,
    ):
        report = collections.add(
            collection, paths, kind=kind.value, progress=progress, lineage=Lineage(licence, source)
        )
        if as_json:
            emit_json(report.to_json())
        else:
            _show_report(report)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the collections there are."""
    with handle_errors(as_json), open_collections(load_settings()) as collections:
        found = collections.describe()
        if as_json:
            emit_json({"collections": [item.to_json() for item in found]})
            return
        if not found:
            out_console().print("No collections yet. Make one: vidence index add PATH --collection NAME")
            return
        table = Table("collection", "documents", "pieces", "kinds", "model", "MB", "snapshots")
        for item in found:
            kinds = ", ".join(f"{count:,} {name}" for name, count in item.kinds.items())
            table.add_row(
                escape(item.name) + ("" if item.synced else " [red](behind: verify --repair)[/]"),
                f"{item.documents:,}",
                f"{item.chunks:,}",
                kinds,
                escape(item.embedder),
                f"{item.bytes / 1e6:.1f}",
                str(len(item.snapshots)),
            )
        out_console().print(table)


@app.command()
def verify(
    collection: Name,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what has drifted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check that the legs of an index agree with its manifest, its texts and its model."""
    with handle_errors(as_json), open_collections(load_settings()) as collections:
        report = collections.verify(collection, repair=repair)
        if as_json:
            emit_json(report.to_json())
        else:
            state = "[green]good[/]" if report.ok else "[red]not good[/]"
            out_console().print(f"{escape(collection)}: {state}{' (repaired)' if report.repaired else ''}")
            for name, value in report.to_json().items():
                out_console().print(f"  {name}: {value}")
            if not report.ok and not repair:
                err_console().print(f"Mend it: vidence index verify {escape(collection)} --repair")
        if not report.ok:
            raise typer.Exit(EXIT_GATE_FAILED)


@app.command()
def snapshot(collection: Name, as_json: AsJson = False) -> None:
    """Keep a snapshot of a collection."""
    with handle_errors(as_json), open_collections(load_settings()) as collections:
        name = collections.snapshot(collection)
        _say({"collection": collection, "snapshot": name}, f"Snapshot {name}", as_json)


@app.command()
def restore(
    collection: Name,
    snapshot: Annotated[
        str,
        typer.Argument(help="A name that `index list --json` gives; by default the latest."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Take a collection back to a snapshot; without a name to the latest one."""
    with (
        handle_errors(as_json),
        open_collections(load_settings()) as collections,
        counting_stages(as_json) as progress,
    ):
        name = collections.restore(collection, snapshot, progress=progress)
        _say({"collection": collection, "restored": name}, f"Restored {name}", as_json)


@app.command()
def reembed(collection: Name, as_json: AsJson = False) -> None:
    """Make all vectors of a collection anew with the embedding model of the settings.

    Searches go on with the old vectors until all are made; an interrupted run goes on where it was.
    """
    with (
        handle_errors(as_json),
        open_collections(load_settings()) as collections,
        counting_stages(as_json) as progress,
    ):
        count = collections.reembed(collection, progress=progress)
        _say({"collection": collection, "vectors": count}, f"Made {count:,} vectors", as_json)


@app.command()
def duplicates(collection: Name, as_json: AsJson = False) -> None:
    """Show which documents and images of a collection are the same, or nearly."""
    with handle_errors(as_json), open_collections(load_settings()) as collections:
        groups = collections.duplicates(collection)
        if as_json:
            emit_json({"collection": collection, "duplicates": [group.to_json() for group in groups]})
        else:
            _show_duplicates(groups)


@app.command()
def lineage(
    collection: Name,
    item: Annotated[str, typer.Argument(help="A document's or a hit's id; all documents by default.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show where documents come from: hash, licence, source, reader, time, embedding model."""
    with handle_errors(as_json), open_collections(load_settings()) as collections:
        items = collections.lineage(collection, item)
        if as_json:
            emit_json({"collection": collection, "items": items})
            return
        for body in items:
            out_console().print(f"[bold]{escape(body['id'])}[/]")
            for name, value in body.items():
                out_console().print(f"  {name}: {escape(str(value))}")


@app.command()
def drop(collection: Name, as_json: AsJson = False) -> None:
    """Delete a collection with its snapshots."""
    with handle_errors(as_json), open_collections(load_settings()) as collections:
        collections.drop(collection)
        _say({"collection": collection, "dropped": True}, f"Dropped {collection}", as_json)


def _say(body: dict[str, Any], text: str, as_json: bool) -> None:
    if as_json:
        emit_json(body)
    else:
        out_console().print(escape(text))


def _show_report(report: AddReport) -> None:
    console = out_console()
    console.print(
        f"[bold]{escape(report.collection)}[/]: {report.added:,} added, {report.replaced:,} replaced, "
        f"{report.unchanged:,} unchanged, {len(report.failed):,} failed, {report.skipped:,} of other types"
    )
    console.print(f"It holds {report.documents:,} documents in {report.chunks:,} pieces.")
    if report.duplicates:
        console.print("The same, or nearly, as something that is there (all of it is indexed):")
        _show_duplicates(report.duplicates[:_SHOWN])
    for item in report.failed:
        err_console().print(f"[red]{item.kind}[/] {escape(item.path)}: {escape(item.message)}")


def _show_duplicates(groups: Sequence[DuplicateGroup]) -> None:
    console = out_console()
    if not groups:
        console.print("No duplicates.")
    for group in groups:
        first, *others = group.members
        more = f" and {len(others) - _SHOWN:,} more" if len(others) > _SHOWN else ""
        console.print(
            f"  {group.kind} {group.of}, {group.similarity:.0%}: {escape(first)} = "
            f"{escape(', '.join(others[:_SHOWN]))}{more}"
        )
