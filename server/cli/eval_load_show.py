"""What `vidence eval load` shows people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from server.cli.output import err_console, out_console

if TYPE_CHECKING:
    from evals.load.measures import LoadReport
    from evals.load.quantiles import Quantile

_NAMES = {
    "first_event": "first event",
    "first_plan": "first plan",
    "final_answer": "final answer",
    "cancel": "cancel to end",
}
_WRONG_SHOWN = 12
_LATE_MS = 50


def show_load(found: LoadReport, path: Path) -> None:
    """Print times, errors, events and judgements."""
    out = out_console()
    out.print("[dim]milliseconds from when the user came, with 95% intervals[/]")
    for name, one in found.latency_ms.items():
        cells = "  ".join(f"p{quantile.q * 100:g} {_cell(quantile):<22}" for quantile in one.quantiles)
        out.print(f"{_NAMES[name]:<13}  {cells}  n {one.n:,}", soft_wrap=True)
    out.print(
        f"{found.visits:,} questions in {found.seconds:.1f} s: {found.offered_per_s:.2f} came a second, "
        f"{found.finished_per_s:.2f} were answered; {found.finished:,} ended, {found.cancelled:,} cancelled"
    )
    if found.stopped:
        out.print("[yellow]Stopped early[/]: these are the figures until then.")
    if found.errors:
        kinds = ", ".join(f"{count} {code}" for code, count in found.errors.items())
        out.print(f"[red]{sum(found.errors.values()):,} failed[/]: {escape(kinds)}")
    colour = "red" if found.lost_events or found.repeated_events else "green"
    out.print(
        f"[{colour}]{found.lost_events:,} events lost, {found.repeated_events:,} repeated[/] "
        f"of {found.events:,}; "
        f"{found.gap_events:,} in gaps; {found.drops:,} connections dropped by users, {found.breaks:,} broke"
    )
    for name, judged in found.judged.items():
        out.print(f"{name.replace('_', ' ')}: {judged.share:.3f} of {judged.n:,}")
    if found.wrong:
        more = f" and {len(found.wrong) - _WRONG_SHOWN} more" if len(found.wrong) > _WRONG_SHOWN else ""
        out.print(f"[dim]not as they should: {', '.join(found.wrong[:_WRONG_SHOWN])}{more}[/]")
    lag = found.client_lag_ms
    if lag is not None and lag.value > _LATE_MS:
        err_console().print(
            f"[yellow]The simulator itself was up to {lag.value:.0f} ms late (p99): part of these times.[/]"
        )
    if "not_found" in found.errors:
        err_console().print("Does the server have the canaries' collections? vidence eval canaries --index")
    out.print(str(path), markup=False, soft_wrap=True)


def _cell(one: Quantile) -> str:
    low = "?" if one.low is None else f"{one.low:,.0f}"
    high = "?" if one.high is None else f"{one.high:,.0f}"
    return f"{one.value:,.0f} ({low}-{high})"
