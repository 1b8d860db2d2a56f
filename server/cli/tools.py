"""`vidence tools`: the agent's tools, tools of a catalogue that fit a request, and the agent's routing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from core.contracts import ProfileName
from core.errors import VidenceError, invalid_input
from core.settings import Settings, load_settings
from server.cli.output import emit_json, err_console, handle_errors, out_console

if TYPE_CHECKING:
    from agents.router import RouteContext, Router
    from models.embeddings import Embedder
    from tools.selector import Choice, ToolSelector

app = typer.Typer(no_args_is_help=True)
_BATCH = 64
_Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


@app.command("list")
def list_tools(as_json: _Json = False) -> None:
    """List the tools that the agent can call."""
    with handle_errors(as_json):
        from tools.registry import default_registry

        registry = default_registry()
        rows = [_described(registry.get(name)) for name in registry.names()]
        if as_json:
            emit_json({"tools": rows})
            return
        console = out_console()
        for row in rows:
            needs = f" [dim](needs {', '.join(row['needs'])})[/]" if row["needs"] else ""
            console.print(f"[bold]{row['name']}[/] {escape(row['description'])}{needs}")


def _described(tool: Any) -> dict[str, Any]:
    return {
        "name": tool.name,
        "version": tool.version,
        "description": tool.description,
        "cost": tool.cost,
        "needs": list(tool.needs),
        "parameters": tool.arguments.model_json_schema(),
    }


@app.command()
def select(
    query: Annotated[str, typer.Argument(help="What the tool is needed for.", show_default=False)] = "",
    catalog: Annotated[
        Path | None,
        typer.Option(
            help="JSON lines {name, description, parameters?, examples?}; without it the agent's own tools."
        ),
    ] = None,
    own: Annotated[bool, typer.Option("--own", help="Add the agent's own tools to the catalogue.")] = False,
    record: Annotated[
        bool, typer.Option("--record/--no-record", help="Let success and time in recorded runs count.")
    ] = True,
    queries: Annotated[Path | None, typer.Option(help="JSON lines {id?, query}: many requests.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many tools.")] = 3,
    as_json: _Json = False,
) -> None:
    """Find the tools that fit a request: one object {query, tools: [{name, score}], ms} a request."""
    with handle_errors(as_json or queries is not None):
        settings = load_settings()
        asked = _asked(query, queries)
        selector = _selector(settings, catalog, own=own, record=record)
        # The catalogue is read by the model once; the time of a request is what every later one costs.
        selector.select("warm up", 1)
        for start in range(0, len(asked), _BATCH):
            part = asked[start : start + _BATCH]
            begun = time.perf_counter()
            chosen = selector.select_many([text for _, text in part], k)
            ms = (time.perf_counter() - begun) * 1000 / len(part)
            for (id_, text), choices in zip(part, chosen, strict=True):
                _show(id_, text, choices, ms, as_json=as_json or queries is not None)


@app.command()
def route(
    question: Annotated[str, typer.Argument(help="The question.", show_default=False)] = "",
    images: Annotated[int, typer.Option(min=0, help="How many images come with it.")] = 0,
    image_kind: Annotated[str, typer.Option(help="none, document, chart, photo or scan.")] = "none",
    collection: Annotated[list[str] | None, typer.Option("--collection", "-c", help="Collections.")] = None,
    profile: Annotated[str, typer.Option(help="general, medical, inspection or code.")] = "general",
    queries: Annotated[
        Path | None, typer.Option(help="JSON lines {id?, question, context?: {images, image_kind, ...}}.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Show which action the router would take, and which kinds of source the question needs."""
    with handle_errors(as_json or queries is not None):
        from agents.router import Router

        given = {
            "images": images,
            "image_kind": image_kind,
            "collections": collection or [],
            "profile": profile,
        }
        embedder = _embedder(load_settings()) if load_settings().router == "embedding" else None
        router = Router((lambda: embedder) if embedder is not None else None)
        for id_, text, context in _routed(question, given, queries):
            body = _route(router, text, _context(context))
            if as_json or queries is not None:
                emit_json(({} if id_ is None else {"id": id_}) | body)
                continue
            out_console().print(
                f"[bold]{body['action']}[/] {body['scores'][body['action']]:.2f}; needs "
                f"{', '.join(body['modalities'])}"
            )


