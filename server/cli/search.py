"""`vidence search`: one query, or a file of them, over collections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.contracts import drop_none
from core.errors import invalid_input, not_found
from core.images import ImageStore
from core.settings import load_settings
from server.cli.external import search_connector
from server.cli.index import open_collections
from server.cli.output import emit_json, handle_errors, show_found

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.collections import Collections
    from knowledge.records import Hit, Scalar

_BATCH = 64


class Mode(StrEnum):
    """Which legs of the index to use."""

    hybrid = "hybrid"
    dense = "dense"
    sparse = "sparse"


def search(
    query: Annotated[str, typer.Argument(help="What to search for.", show_default=False)] = "",
    collection: Annotated[
        list[str] | None, typer.Option("--collection", "-c", help="Where to search; may be repeated.")
    ] = None,
    connector: Annotated[
        str, typer.Option(help="An external source instead: a name from the settings, or `pubmed`.")
    ] = "",
    image: Annotated[str | None, typer.Option(help="Find images like this one.")] = None,
    queries: Annotated[
        str | None,
        typer.Option(help="JSON lines `{id, query}` or `{id, image}`; prints document ids, a line a query."),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many hits.")] = 10,
    mode: Annotated[Mode, typer.Option(help="Vectors and words, or one of them.")] = Mode.hybrid,
    rerank: Annotated[
        bool,
        typer.Option(
            "--rerank/--no-rerank",
            help="Let late interaction, or the reranker of the settings, order what was found.",
        ),
    ] = True,
    where: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE: only pieces with this kind, doc_id, source or metadata; repeatable."),
    ] = None,
    diversity: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="How unlike each other hits should be (MMR); 0: not at all."),
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Search collections by meaning and by words."""
    with handle_errors(as_json or queries is not None):
        _check(query, image, queries)
        if connector:
            search_connector(connector, query, queries, k, as_json=as_json)
            return
        options: dict[str, Any] = {
            "mode": mode.value,
            "rerank": rerank,
            "where": _filter(where or []),
            "diversity": diversity,
        }
        with open_collections(load_settings()) as collections:
            if queries is not None:
                for body in _answer_file(collections, collection or [], Path(queries), k, options):
                    emit_json(body)
                return
            if image is not None:
                hits = collections.search_image(collection or [], _pixels(image), k, where=options["where"])
            else:
                hits = collections.search(collection or [], query, k, **options)
        if as_json:
            asked = {"query": query} if image is None else {"query": query, "image": image}
            emit_json({**asked, "hits": [_hit(hit) for hit in hits]})
        else:
            show_found((hit.title, hit.score, hit.snippet, place_of(hit)) for hit in hits)


def _check(query: str, image: str | None, queries: str | None) -> None:
    given = [name for name, value in (("QUERY", query), ("--image", image), ("--queries", queries)) if value]
    if len(given) != 1:
        raise invalid_input(
            f"Give one of QUERY, --image and --queries, not {' and '.join(given) or 'none'}",
            help='For example: vidence search "boiler pressure" --collection manuals',
        )


def _pixels(path: str | Path) -> NDArray[np.uint8]:
    """Return the pixels of an image file; raises `not_found` and `invalid_input` like the image store."""
    file = Path(path)
    if not file.is_file():
        raise not_found(f"No such image: {path}", help="Check the path of the image to search with.")
    return ImageStore.of(load_settings()).decode(file.read_bytes(), str(path))


def _filter(tests: list[str]) -> dict[str, Scalar]:
    """Return KEY=VALUE tests as a filter; a value is a number or a truth where it reads as one in JSON."""
    found: dict[str, Scalar] = {}
    for test in tests:
        key, equals, value = test.partition("=")
        if not key or not equals:
            raise invalid_input(
                f"Not a filter: `{test}`",
                help='Use --where KEY=VALUE; quotes keep a number text: year="2020".',
            )
        try:
            read = json.loads(value)
        except ValueError:
            read = value
        found[key] = read if isinstance(read, str | int | float | bool) else value
    return found


def _answer_file(
    collections: Collections, names: list[str], path: Path, k: int, options: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield `{id, hits: [{id, score}]}` a query; hits are documents, by their best piece."""
    records = list(_read_queries(path))
    for start in range(0, len(records), _BATCH):
        part = records[start : start + _BATCH]
        texts = [query for _, query in part if isinstance(query, str)]
        found = iter(collections.search_many(names, texts, k, by_document=True, **options) if texts else [])
        for id_, query in part:
            hits = (
                next(found) if isinstance(query, str) else collections.search_image(names, _pixels(query), k)
            )
            yield {"id": id_, "hits": [{"id": hit.doc_id, "score": hit.score} for hit in hits]}


def _read_queries(path: Path) -> Iterator[tuple[Any, str | Path]]:
    """Yield ids with a query, or with the path of an image to search with."""
    if not path.is_file():
        raise not_found(f"No such file: {path}", help="Check the path after --queries.")
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
                if "image" in record:
                    yield record["id"], path.parent / str(record["image"])
                else:
                    yield record["id"], str(record["query"])
            except (ValueError, KeyError, TypeError) as error:
                raise invalid_input(
                    f"{path}, line {number}, is not a query",
                    help="Lines are JSON: `{id, query}`, or `{id, image}` with a path beside the file.",
                ) from error


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "id": hit.id,
        "score": hit.score,
        "title": hit.title,
        "snippet": hit.snippet,
        "locator": drop_none(hit.locator.model_dump(mode="json")),
        **({"note": hit.note} if hit.note else {}),
    }


def place_of(hit: Hit) -> str:
    """Return where a hit stands, in words."""
    parts = [hit.source]
    if hit.locator.page is not None:
        parts.append(f"page {hit.locator.page}")
    if hit.locator.lines is not None:
        parts.append(f"lines {hit.locator.lines[0]}-{hit.locator.lines[1]}")
    if hit.locator.section:
        parts.append(hit.locator.section)
    return ", ".join(parts)
