"""`vidence finetune merge`: put what a run trained into its base, and prove that nothing changed."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from core.errors import EXIT_GATE_FAILED, invalid_input
from core.settings import load_settings
from server.cli.counting import counting
from server.cli.finetune_register import AsJson
from server.cli.output import emit_json, handle_errors, out_console


class Dtype(StrEnum):
    """How the merged weights are kept."""

    auto = "auto"
    float32 = "float32"
    float16 = "float16"
    bfloat16 = "bfloat16"


def merge(
    run: Annotated[str, typer.Argument(help="A finished run: its id or its folder.")],
    data: Annotated[
        str, typer.Option("--data", help="Questions to compare on: NAME[:SPLIT]; by default the run's data.")
    ] = "",
    questions: Annotated[int, typer.Option("--questions", min=1, help="How many questions.")] = 50,
    base: Annotated[
        Path | None, typer.Option("--base", help="The checkpoint that training started from.")
    ] = None,
    dtype: Annotated[Dtype, typer.Option(help="Of the merged weights; auto: as in the base.")] = Dtype.auto,
    as_json: AsJson = False,
) -> None:
    """Merge a run's LoRA, projector and tower into its base, as RUN/merged.

    The merged checkpoint as it lies on disk then answers dev questions beside the adapter. When a greedy
    answer differs, the command ends with exit code 1 and the run cannot be registered.

    Next: vidence finetune register RUN --name NAME
    """
    with handle_errors(as_json):
        from finetune.release.merge import base_of, merge_run
        from finetune.release.questions import open_questions
        from finetune.release.run_folder import open_run

        root = load_settings().root
        opened = open_run(root / "finetune" / "runs", run)
        spec = data or next((ref.partition("@")[0] for ref in opened.lineage.data), "")
        if not spec:
            raise invalid_input("The run does not say what it was trained on", help="Give --data NAME:dev.")
        asked = open_questions(root / "finetune" / "data", spec, limit=questions)
        with counting("answering", quiet=as_json) as progress:
            report = merge_run(
                opened, base_of(opened, root, base), asked, dtype=dtype.value, progress=progress
            )
        if as_json:
            emit_json({**report.model_dump(mode="json"), "same": report.same, "path": str(opened.merged)})
        else:
            out_console().print(
                f"{report.equal} of {report.questions} greedy answers are equal; largest logit difference "
                f"{report.largest_logit_difference:.2g} ({escape(report.data)}; {', '.join(report.merged)})"
            )
            out_console().print(f"[dim]{escape(str(opened.merged))}[/]")
        if not report.same:
            raise typer.Exit(EXIT_GATE_FAILED)
