"""`vidence pubmed`: search PubMed, fetch records and open full text, read saved files."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from core.errors import VidenceError, invalid_input, unavailable
from core.settings import load_settings
from server.cli.output import emit_json, err_console, handle_errors, out_console

if TYPE_CHECKING:
    from knowledge.pubmed.client import PubMed, PubMedSearch
    from knowledge.pubmed.full_text import FullText
    from knowledge.pubmed.record import PubMedRecord

app = typer.Typer(no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
BaseUrl = Annotated[str, typer.Option("--base-url", help="Another E-utilities server.")]
Cache = Annotated[bool, typer.Option("--cache/--no-cache", help="Use and fill the cache of replies.")]
Pmid = Annotated[str, typer.Argument(help="A PubMed id.")]


def _client(base_url: str, *, cache: bool = True) -> PubMed:
    from knowledge.pubmed.client import open_pubmed

    return open_pubmed(load_settings(), base_url=base_url, use_cache=cache)


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="PubMed's query language, or a plain question.")] = "",
    queries: Annotated[
        Path | None, typer.Option(help="JSON lines `{id, query}`; prints one line a query, as they come.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", help="Write the lines to this file; a run that was stopped goes on there."
        ),
    ] = None,
    records: Annotated[bool, typer.Option("--records", help="Whole records in the lines.")] = False,
    workers: Annotated[int, typer.Option(min=1, max=32, help="Queries under way at once.")] = 4,
    k: Annotated[int, typer.Option("-k", min=1, max=200, help="How many records.")] = 10,
    base_url: BaseUrl = "",
    cache: Cache = True,
    as_json: AsJson = False,
) -> None:
    """Search PubMed; the most relevant records come first.

    A question becomes phrases, MeSH headings, years and kinds of study. When they find nothing, the least
    telling words are left out one after the other; `used`, `step` and `dropped` say which wording found it.
    """
    with handle_errors(as_json or queries is not None):
        if bool(query) == (queries is not None):
            raise invalid_input(
                "Give QUERY or --queries, one of them",
                help='For example: vidence pubmed search "mild asthma"',
            )
        if queries is not None:
            _search_file(_client(base_url, cache=cache), queries, out, k=k, workers=workers, records=records)
            return
        found = asyncio.run(_client(base_url, cache=cache).search(query, k))
        if as_json:
            emit_json(_search_json(found))
            return
        if not found.records:
            out_console().print("[yellow]Nothing was found.[/]")
        elif found.used != query:
            out_console().print(f"[dim]{found.step}: {escape(found.used)}[/]")
        _show(found.records, abstracts=False)


@app.command()
def fetch(
    pmids: Annotated[list[str], typer.Argument(help="PubMed ids; with --full-text also PMC ids.")],
    full_text: Annotated[
        bool, typer.Option("--full-text", help="The open text from PubMed Central, by section.")
    ] = False,
    base_url: BaseUrl = "",
    cache: Cache = True,
    as_json: AsJson = False,
) -> None:
    """Fetch records by their PubMed ids."""
    with handle_errors(as_json):
        client = _client(base_url, cache=cache)
        body = asyncio.run(_fetch(client, pmids, full_text=full_text))
        if as_json:
            emit_json(
                {
                    **body,
                    "records": [record.to_json() for record in body["records"]],
                    **({"full_texts": [text.to_json() for text in body["full_texts"]]} if full_text else {}),
                }
            )
            return
        _show(body["records"], abstracts=not full_text)
        for text in body.get("full_texts", ()):
            _show_text(text)
        for problem in body.get("not_open", ()):
            err_console().print(f"[yellow]{escape(problem['message'])}[/]")


@app.command()
def related(
    pmid: Pmid,
    k: Annotated[int, typer.Option("-k", min=1, max=200, help="How many.")] = 10,
    base_url: BaseUrl = "",
    cache: Cache = True,
    as_json: AsJson = False,
) -> None:
    """List papers that are like one, most alike first."""
    with handle_errors(as_json):
        found = asyncio.run(_related(_client(base_url, cache=cache), pmid, k))
        if as_json:
            emit_json({"pmid": pmid, **found})
            return
        for item in found["related"]:
            out_console().print(f"[bold]{item['pmid']}[/] {escape(item['title'])} [dim]{item['date']}[/]")


@app.command()
def summary(
    pmids: Annotated[list[str], typer.Argument(help="PubMed ids.")],
    base_url: BaseUrl = "",
    as_json: AsJson = False,
) -> None:
    """Show records in short: title, journal, date, how often they are cited."""
    from dataclasses import asdict

    with handle_errors(as_json):
        found = asyncio.run(_client(base_url).summaries(pmids))
        known = {item.pmid for item in found}
        if as_json:
            missing = [pmid for pmid in pmids if pmid not in known]
            emit_json({"summaries": [asdict(item) for item in found], "missing": missing})
            return
        for item in found:
            out_console().print(f"[bold]{escape(item.title)}[/]")
            out_console().print(f"   [dim]{escape(f'{item.journal}, {item.date}, PMID {item.pmid}')}[/]")


@app.command()
def read(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders: efetch XML, JATS, MEDLINE text.")],
    check: Annotated[
        bool, typer.Option("--check", help="Compare with Biopython's reading and the file's own text.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read saved PubMed files; prints one object a file."""
    from knowledge.pubmed.check import check_file
    from knowledge.pubmed.files import files_under, read_file

    with handle_errors(as_json):
        lost = 0
        for path in files_under(paths):
            line = check_file(path) if check else read_file(path)
            lost += len(line.get("lost", ()))
            if as_json:
                emit_json(line)
                continue
            said = line.get("error") or ", ".join(f"{key} {line[key]}" for key in ("kind", "items"))
            said += f", lost {len(line['lost'])}" if "lost" in line else ""
            out_console().print(f"{escape(str(path))}: {escape(said)}")
        if lost:
            raise typer.Exit(1)