def _route(router: Router, question: str, context: RouteContext) -> dict[str, Any]:
    routed = router.route(question, context)
    return {
        "question": question,
        "action": routed.action,
        "scores": {action: round(score, 4) for action, score in routed.scores.items()},
        "modalities": sorted(router.modalities(question)),
    }


def _routed(
    question: str, given: dict[str, Any], queries: Path | None
) -> Iterable[tuple[Any, str, dict[str, Any]]]:
    if queries is None:
        if not question.strip():
            raise invalid_input("No question was given", help='vidence tools route "QUESTION".')
        yield None, question, given
        return
    from tools.cards import read_lines

    for number, row in read_lines(queries):
        text = row.get("question", row.get("query"))
        if not isinstance(text, str):
            raise invalid_input(f"{queries}, line {number}: `question` is missing", help="Add it.")
        yield row.get("id", row.get("qid")), text, given | (row.get("context") or {})


def _context(given: dict[str, Any]) -> RouteContext:
    from agents.profiles import PROFILES
    from agents.router import RouteContext

    name: ProfileName = given["profile"]
    if name not in PROFILES:
        raise invalid_input(
            f"No profile is called `{name}`", help=f"Profiles: {', '.join(sorted(PROFILES))}."
        )
    count, kind = int(given["images"]), given.get("image_kind") or "none"
    kinds = () if kind == "none" else (kind,) * count
    return RouteContext(count, kinds, tuple(given["collections"]), name)


def _asked(query: str, queries: Path | None) -> list[tuple[Any, str]]:
    """Return (id or None, request) pairs."""
    if queries is None:
        if not query.strip():
            raise invalid_input(
                "No request was given", help='vidence tools select "QUERY", or --queries FILE.jsonl.'
            )
        return [(None, query)]
    from tools.cards import read_lines

    rows: list[tuple[Any, str]] = []
    for number, row in read_lines(queries):
        if not isinstance(row.get("query"), str):
            raise invalid_input(f"{queries}, line {number}: `query` is missing", help="Add it.")
        rows.append((row.get("id"), row["query"]))
    return rows


def _selector(settings: Settings, catalog: Path | None, *, own: bool, record: bool) -> ToolSelector:
    """Return a selector over a catalogue, the agent's own tools, or both."""
    from tools.cards import read_catalogue, registry_cards
    from tools.registry import default_registry
    from tools.selector import ToolSelector
    from tools.track_record import adjustments, read_records
    from tools.vectors import VectorCache

    cards = read_catalogue(catalog) if catalog else []
    if own or not catalog:
        named = {card.name for card in cards}
        cards += [card for card in registry_cards(default_registry()) if card.name not in named]
    embedder = _embedder(settings)
    cache = VectorCache(embedder, settings.root / "cache" / "tools.db") if embedder else None
    known = adjustments(read_records(settings.root / "runs.db")) if record else {}
    return ToolSelector(cards, embedder, cache=cache, adjustments=known)


def _embedder(settings: Settings) -> Embedder | None:
    """Return the text model, or None, saying so: words alone still select."""
    from models.embeddings import open_embedder

    try:
        return open_embedder(settings)
    except VidenceError as error:
        err_console().print(f"[yellow]{escape(error.message)}; going on with words alone.[/]")
        return None


def _show(id_: Any, query: str, choices: Sequence[Choice], ms: float, *, as_json: bool) -> None:
    if as_json:
        body: dict[str, Any] = {} if id_ is None else {"id": id_}
        tools = [{"name": choice.name, "score": choice.score} for choice in choices]
        emit_json(body | {"query": query, "tools": tools, "ms": round(ms, 2)})
        return
    console = out_console()
    for choice in choices:
        console.print(f"[bold]{escape(choice.name)}[/] [dim]{choice.score:.3f}[/]")
