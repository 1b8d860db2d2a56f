"""`vidence finetune promote`: move a version that the gate has passed."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape

from core.settings import load_settings
from server.cli.finetune_register import AsJson, Ref
from server.cli.output import emit_json, handle_errors, out_console


class Target(StrEnum):
    """Where a version can be promoted to."""

    staging = "staging"
    production = "production"


def promote(
    model: Ref,
    to: Annotated[Target, typer.Option("--to", help="The stage.")],
    why: Annotated[str, typer.Option("--why", help="A note for the history.")] = "",
    as_json: AsJson = False,
) -> None:
    """Promote a version to staging or production.

    Needs the gate's pass for exactly these files (vidence finetune gate), for production against what is in
    production now. Nothing overrides it. The version that was in production becomes a candidate again.
    """
    with handle_errors(as_json):
        from finetune.release.opening import open_registry

        with open_registry(load_settings()) as registry:
            state = registry.promote(model, to.value, why)
        if as_json:
            emit_json(state.model_dump(mode="json"))
            return
        out_console().print(f"{escape(state.name)}@{state.version} is in {state.stage}")
