"""`vidence finetune incorporate`: feedback, corrections and labels become a new data version."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from core.settings import load_settings
from server.cli.finetune_queue import open_images, open_queue
from server.cli.output import emit_json, err_console, handle_errors, out_console
from server.storage.offline import open_ratings

if TYPE_CHECKING:
    from finetune.loop.incorporate import IncorporateReport


def incorporate(
    out: Annotated[str, typer.Option("--out", help="Name of the new data set.")],
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            help="feedback, queue (both by default), or a file of JSON lines: corrections, or ratings as "
            "GET /v1/feedback exports them; repeatable.",
        ),
    ] = None,
    onto: Annotated[
        list[str] | None,
        typer.Option("--onto", help="A data set whose rows come along; settled answers replace theirs."),
    ] = None,
    held_out: Annotated[
        list[str] | None,
        typer.Option("--held-out", help="A data set for measuring only, name or folder; repeatable."),
    ] = None,
    evaluation: Annotated[
        list[Path] | None,
        typer.Option(
            "--evaluation",
            envvar="VIDENCE_DATA",
            help="A folder of evaluation data in any format; repeatable. By default what eval runs on.",
        ),
    ] = None,
    agreement: Annotated[
        float, typer.Option(min=0.5, max=1.0, help="Share of users that an answer needs where they differ.")
    ] = 0.6,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude-user", help="A user whose votes do not count.")
    ] = None,
    confirmed: Annotated[
        bool, typer.Option("--confirmed/--no-confirmed", help="Learn from answers that were rated up, too.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a new data version of what people said; the stores stay as they are.

    Where users differ the majority counts, and what stays open is shown. Left out and counted: rows that a
    set for measuring holds (dev and test splits of every data set, --held-out, --evaluation; the same image,
    or nearly, or the same question without one), personal data, lost images. Suspicious users are named.
    For example:

      vidence finetune incorporate --from feedback --from queue --onto base --out base-2
    """
    from finetune.loop.gather import Request, make
    from finetune.loop.measured import Habits, measured_answers
    from finetune.release.opening import open_registry

    with handle_errors(as_json):
        settings = load_settings()
        request = Request(
            out=out,
            sources=tuple(sources or ("feedback", "queue")),
            onto=tuple(onto or ()),
            held_out=tuple(held_out or ()),
            evaluation=tuple(map(str, evaluation or ())),
            agreement=agreement,
            exclude=tuple(exclude or ()),
            confirmed=confirmed,
        )
        with open_registry(settings) as registry:
            habits = Habits(measured_answers(registry, registry.names()))
        report = make(
            settings.root,
            request,
            lambda: open_ratings(settings, images=True),
            open_queue(settings),
            open_images(settings),
            habits,
        )
        if as_json:
            emit_json(report.model_dump(mode="json"))
        else:
            show(report)


def show(report: IncorporateReport) -> None:
    """Print a report for people."""
    console = out_console()
    console.print(
        f"[bold]{escape(report.name)}@{report.version}[/]: {report.rows} rows of {report.votes} votes"
    )
    console.print(
        f"  {report.merged} votes merged, {report.replaced} rows replaced, {report.preferences} preferences"
    )
    for kind, count in sorted(report.kinds.items()):
        console.print(f"  {kind}: {count}")
    for reason, count in report.left_out.items():
        console.print(f"  left out, {escape(reason)}: {count}")
    for conflict in report.conflicts[:10]:
        said = ", ".join(f"{answer} ({count})" for answer, count in conflict.answers.items())
        console.print(f"  [yellow]no agreement[/] on {escape(conflict.question)}: {escape(said)}")
    if len(report.conflicts) > 10:
        console.print(f"  and {len(report.conflicts) - 10} more without agreement")
    for item in report.suspicions:
        err_console().print(f"[yellow]suspicious[/] {escape(item.user)}: {escape(item.detail)}")
    if report.suspicions:
        err_console().print("[dim]Nothing was dropped for it; see --exclude-user.[/]")
