"""`vidence finetune queue`: what is worth labelling, found in runs and in pools of questions."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from core.errors import EXIT_UNAVAILABLE, invalid_input
from core.images import ImageStore
from core.settings import Settings, load_settings
from server.cli.output import emit_json, err_console, handle_errors, out_console
from server.storage.offline import open_past

if TYPE_CHECKING:
    from finetune.loop.queue import CandidateQueue

app = typer.Typer(no_args_is_help=True)
_EXAMPLES = 5
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


class States(StrEnum):
    """Where a candidate stands."""

    new = "new"
    exported = "exported"
    labelled = "labelled"
    rejected = "rejected"
    used = "used"


class Measures(StrEnum):
    """How unsure an answer is, from the log-probabilities of its tokens."""

    entropy = "entropy"
    least_confidence = "least_confidence"
    margin = "margin"


def open_queue(settings: Settings) -> CandidateQueue:
    """Return the queue of the data folder."""
    from finetune.loop.queue import CandidateQueue

    return CandidateQueue.under(settings.root)


def open_images(settings: Settings) -> ImageStore:
    """Return the image store of the data folder."""
    return ImageStore.of(settings)


@app.command()
def fill(
    pool: Annotated[
        Path | None,
        typer.Option(help='Also ask these questions of the served VLM: JSON lines {"question", "image"?}.'),
    ] = None,
    measure: Annotated[Measures, typer.Option(help="For the pool: how to measure.")] = Measures.entropy,
    unsure: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Uncertainty from which an answered run is a candidate.")
    ] = 0.5,
    beta: Annotated[
        float, typer.Option(min=0.0, help="How much it counts that others ask the like; 0: not at all.")
    ] = 0.5,
    near: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Cosine from which two questions are neighbours.")
    ] = 0.6,
    as_json: AsJson = False,
) -> None:
    """Fill the queue from finished runs: unsure answers, abstentions, and what was rated down.

    Every candidate is then scored: uncertainty times density to the power of beta. Filling again changes
    nothing but the scores.
    """
    from finetune.loop.fill import from_pool, from_runs, rank, read_pool
    from finetune.loop.served_answers import open_answerer
    from models.embeddings import open_embedder

    with handle_errors(as_json):
        settings = load_settings()
        queue = open_queue(settings)
        with open_past(settings) as past:
            results = list(past.runs.all())
            found = list(from_runs(results, past.ratings.all(), unsure=unsure))
            past.bring_images(item.image_sha256 for item in found if item.image_sha256)
            counts = queue.add(found)
        skipped: list[str] = []
        if pool is not None:
            answerer = open_answerer(settings)
            asked = from_pool(
                read_pool(pool),
                pool.parent,
                answerer,
                open_images(settings),
                measure=measure.value,
                skipped=skipped.append,
            )
            for item in asked:
                # One at a time: a server that stops answering loses nothing of what it answered before.
                for name, count in queue.add([item]).items():
                    counts[name] += count
        others = [result.question for result in results]
        waiting = rank(queue, open_embedder(settings), beta=beta, near=near, asked=others)
        body = {
            "runs": len(results),
            **counts,
            "skipped": len(skipped),
            "waiting": waiting,
            "states": queue.counts(),
        }
        for why in skipped[:_EXAMPLES]:
            err_console().print(f"[yellow]left out[/] {escape(why)}", soft_wrap=True)
        _show(body, as_json)


@app.command("list")
def list_(
    state: Annotated[
        list[States] | None, typer.Option("--state", help="Only these states; repeat for more.")
    ] = None,
    limit: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List candidates, the best to label first."""
    with handle_errors(as_json):
        queue = open_queue(load_settings())
        items = queue.items(*(one.value for one in state or ()))[:limit]
        if as_json:
            emit_json({"states": queue.counts(), "items": [item.model_dump(mode="json") for item in items]})
            return
        # The id is copied into other commands: it is never cut.
        whole = (Column("candidate", no_wrap=True), Column("state", no_wrap=True))
        folded = [Column(name, overflow="fold") for name in ("why", "question", "answer")]
        table = Table(*whole, "score", "unsure", "density", *folded)
        for item in items:
            table.add_row(
                item.id,
                item.state,
                f"{item.score:.2f}",
                f"{item.uncertainty:.2f}",
                f"{item.density:.2f}",
                ", ".join(item.reasons),
                escape(item.question[:60]),
                escape(item.answer[:30]),
            )
        out_console().print(table)
        _show(queue.counts(), as_json)


@app.command()
def propose(
    role: Annotated[str, typer.Option(help="The model role to ask: answerer, judge or vlm.")] = "judge",
    limit: Annotated[int, typer.Option("-n", min=1, help="How many candidates, best first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Let a served chat model propose answers, and keep those that pass the check.

    A proposal counts when it quotes the run's evidence, or when the model gives it twice. It is a label of
    the user chat:MODEL, which counts only where no person spoke. After a stop, run it again:
    only what is open is asked.
    """
    from finetune.loop.propose import propose as ask_for_answers
    from finetune.loop.queue import QueueItem
    from models.chat import open_chat

    with handle_errors(as_json):
        settings = load_settings()
        served = str(getattr(settings, role, ""))
        if not served.startswith("openai:"):
            raise invalid_input(
                f"The role `{role}` is not a served model",
                help=f"Set VIDENCE_{role.upper()}=openai:BASE_URL#MODEL.",
            )
        chat = open_chat(served, api_key=settings.model_api_key, timeout_s=settings.model_timeout_s)
        queue = open_queue(settings)
        items = queue.items("new", "exported")[:limit]
        with open_past(settings) as past:

            def evidence_of(item: QueueItem) -> list[str]:
                results = [past.runs.result(run_id) for run_id in item.run_ids]
                # What a vision model said about the image is no proof of what it shows.
                return [one.content for run in results if run for one in run.evidence if one.kind != "vlm"]

            report = ask_for_answers(queue, items, chat, evidence_of, open_images(settings).path)
        _show({**report.model_dump(mode="json"), "states": queue.counts()}, as_json)
        if report.stopped:
            raise typer.Exit(EXIT_UNAVAILABLE)


@app.command()
def reject(
    candidate: Annotated[list[str], typer.Argument(help="Candidates that are not worth labelling.")],
    as_json: AsJson = False,
) -> None:
    """Take candidates out: they are not asked of people, and not filled in again."""
    _move(candidate, "rejected", as_json)


@app.command()
def release(
    candidate: Annotated[list[str], typer.Argument(help="Candidates to bring back.")],
    as_json: AsJson = False,
) -> None:
    """Bring exported or rejected candidates back to the new ones."""
    _move(candidate, "new", as_json)


def _move(ids: Sequence[str], state: Any, as_json: bool) -> None:
    with handle_errors(as_json):
        if not ids:
            raise invalid_input("No candidate named", help="List them: vidence finetune queue list")
        queue = open_queue(load_settings())
        _show({"changed": queue.move(ids, state), "states": queue.counts()}, as_json)


def _show(body: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit_json(body)
        return
    for name, value in body.items():
        shown = (
            ", ".join(f"{count} {key}" for key, count in value.items()) if isinstance(value, dict) else value
        )
        out_console().print(f"{name}: {shown}")
