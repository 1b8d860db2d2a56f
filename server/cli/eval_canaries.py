"""`vidence eval canaries`: the questions of users, and what they are about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from core.settings import Settings, load_settings
from server.cli.output import emit_json, handle_errors, out_console

if TYPE_CHECKING:
    from evals.personas.canaries import Canary

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Personas = Annotated[str, typer.Option("--persona", help="novice, expert, adversarial; comma between.")]
Profiles = Annotated[
    str, typer.Option("--profile", help="general, medical, inspection, code; comma between.")
]


def canaries(
    persona: Personas = "",
    profile: Profiles = "",
    index: Annotated[
        bool, typer.Option("--index", help="Index what they are about into this data folder's collections.")
    ] = False,
    write: Annotated[
        Path | None,
        typer.Option("--write", help="Write what they are about to a folder, to be indexed elsewhere."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the canary questions, or index the documents and the program that they are about.

    Four collections: canary-library, canary-code, and for adversaries canary-poisoned and
    canary-poisoned-code, whose documents hold orders to the agent.
    """
    with handle_errors(as_json):
        from evals.personas.canaries import canaries as known
        from evals.personas.sources import write_sources

        found = known(split_names(persona), split_names(profile))
        settings = load_settings()
        paths = write_sources(write or settings.root / "evals" / "canaries") if index or write else {}
        if index:
            _index(settings, paths)
        if as_json:
            rows = [one.model_dump(mode="json") for one in found]
            emit_json({"canaries": rows, "sources": {name: str(path) for name, path in paths.items()}})
        elif paths:
            for name, path in paths.items():
                out_console().print(
                    f"{name}: {path}{' (indexed)' if index else ''}", markup=False, soft_wrap=True
                )
        else:
            _show_canaries(found)


def split_names(names: str) -> list[str]:
    """Return the names of a list with commas."""
    return [name.strip() for name in names.split(",") if name.strip()]


def _index(settings: Settings, paths: dict[str, Path]) -> None:
    from evals.personas.sources import COLLECTIONS
    from server.cli.index import open_collections

    with open_collections(settings) as collections:
        for name, path in paths.items():
            kind: Any = COLLECTIONS[name]
            collections.add(name, [path], kind=kind)


def _show_canaries(found: list[Canary]) -> None:
    table = Table("id", "persona", "profile", "should", "question")
    for one in found:
        table.add_row(one.id, one.persona, one.profile, one.check.replace("_", " "), escape(one.question))
    out_console().print(table)