async def _fetch(client: PubMed, ids: Sequence[str], *, full_text: bool) -> dict[str, Any]:
    async with client.session():
        if not full_text:
            records = await client.fetch(ids)
            return {"records": records, "missing": _missing(ids, records)}
        texts, closed = [], []
        for paper in ids:
            try:
                texts.append(await client.full_text(paper))
            except VidenceError as error:
                if len(ids) == 1:
                    raise
                closed.append({"id": paper, "kind": error.kind, "message": error.message})
        if not texts:
            raise unavailable(
                f"None of the {len(ids)} papers has open full text in PubMed Central",
                help="Leave --full-text out to get the abstracts.",
                retryable=any(item["kind"] in ("timeout", "rate_limited") for item in closed),
            )
        pmids = [paper for paper in ids if paper.isdigit()]
        try:
            records = await client.fetch(pmids)
        except VidenceError as error:
            if error.kind != "not_found":
                raise
            records = []
        missing = _missing(pmids, records)
        return {"records": records, "missing": missing, "full_texts": texts, "not_open": closed}


def _missing(ids: Sequence[str], records: Sequence[PubMedRecord]) -> list[str]:
    known = {record.pmid for record in records}
    return [pmid for pmid in ids if pmid not in known]


async def _related(client: PubMed, pmid: str, k: int) -> dict[str, Any]:
    from dataclasses import asdict

    async with client.session():
        ids = await client.related(pmid, k)
        known = {item.pmid: asdict(item) for item in await client.summaries(ids)} if ids else {}
        empty = {"title": "", "date": ""}
        return {"related": [known.get(other, {"pmid": other, **empty}) for other in ids]}


def _search_json(found: PubMedSearch) -> dict[str, Any]:
    return {
        "query": found.query,
        "used": found.used,
        "step": found.step,
        "dropped": list(found.dropped),
        "tried": [{"query": text, "count": count} for text, count in found.tried],
        "translation": found.translation,
        "warnings": list(found.warnings),
        "count": found.count,
        "records": [record.to_json() for record in found.records],
        "missing": list(found.missing),
    }


def _search_file(
    client: PubMed, path: Path, out: Path | None, *, k: int, workers: int, records: bool
) -> None:
    from server.cli.pubmed_file import search_file

    failed = search_file(client, path, out, k=k, workers=workers, records=records)
    if failed:
        raise typer.Exit(unavailable("").exit_code)


def _show(records: Sequence[PubMedRecord], *, abstracts: bool) -> None:
    console = out_console()
    for place, record in enumerate(records, start=1):
        warning = " [bold red]RETRACTED[/]" if record.retracted else ""
        console.print(f"[bold]{place}. {escape(record.title)}[/]{warning}")
        about = [record.journal, record.date, record.evidence_level, f"PMID {record.pmid}", record.url]
        console.print(f"   [dim]{escape(', '.join(part for part in about if part))}[/]")
        for notice in record.notices:
            console.print(f"   [yellow]{escape(notice)}[/]")
        if abstracts:
            console.print(escape(record.text))


def _show_text(text: FullText) -> None:
    console = out_console()
    console.print(f"[bold]{escape(text.title)}[/] [dim]{escape(f'{text.pmc}, {text.licence[:80]}')}[/]")
    for part in text.sections:
        console.print(f"\n[bold]{escape(part.title)}[/]\n{escape(part.text)}")
    for figure in text.figures:
        console.print(f"\n[bold]{escape(figure.label)}[/] {escape(figure.caption)}")
    for table in text.tables:
        console.print(f"\n[bold]{escape(table.label)}[/] {escape(table.caption)}\n{escape(table.text)}")
