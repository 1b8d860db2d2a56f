"""`vidence eval table`: the leading measures of one run or several, for a document."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.cli.output import emit_json, handle_errors, out_console


def table(
    files: Annotated[list[Path], typer.Argument(help="Run files of any suites.", metavar="FILE...")],
    every: Annotated[bool, typer.Option("--every", help="All measures, not just the leading ones.")] = False,
    into: Annotated[
        Path | None,
        typer.Option(
            "--into",
            help="Put it between the lines `<!-- vidence eval table -->` and `<!-- end of table -->`.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print a Markdown table: each suite with its leading measure, interval and failed samples.

    Of a suite that several files have, the last one counts. Below it stands which code each run was of.

    Next: vidence eval report FILE
    """
    with handle_errors(as_json):
        from core.errors import not_found
        from evals.report.table import leading_table, put_between
        from evals.run.file import read_run

        text = leading_table([read_run(file) for file in files], every=every)
        if into is not None:
            if not into.is_file():
                raise not_found(f"No such file: {into}", help="Give a Markdown file that exists.")
            into.write_text(put_between(into.read_text(encoding="utf-8"), text), encoding="utf-8")
        if as_json:
            emit_json({"table": text, "into": str(into) if into else None})
        elif into is None:
            out_console().print(text, markup=False, soft_wrap=True)
        else:
            out_console().print(f"Wrote the table into {into}", markup=False)
