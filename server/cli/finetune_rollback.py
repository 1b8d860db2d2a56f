"""`vidence finetune rollback`: back to the production version before."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from core.settings import load_settings
from server.cli.finetune_register import AsJson
from server.cli.output import emit_json, handle_errors, out_console


def rollback(
    name: Annotated[str, typer.Argument(help="The model's name.")],
    why: Annotated[str, typer.Option("--why", help="A note for the history.")] = "",
    as_json: AsJson = False,
) -> None:
    """Put the version back into production that was there before, after its files were hashed."""
    with handle_errors(as_json):
        from finetune.release.opening import open_registry

        with open_registry(load_settings()) as registry:
            state = registry.rollback(name, why)
        if as_json:
            emit_json(state.model_dump(mode="json"))
            return
        out_console().print(f"{escape(state.name)}@{state.version} is in {state.stage} again")
