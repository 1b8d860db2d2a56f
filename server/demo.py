"""`make demo`: real questions about real inputs, each answer checked against the known truth.

    python -m server.demo [--out build/demo]

Exits 1 when an answer is wrong or a citation does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from core.contracts import RunResult
from core.errors import EXIT_GATE_FAILED, VidenceError
from core.settings import Settings
from core.text import find_numbers, squash
from server.cli.ask import show
from server.cli.progress import Progress
from server.demo_inputs import RECEIPT_TOTAL, draw_chart, draw_receipt, draw_shares, save_page
from server.report import write_report
from server.session import AskRequest, ask

DOCS = Path(__file__).resolve().parents[1] / "docs"


@dataclass(frozen=True)
class Question:
    """A demo question: the request, what is right, and a word for its report's file name."""

    name: str
    request: AskRequest
    right: Callable[[RunResult], bool]
    truth: str


def questions(folder: Path) -> list[Question]:
    """Draw or save the inputs and return the questions about them."""
    receipt, chart, page = folder / "receipt.png", folder / "chart.png", folder / "page.png"
    shares = folder / "shares.png"
    draw_receipt(receipt)
    truth = draw_chart(chart)
    draw_shares(shares)
    save_page(page)

    def chart_right(result: RunResult) -> bool:
        numbers = [span.value for span in find_numbers(result.short_answer)]
        near = any(abs(value - truth.lead) <= 0.05 * truth.lead + 0.3 for value in numbers)
        return truth.highest.lower() in result.short_answer.lower() and near

    return [
        Question(
            "receipt",
            AskRequest(question="What is the total amount on this receipt?", images=(str(receipt),)),
            lambda result: result.short_answer == RECEIPT_TOTAL,
            RECEIPT_TOTAL,
        ),
        Question(
            "page",
            AskRequest(question="What is the heading of this page?", images=(str(page),)),
            lambda result: squash("Region-based segmentation") in squash(result.short_answer),
            "Region-based segmentation",
        ),
        Question(
            "chart",
            AskRequest(
                question="Which origin has the highest fuel economy, and by how much?",
                images=(str(chart),),
            ),
            chart_right,
            f"{truth.highest}, by {truth.lead:.1f}",
        ),
        Question(  # for the trained embedded VLM, with its token confidence
            "look",
            AskRequest(question="What type of chart is this?", images=(str(shares),)),
            lambda result: result.short_answer == "pie chart",
            "pie chart",
        ),
        Question(
            "documents",
            AskRequest(
                question="What is the default of max_rounds, and which exit code means that "
                "the agent abstained?",
                collections=("vidence-docs",),
            ),
            lambda result: [int(n.value) for n in find_numbers(result.short_answer)] == [3, 4],
            "3; 4",
        ),
    ]


def cited_well(result: RunResult) -> bool:
    """Return whether there is a citation and every quote occurs in its evidence."""
    content = {item.id: item.content for item in result.evidence}
    return bool(result.citations) and all(
        squash(citation.quote) in squash(content.get(citation.evidence_id, ""))
        for citation in result.citations
    )


def main() -> int:
    """Run the demo and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/demo"))
    folder: Path = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False)
    settings = Settings(home=folder / "home")
    start = time.perf_counter()
    console.print("[bold]Vidence demo[/]: offline, embedded models only")
    console.print("[dim]indexing our own documents into the collection vidence-docs[/]")
    index_docs(settings)
    wrong = [q.name for q in questions(folder) if not _ask(q, settings, folder, console)]
    console.print(f"\n{time.perf_counter() - start:.0f} s. Reports: {folder}/*.html")
    if wrong:
        console.print(f"[bold red]Wrong: {', '.join(wrong)}[/]")
        return EXIT_GATE_FAILED
    console.print("[bold green]Every answer is right and every citation holds.[/]")
    return 0


def index_docs(settings: Settings) -> None:
    """Index our own documents into the collection `vidence-docs`; unchanged files cost nothing."""
    from knowledge.collections import Collections
    from models.embeddings import open_embedder

    collections = Collections(settings.root / "collections", lambda: open_embedder(settings))
    collections.add("vidence-docs", sorted(DOCS.glob("*.md")))


def _ask(question: Question, settings: Settings, folder: Path, console: Console) -> bool:
    console.rule(escape(question.request.question))
    try:
        result = asyncio.run(ask(settings, question.request, Progress(console, quiet=False)))
    except VidenceError as error:
        console.print(f"[red]{escape(error.message)}[/] [dim]{escape(error.help)}[/]")
        return False
    show(result, console)
    path = folder / f"{re.sub('[^a-z]', '', question.name)}.html"
    write_report(result, settings, path)
    good = question.right(result) and cited_well(result)
    mark = "[green]✓ right[/]" if good else "[red]✗ not what we know to be true[/]"
    console.print(f"{mark} (truth: {escape(question.truth)}), report: {path}")
    return good


if __name__ == "__main__":
    sys.exit(main())
