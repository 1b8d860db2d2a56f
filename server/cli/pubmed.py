"""`vidence pubmed`: search PubMed and fetch records."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from core.errors import unavailable
from core.settings import load_settings
from server.cli.output import emit_json, handle_errors, out_console

if TYPE_CHECKING:
    from knowledge.pubmed import PubMed
    from knowledge.pubmed_xml import PubMedRecord

app = typer.Typer(no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
BaseUrl = Annotated[str, typer.Option("--base-url", help="Another E-utilities server.")]


def _client(base_url: str) -> PubMed:
    from knowledge.pubmed import open_pubmed

    return open_pubmed(load_settings(), base_url=base_url)


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="PubMed's query language, or a plain question.")],
    k: Annotated[int, typer.Option("-k", min=1, max=200, help="How many records.")] = 10,
    base_url: BaseUrl = "",
    as_json: AsJson = False,
) -> None:
    """Search PubMed; the most relevant records come first."""
    with handle_errors(as_json):
        found = asyncio.run(_client(base_url).search(query, k))
        if as_json:
            emit_json(
                {
                    "query": query,
                    "used": found.used,
                    "translation": found.translation,
                    "count": found.count,
                    "records": [record.to_json() for record in found.records],
                }
            )
            return
        if not found.records:
            out_console().print("[yellow]Nothing was found.[/]")
        _show(found.records, abstracts=False)


@app.command()
def fetch(
    pmids: Annotated[list[str], typer.Argument(help="PubMed ids.")],
    full_text: Annotated[bool, typer.Option("--full-text", help="Open-access full text (not yet).")] = False,
    base_url: BaseUrl = "",
    as_json: AsJson = False,
) -> None:
    """Fetch records by their PubMed ids."""
    with handle_errors(as_json):
        if full_text:
            raise unavailable(
                "Full text from PubMed Central cannot be fetched yet",
                help="Leave --full-text out to get the abstracts.",
                retryable=False,
            )
        records = asyncio.run(_client(base_url).fetch(pmids))
        if as_json:
            known = {record.pmid for record in records}
            missing = [pmid for pmid in pmids if pmid not in known]
            emit_json({"records": [record.to_json() for record in records], "missing": missing})
            return
        _show(records, abstracts=True)


def _show(records: Sequence[PubMedRecord], *, abstracts: bool) -> None:
    console = out_console()
    for record in records:
        mark = "[bold red]RETRACTED[/] " if record.retracted else ""
        console.print(f"{mark}[bold]{escape(record.title)}[/]")
        about = [record.journal, record.date, record.evidence_level, f"PMID {record.pmid}", record.url]
        console.print(f"   [dim]{escape(', '.join(part for part in about if part))}[/]")
        for notice in record.notices:
            console.print(f"   [yellow]{escape(notice)}[/]")
        if abstracts:
            console.print(escape(record.text) + "\n")
