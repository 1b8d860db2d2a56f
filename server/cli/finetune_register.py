"""`vidence finetune register|list|show`: the registry of models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from core.settings import load_settings
from server.cli.output import emit_json, err_console, handle_errors, out_console

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Ref = Annotated[
    str, typer.Argument(help="NAME, NAME@VERSION (or its first digits), or NAME@production.", metavar="MODEL")
]


def register(
    source: Annotated[
        str, typer.Argument(help="A run (its id or folder) that was merged, or a checkpoint's folder.")
    ],
    name: Annotated[str, typer.Option("--name", "-n", help="The model's name.")],
    why: Annotated[str, typer.Option("--why", help="A note for the history.")] = "",
    as_json: AsJson = False,
) -> None:
    """Register a merged run or a checkpoint as a candidate.

    The files are copied and hashed; the version is the start of their SHA-256, so the same files again are
    the same version. A run is refused unless its merged checkpoint gave the same answers as its adapter.

    Next: vidence finetune evaluate, gate, promote.
    """
    with handle_errors(as_json):
        from finetune.release.opening import open_registry
        from finetune.release.run_folder import find_source

        settings = load_settings()
        found = find_source(settings.root / "finetune" / "runs", source)
        with open_registry(settings) as registry:
            if not as_json:
                err_console().print(f"[dim]copying and hashing {escape(str(found.checkpoint))}[/]")
            record = registry.register(
                name,
                found.checkpoint,
                source=found.source,
                lineage=found.lineage,
                merge=found.merge,
                metrics=found.metrics,
                why=why,
            )
            if as_json:
                emit_json(record.model_dump(mode="json") | {"path": str(registry.path(name, record.version))})
                return
            out_console().print(f"{escape(record.ref)}  {record.bytes / 1e6:.0f} MB, {record.architecture}")
            out_console().print(
                f"[dim]Next: vidence finetune evaluate {escape(record.ref)} --data NAME:dev[/]"
            )


def list_(as_json: AsJson = False) -> None:
    """List the registered models with their stages."""
    with handle_errors(as_json):
        from finetune.release.opening import open_registry

        with open_registry(load_settings()) as registry:
            states = [state for name in registry.names() for state in registry.states(name)]
        if as_json:
            emit_json({"models": [_row(state.model_dump(mode="json")) for state in states]})
            return
        if not states:
            out_console().print("No models yet. Add one: vidence finetune register RUN --name NAME")
            return
        table = Table("model", "version", "stage", "gate", "registered")
        for state in states:
            gate = "-" if state.gate is None else "passed" if state.gate["passed"] else "refused"
            table.add_row(escape(state.name), state.version, state.stage, gate, state.history[0].at)
        out_console().print(table)


def show(model: Ref, as_json: AsJson = False) -> None:
    """Show a model: lineage, figures, files, stage and history."""
    with handle_errors(as_json):
        from finetune.release.opening import open_registry

        with open_registry(load_settings()) as registry:
            state = registry.resolve(model)
            record = registry.record(f"{state.name}@{state.version}")
            folder = registry.path(state.name, state.version)
        body: dict[str, Any] = {
            **record.model_dump(mode="json"),
            "path": str(folder),
            "stage": state.stage,
            "evaluations": state.evaluations,
            "gate": state.gate,
            "history": [event.model_dump(mode="json") for event in state.history],
        }
        if as_json:
            emit_json(body)
            return
        _show(body)


def _row(state: dict[str, Any]) -> dict[str, Any]:
    gate = state["gate"]
    return {
        "name": state["name"],
        "version": state["version"],
        "stage": state["stage"],
        "gate": None if gate is None else gate["passed"],
        "registered": state["history"][0]["at"],
    }


def _show(body: dict[str, Any]) -> None:
    out = out_console()
    out.print(f"[bold]{escape(body['name'])}@{body['version']}[/]  {body['stage']}")
    out.print(f"{body['architecture']}, {body['bytes'] / 1e6:.0f} MB, {len(body['files'])} files")
    out.print(f"[dim]{escape(str(Path(body['path'])))}[/]")
    lineage = {key: value for key, value in body["lineage"].items() if value}
    for key, value in lineage.items():
        out.print(f"  {key}: {escape(', '.join(value) if isinstance(value, list) else str(value))}")
    if body["merge"]:
        merge = body["merge"]
        out.print(
            f"  merged equals adapter: {merge['equal']} of {merge['questions']}, largest logit difference "
            f"{merge['largest_logit_difference']:.2g}"
        )
    for data, figures in body["evaluations"].items():
        accuracy = figures["accuracy"]
        out.print(
            f"  {escape(data)}: {accuracy['value']:.3f} ({accuracy['low']:.3f} to {accuracy['high']:.3f})"
        )
    for event in body["history"]:
        where = f" to {event['body']['to']}" if "to" in event["body"] else ""
        passed = {True: " passed", False: " refused"}.get(event["body"].get("passed"), "")
        out.print(
            f"  {event['at']}  {escape(event['who'])}  {event['kind']}{where}{passed}  {escape(event['why'])}"
        )
