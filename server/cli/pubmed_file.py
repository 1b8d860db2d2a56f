"""A file of PubMed queries: lines as they come, a run that was stopped goes on, nothing is lost."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.cli.output import emit_json, err_console

if TYPE_CHECKING:
    from knowledge.pubmed.client import PubMed


def search_file(client: PubMed, path: Path, out: Path | None, *, k: int, workers: int, records: bool) -> int:
    """Search for every line of a file and return how many failed.

    Without `out` the lines go to stdout as they come. With it they are added to the file one by one; at the
    end it holds one line a query in the order of the queries. A query whose line is there is not asked again.
    """
    from knowledge.pubmed.batch import read_done, read_queries, run_queries

    queries = read_queries(path)
    done = read_done(out) if out else {}
    waiting = [item for item in queries if (item.id, item.query) not in done]
    lines: dict[Any, dict[str, Any]] = {
        item.id: done[item.id, item.query] for item in queries if (item.id, item.query) in done
    }
    if done:
        err_console().print(f"{len(lines)} of {len(queries)} are in {out} already")

    def emit(line: dict[str, Any]) -> None:
        lines[line["id"]] = line
        if out is None:
            emit_json(line)
            return
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        _end_line(out)
    asyncio.run(run_queries(client, waiting, emit, k=k, workers=workers, records=records))
    if out is not None:
        _tidy(out, [lines[item.id] for item in queries])
    failed = sum("error" in line for line in lines.values())
    err_console().print(f"{len(lines) - failed} of {len(queries)} answered, {failed} failed")
    return failed


def _end_line(out: Path) -> None:
    """End a line that a killed run left unfinished, so that the next one stands alone."""
    if out.is_file() and out.stat().st_size and not out.read_bytes().endswith(b"\n"):
        with out.open("ab") as file:
            file.write(b"\n")


def _tidy(out: Path, lines: list[dict[str, Any]]) -> None:
    fresh = out.with_name(f"{out.name}.new")
    fresh.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    fresh.replace(out)
