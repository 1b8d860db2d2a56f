"""`vidence data list`, `stats`, `verify` and `lineage`: what there is and where from."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from core.errors import EXIT_GATE_FAILED, VidenceError
from core.settings import load_settings
from server.cli.counting import counting_stages
from server.cli.data_common import counts_text, open_dataset, show_reasons
from server.cli.output import emit_json, handle_errors, out_console

Name = Annotated[str, typer.Argument(help="The data set's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def list_(as_json: AsJson = False) -> None:
    """List the data sets there are."""
    from finetune.data.dataset import Dataset

    with handle_errors(as_json):
        root = load_settings().root / "finetune" / "data"
        found = []
        for folder in sorted(root.iterdir()) if root.is_dir() else ():
            try:
                found.append(Dataset(folder).record)
            except VidenceError:
                continue
        if as_json:
            emit_json({"datasets": [one.model_dump(mode="json", exclude={"steps"}) for one in found]})
            return
        # Names are copied into commands: they are never cut.
        names = (Column("data set", no_wrap=True), Column("version", no_wrap=True))
        table = Table(*names, "rows", "kinds", "licences", Column("made of", overflow="fold"))
        for one in found:
            licences = ", ".join(escape(licence) for licence in one.licences)
            row = (one.name, one.version, counts_text(one.rows), counts_text(one.kinds), licences)
            table.add_row(*row, ", ".join(one.parents))
        out_console().print(table)


def stats(name: Name, as_json: AsJson = False) -> None:
    """Show what a data set holds: splits, kinds, answers, and what a model gets without looking."""
    from finetune.data.stats import stats as run

    with handle_errors(as_json):
        dataset = open_dataset(name)
        body = run(dataset.record, dataset.rows())
        if as_json:
            emit_json(body)
            return
        for key, value in body.items():
            shown = _inline(value)
            out_console().print(f"{key}: {shown}", soft_wrap=True, markup=False)


def verify(name: Name, as_json: AsJson = False) -> None:
    """Check every row, image, hash and box of a data set; exits with 1 when something is wrong."""
    from finetune.data.verify import verify as run

    with handle_errors(as_json):
        with counting_stages(as_json) as progress:
            verdict = run(open_dataset(name), progress)
        if as_json:
            emit_json(verdict.to_json())
        else:
            state = "[green]good[/]" if verdict.ok else "[red]not good[/]"
            out_console().print(f"{escape(name)}: {state}, {verdict.rows:,} rows, {verdict.images:,} images")
            show_reasons(verdict.problems, verdict.examples)
        if not verdict.ok:
            raise typer.Exit(EXIT_GATE_FAILED)


def lineage(
    item: Annotated[str, typer.Argument(help="A data set's name, or a row's id.")], as_json: AsJson = False
) -> None:
    """Show where a row or a data set came from: parents, source file, licence, converter, every step."""
    from finetune.data.lineage import lineage as run

    with handle_errors(as_json):
        body = run(load_settings().root / "finetune" / "data", item)
        if as_json:
            emit_json(body)
        else:
            _tree(body, 0)


def _tree(body: dict[str, Any], depth: int) -> None:
    pad = "  " * depth
    for key, value in body.items():
        if key in ("parents", "datasets"):
            for one in value:
                out_console().print(f"{pad}{'made of' if key == 'parents' else 'in'}:")
                _tree(one, depth + 1)
        elif key == "steps":
            for step in value:
                went = ", ".join(f"{count:,} {reason}" for reason, count in step["reasons"].items())
                told = f"{step['rows_in']:,} to {step['rows_out']:,}" + (f" ({went})" if went else "")
                out_console().print(f"{pad}step {escape(step['name'])}: {escape(told)}")
        elif value not in (None, "", [], {}):
            out_console().print(f"{pad}{key}: {escape(_inline(value))}")


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_inline(one)}" for key, one in value.items())
    if isinstance(value, list):
        return "; ".join(_inline(one) for one in value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
