"""Many queries against PubMed: several at once, failures tried again, what is done is never asked twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import VidenceError, invalid_input, not_found
from knowledge.pubmed.client import PubMed, PubMedSearch

_ROUNDS = 4
"""Passes over the queries that failed for a reason that may pass."""
_PATIENCE_S = 900.0


@dataclass(frozen=True)
class Query:
    """One line of a file of queries."""

    id: str | int
    query: str


def read_queries(path: Path) -> list[Query]:
    """Read JSON lines `{id, query}`.

    Raises:
        VidenceError: `not_found` for no such file; `invalid_input` for a line that is not a query, and for
            an id that occurs twice.
    """
    if not path.is_file():
        raise not_found(f"No such file: {path}", help="Check the path after --queries.")
    queries: dict[str | int, Query] = {}
    for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
            item = Query(found["id"], str(found["query"]))
            repeated = item.id in queries
        except (ValueError, KeyError, TypeError) as error:
            raise invalid_input(
                f"{path}, line {number}, is not a query", help="Lines are JSON: `{id, query}`."
            ) from error
        if repeated:
            raise invalid_input(f"{path}, line {number}: the id {item.id!r} occurs twice", help="Ids differ.")
        queries[item.id] = item
    return list(queries.values())


def read_done(path: Path) -> dict[tuple[str | int, str], dict[str, Any]]:
    """Return the finished lines of an output file by id and query; broken and failed ones are left out."""
    done: dict[tuple[str | int, str], dict[str, Any]] = {}
    if path.is_file():
        for line in path.read_text("utf-8", errors="replace").splitlines():
            with suppress(ValueError, KeyError, TypeError):
                found = json.loads(line)
                if "error" not in found:
                    done[found["id"], found["query"]] = found
    return done


async def run_queries(
    client: PubMed,
    queries: Sequence[Query],
    emit: Callable[[dict[str, Any]], None],
    *,
    k: int,
    workers: int = 4,
    records: bool = False,
) -> None:
    """Search for many queries; what failed for good comes last, with its error.

    Args:
        client: Its circuit breaker is waited for: a run of many queries has time.
        queries: What to search for.
        emit: Gets one line a query as it comes, one at a time, in a thread: it may write files.
        k: Records a query.
        workers: Queries under way at once; the rate limit holds whatever their number.
        records: Whether whole records come along rather than their heads.
    """
    client.http.patience_s = max(client.http.patience_s, _PATIENCE_S)
    waiting = list(queries)
    one_at_a_time = asyncio.Lock()
    async with client.session():
        for attempt in range(1, _ROUNDS + 1):
            again: list[Query] = []
            left = iter(waiting)

            async def work(left: Iterator[Query], again: list[Query], last: bool) -> None:
                for item in left:
                    line = await _answer(client, item, k, records=records)
                    if not last and _may_pass(line):
                        again.append(item)
                    else:
                        async with one_at_a_time:
                            await asyncio.to_thread(emit, line)

            async with asyncio.TaskGroup() as group:
                for _ in range(min(workers, len(waiting))):
                    group.create_task(work(left, again, attempt == _ROUNDS))
            waiting = again
            if not waiting:
                break


def _may_pass(line: dict[str, Any]) -> bool:
    """Whether another try may bring what is not there: an answer, or records that did not come."""
    return bool(line["error"]["retryable"]) if "error" in line else bool(line.get("missing"))


async def _answer(client: PubMed, item: Query, k: int, *, records: bool) -> dict[str, Any]:
    try:
        return line_of(item, await client.search(item.query, k), records=records)
    except VidenceError as error:
        said = {
            "kind": error.kind,
            "message": error.message,
            "help": error.help,
            "retryable": error.retryable,
        }
        return {"id": item.id, "query": item.query, "error": said}


def line_of(item: Query, found: PubMedSearch, *, records: bool) -> dict[str, Any]:
    """Return a finished line: the hits in PubMed's order, with whole records when they are wanted."""
    line: dict[str, Any] = {
        "id": item.id,
        "query": item.query,
        "used": found.used,
        "step": found.step,
        "dropped": list(found.dropped),
        "count": found.count,
        "hits": [
            {
                "id": record.pmid,
                "score": round(1.0 / place, 4),
                "title": record.title,
                "date": record.date,
                "evidence_level": record.evidence_level,
                "retracted": record.retracted,
            }
            for place, record in enumerate(found.records, start=1)
        ],
    }
    if found.missing:
        line["missing"] = list(found.missing)
    if records:
        line["records"] = [record.to_json() for record in found.records]
    return line
