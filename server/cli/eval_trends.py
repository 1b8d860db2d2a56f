"""What `vidence eval trends` shows: the runs, and a line a measure with a column a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from server.cli.output import out_console

if TYPE_CHECKING:
    from evals.compare.trends import Trend
    from evals.run.file import Run

SHOWN = 6
"""The last runs that a terminal has room for; --json has all."""


def trends_body(runs: Sequence[Run], found: Sequence[Trend]) -> dict[str, Any]:
    """Return runs and trends as JSON."""
    return {
        "runs": [_about(run) for run in runs],
        "trends": [
            {**one.model_dump(mode="json"), "breaks": list(one.breaks), "change": one.change} for one in found
        ],
    }


def show_trends(runs: Sequence[Run], found: Sequence[Trend]) -> None:
    """Print the runs, and every measure over them."""
    out = out_console()
    first = max(0, len(runs) - SHOWN)
    for place, run in enumerate(runs):
        about = _about(run)
        commit = f"{about['commit']}{' with changes' if about['dirty'] else ''}" if about["commit"] else "-"
        out.print(f"{place + 1}  {about['started']}  {commit}  {about['file']}", markup=False)
    if first:
        out.print(f"[dim]The last {SHOWN} are shown; --json has all.[/]")
    table = Table("suite", "metric", *(str(place + 1) for place in range(first, len(runs))), "change")
    for one in found:
        table.add_row(escape(one.suite), escape(one.metric), *_cells(one, first, len(runs)), _change(one))
    out.print(table)
    if any(one.breaks for one in found):
        out.print("[dim]|: other samples, or another measure, than in the run before; counted from there.[/]")


def _cells(one: Trend, first: int, count: int) -> list[str]:
    marks = {one.points[at].run for at in one.breaks}
    values = {point.run: f"{'| ' if point.run in marks else ''}{point.value:.3f}" for point in one.points}
    return [values.get(place, "-") for place in range(first, count)]


def _change(one: Trend) -> str:
    if len(one.points) - (one.breaks[-1] if one.breaks else 0) < 2:
        return "-"
    better = (one.change > 0) == one.higher_is_better
    colour = "" if abs(one.change) < 0.0005 else "[green]" if better else "[red]"
    return f"{colour}{one.change:+.3f}{'[/]' if colour else ''}"


def _about(run: Run) -> dict[str, Any]:
    code = run.header.code
    return {
        "file": run.path.name,
        "started": run.header.started,
        "commit": code.commit[:10],
        "dirty": code.dirty,
        "code": code.sha256[:12],
    }
