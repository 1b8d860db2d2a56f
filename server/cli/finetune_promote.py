"""`vidence finetune promote`: move a version that the gate has passed."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from core.errors import EXIT_GATE_FAILED, invalid_input
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
    base_run: Annotated[
        Path | None, typer.Option("--base-run", help="An eval run file of what is in production.")
    ] = None,
    new_run: Annotated[
        Path | None, typer.Option("--new-run", help="An eval run file of this very version.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="The gate file; by default evals/gate.yaml as shipped.")
    ] = None,
    why: Annotated[str, typer.Option("--why", help="A note for the history.")] = "",
    as_json: AsJson = False,
) -> None:
    """Promote a version to staging or production.

    Needs the gate's pass for exactly these files (vidence finetune gate), for production against what is in
    production now. Nothing overrides it. The version that was in production becomes a candidate again.

    With --base-run and --new-run the whole agent is compared first, by the gate file's rules for runs. Both
    must be of these very versions, and the decision is kept in the history; a refusal ends with exit code 1.
    A gate file with `promotion: {runs: required}` does not let a version pass without:

      vidence eval run routing pictures charts -o new.jsonl  (with VIDENCE_VLM=openai:URL#NAME@VERSION)
      vidence finetune promote NAME@VERSION --to production --base-run base.jsonl --new-run new.jsonl
    """
    with handle_errors(as_json):
        from evals.gate import load_gate
        from finetune.release.opening import open_registry
        from finetune.release.run_gate import gate_runs

        rules = load_gate(config)
        if (base_run is None) != (new_run is None):
            raise invalid_input("Two runs are compared", help="Give --base-run and --new-run together.")
        with open_registry(load_settings()) as registry:
            runs = None
            if base_run is not None and new_run is not None:
                runs = gate_runs(registry, model, base_run, new_run, rules).body
                if not runs["passed"]:
                    _refused(model, runs["reasons"], runs, as_json)
            required = rules.promotion.runs == "required"
            state = registry.promote(model, to.value, why, runs_required=required)
        if as_json:
            emit_json(state.model_dump(mode="json"))
            return
        if runs is not None:
            out_console().print(f"The eval runs passed in {len(runs['parts'])} comparisons.")
        out_console().print(f"{escape(state.name)}@{state.version} is in {state.stage}")


def _refused(model: str, reasons: list[str], runs: dict[str, object], as_json: bool) -> None:
    if as_json:
        emit_json({"promoted": False, "model": model, "reasons": reasons, "runs": runs})
    else:
        out_console().print(f"{escape(model)}: [red]refused[/] by its eval runs")
        for reason in reasons:
            out_console().print(f"  {escape(reason)}")
    raise typer.Exit(EXIT_GATE_FAILED)
