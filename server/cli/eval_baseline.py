"""`vidence eval baseline`: the small run file that CI holds new runs against."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.cli.output import emit_json, handle_errors, out_console


def baseline(
    run: Annotated[Path, typer.Argument(help="A finished run file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The small file, to be committed.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Keep of a run what a comparison needs: scores, groups and hashes; no texts, settings or folders.

    The file is a base for `vidence eval compare` and `gate` like the run itself, a tenth of its size. This
    project's own is .ci/eval_base.jsonl; when a suite or a figure changed on purpose, renew it and say why in
    the commit:

      make eval-base
    """
    with handle_errors(as_json):
        from evals.run.file import read_finished
        from evals.run.slim import write_slim

        found = read_finished(run)
        size = write_slim(found, output)
        if as_json:
            emit_json({"output": str(output), "bytes": size, "samples": len(found.records)})
        else:
            out_console().print(f"{len(found.records):,} samples in {size:,} bytes: {output}", markup=False)
