"""What `vidence eval` shows people: suites, runs, comparisons and trends as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from server.cli.output import err_console, out_console

if TYPE_CHECKING:
    from evals.compare.decide import Comparison
    from evals.run.file import Run

_VERDICTS = {"regressed": "[red]regressed[/]", "improved": "[green]improved[/]", "same": "same"}


def show_suites(rows: Sequence[dict[str, Any]]) -> None:
    """Print the suites."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("suite", "family", "samples"):
        table.add_column(name, overflow="fold", min_width=len(name))
    table.add_column("what it measures")
    for row in rows:
        skipped = f"needs {row['missing']}" if row["missing"] else row["skipped"]
        count = f"[yellow]{escape(skipped)}[/]" if skipped else f"{row['samples']:,}"
        table.add_row(escape(row["name"]), escape(row["family"]), count, escape(row["description"]))
    out_console().print(table)


def show_run(run: Run) -> None:
    """Print the figures of whole suites, and what went wrong."""
    summary = run.summary
    assert summary is not None
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("suite", "metric"):
        table.add_column(name, overflow="fold")
    for name in ("samples", "value", "95% interval", "failed", "no value"):
        table.add_column(name, justify="right", no_wrap=name in ("samples", "value", "95% interval"))
    for one in summary.figures:
        if one.by:
            continue
        value = "-" if one.value is None else f"{one.value:.3f}"
        between = "-" if one.low is None or one.high is None else f"{one.low:.3f} to {one.high:.3f}"
        failed = f"[red]{one.errors}[/]" if one.errors else "0"
        failed += f" ({one.timeouts} timeouts)" if one.timeouts else ""
        arrow = "" if one.higher_is_better else " [dim](lower is better)[/]"
        table.add_row(
            escape(one.suite),
            escape(one.metric) + arrow,
            f"{one.n:,}",
            value,
            between,
            failed,
            str(one.undefined),
        )
    out_console().print(table)
    for skip in run.header.skipped:
        err_console().print(f"[yellow]skipped[/] {escape(skip.suite)}: {escape(skip.reason)}")
    for metric, count, why in _without_score(run):
        err_console().print(f"[yellow]no score[/] {escape(metric)}: {count} times, {escape(why)}")
    if summary.failed:
        kinds = ", ".join(f"{count} {kind}" for kind, count in summary.errors.items())
        err_console().print(f"[red]{summary.failed} samples failed[/] ({kinds}); they count as wrong")
    if not summary.complete:
        why = summary.stop.replace("_", " ") or "stopped"
        err_console().print(
            f"[yellow]{why}:[/] {summary.done:,} of {summary.total:,} are finished; the same command goes on"
        )
    reused = f", {summary.reused:,} finished before" if summary.reused else ""
    cached = f", {summary.cached:,} answers from the cache" if summary.cached else ""
    out_console().print(f"{summary.done:,} samples in {summary.seconds:.1f} s{reused}{cached}")
    out_console().print(str(run.path), markup=False, soft_wrap=True)


def _without_score(run: Run) -> list[tuple[str, int, str]]:
    """Return the measures that alone have no score somewhere, how often, and why, the most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    for record in run.records:
        for metric, reason in record.scored.reasons.items():
            counts[metric, reason.message if reason.kind == "undefined" else reason.kind] += 1
    return [(metric, count, why) for (metric, why), count in counts.most_common()]


def show_comparison(found: Comparison) -> None:
    """Print every part of a comparison, and why it did not pass."""
    out = out_console()
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("part", overflow="fold")
    for name in ("samples", "base, new", "difference", "notices", "verdict"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.parts:
        change = one.difference
        table.add_row(
            escape(f"{one.suite or one.family + ' (all)'} {one.metric}"),
            f"{one.n:,}" if one.n == one.groups else f"{one.n:,}/{one.groups:,}",
            f"{one.base:.3f}, {one.new:.3f}",
            f"{change.value:+.3f} ({change.low:+.2f}, {change.high:+.2f})",
            "-" if one.detectable > 1 else f"{one.detectable:.3f}",
            _VERDICTS[one.verdict],
        )
    out.print(table)
    for note in found.notes:
        out.print(f"[dim]{escape(note)}[/]")
    out.print("[dim]notices: the least fall that would have been noticed with this many samples.[/]")
    sizes = ", ".join(f"{count:,} for {float(fall):.0%}" for fall, count in found.sizes.items())
    out.print(f"[dim]Samples a part needs to notice a fall, in {found.comparisons} comparisons: {sizes}.[/]")
    for reason in found.reasons:
        out.print(f"[red]-[/] {escape(reason)}")
    out.print("[green]passed[/]" if found.passed else "[red]refused[/]")
