"""`vidence ask`: a question, its answer, and the evidence."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from core.contracts import RunResult
from core.errors import EXIT_ABSTAINED, EXIT_INPUT_REQUIRED, invalid_input
from core.settings import load_settings
from server.cli.output import emit_json, err_console, handle_errors, out_console
from server.cli.progress import Progress
from server.session import AskRequest
from server.session import ask as run_ask


def ask(
    question: Annotated[str, typer.Argument(help="The question; leave it out with --resume.")] = "",
    image: Annotated[
        list[str] | None, typer.Option("--image", "-i", help="An image file; repeat for more.")
    ] = None,
    profile: Annotated[
        str, typer.Option("--profile", "-p", help="general, medical, inspection or code.")
    ] = "",
    collection: Annotated[
        list[str] | None, typer.Option("--collection", "-c", help="Search it; repeat for more.")
    ] = None,
    declared: Annotated[
        list[str] | None, typer.Option("--declared", help="An item that the owner declared.")
    ] = None,
    thread: Annotated[str, typer.Option("--thread", help="The conversation to go on with.")] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Go on after a crash or a stop.")] = False,
    reply: Annotated[
        str | None, typer.Option("--reply", help="Answer the question that the run waits for.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 4 when it abstains.")] = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write an HTML report of the run here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Ask about images, documents or collections; the answer comes with its evidence.

    For example:

      vidence ask "What is the total amount?" --image receipt.jpg

      vidence ask "Which is highest, and by how much?" --image chart.png --report run.html

      vidence ask "How do I resume a run?" --collection docs

      vidence ask --thread ID --resume
    """
    with handle_errors(as_json, stopped="Go on with --resume and the thread's id."):
        if not question and not resume and reply is None:
            raise invalid_input("The question is empty", 'Try: vidence ask "What is the total?" --image FILE')
        settings = load_settings()
        request = AskRequest(
            question=question,
            images=tuple(image or ()),
            profile=profile,
            collections=tuple(collection or ()),
            declared=tuple(declared or ()),
            thread_id=thread,
            resume=resume,
            reply=reply,
        )
        console = err_console()
        progress = Progress(console, quiet=as_json or not console.is_terminal)
        result = asyncio.run(run_ask(settings, request, progress))
        while result.input_required is not None and _can_prompt(as_json):
            answer = _prompt(result)
            again = AskRequest(thread_id=result.thread_id, reply=answer)
            result = asyncio.run(run_ask(settings, again, progress))
        if report is not None:
            from server.report import write_report

            write_report(result, settings, report)
        if as_json:
            emit_json(result.to_json())
        else:
            show(result, out_console())
            if report is not None:
                out_console().print(f"[dim]report: {report}[/]")
        if result.status == "input_required":
            raise typer.Exit(EXIT_INPUT_REQUIRED)
        if result.status == "abstained" and strict:
            raise typer.Exit(EXIT_ABSTAINED)


def show(result: RunResult, console: Console) -> None:
    """Print a result for people."""
    if result.input_required is not None:
        console.print(f"[bold]{escape(result.input_required.question)}[/]")
        for option in result.input_required.options:
            console.print(f"  - {escape(option)}")
        console.print(f'[dim]Answer with: vidence ask --thread {result.thread_id} --reply "..."[/]')
        return
    if result.status == "abstained":
        console.print(f"[yellow]No answer.[/] {escape(result.abstain_reason)}")
    else:
        console.print(f"[bold]{escape(result.answer)}[/]  [dim]({result.confidence:.0%} sure)[/]")
    for number, citation in enumerate(result.citations, 1):
        where = citation.locator
        place = (
            f" box {[round(value) for value in where.box]}"
            if where.box
            else f" lines {where.lines[0]}-{where.lines[1]}"
            if where.lines
            else f" page {where.page}"
            if where.page
            else ""
        )
        console.print(
            f"  [cyan]\\[{number}][/] {escape(citation.source)}{place}: “{escape(citation.quote[:200])}”"
        )
    if result.inspection is not None:
        seen = result.inspection
        console.print(f"  risk [bold]{seen.risk_level}[/], action [bold]{seen.action}[/]: {seen.reasoning}")
    console.print(f"[dim]thread {result.thread_id}, run {result.run_id}[/]")


def _can_prompt(as_json: bool) -> bool:
    return not as_json and sys.stdin.isatty() and sys.stdout.isatty()


def _prompt(result: RunResult) -> str:
    assert result.input_required is not None
    show(result, out_console())
    reply: str = typer.prompt("Your answer")
    return reply
