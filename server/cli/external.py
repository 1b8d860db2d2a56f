"""`vidence search --connector`: one query, or a file of them, over an external source."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import VidenceError, invalid_input
from core.settings import load_settings
from server.cli.output import emit_json, show_found

if TYPE_CHECKING:
    from knowledge.connectors.base import Connector


def search_connector(name: str, query: str, queries: str | None, k: int, *, as_json: bool) -> None:
    """Search one connector and print its results; a file of queries prints a line a query.

    Raises:
        VidenceError: `not_found` for a name that nobody has; otherwise what the source raises. In a file a
            query that fails has `error` in its line.
    """
    from knowledge.connectors.base import Surroundings
    from knowledge.connectors.registry import open_connector
    from server.cli.index import open_collections

    settings = load_settings()
    with open_collections(settings) as collections:
        connector = open_connector(name, Surroundings(settings, collections))
        if queries is not None:
            asyncio.run(_search_file(connector, Path(queries), k))
            return
        if not query:
            raise invalid_input("A connector is searched by words", help="Give a QUERY.")
        found = asyncio.run(connector.search(query, k))
    if as_json:
        emit_json({"query": query, "connector": name, "hits": [item.to_json() for item in found]})
    else:
        show_found((item.title, item.score, " ".join(item.text.split())[:300], item.source) for item in found)


async def _search_file(connector: Connector, path: Path, k: int) -> None:
    from knowledge.pubmed.batch import read_queries

    for item in await asyncio.to_thread(read_queries, path):
        try:
            hits = [{"id": found.id, "score": found.score} for found in await connector.search(item.query, k)]
            emit_json({"id": item.id, "hits": hits})
        except VidenceError as error:
            said = {"kind": error.kind, "message": error.message, "help": error.help}
            emit_json({"id": item.id, "error": {**said, "retryable": error.retryable}})
