"""`vidence read`, `chart` and `look`: one image tool at a time, without the agent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from core.images import StoredImage
from core.settings import load_settings
from graph.services import Services, open_services
from server.cli.output import emit_json, handle_errors, out_console

T = TypeVar("T")
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
ImagePath = Annotated[str, typer.Argument(help="A PNG, JPEG, GIF, BMP, TIFF or WebP file.")]


def _with_image(path: str, work: Callable[[Services, StoredImage], Awaitable[T]]) -> T:
    settings = load_settings()

    async def run() -> T:
        services = open_services(settings)
        try:
            stored = await asyncio.to_thread(services.images.add_path, path)
            return await work(services, stored)
        finally:
            await asyncio.to_thread(services.close)

    return asyncio.run(run())


def read(image: ImagePath, as_json: AsJson = False) -> None:
    """Read the lines of text in an image, each with its box in pixels and its score."""
    with handle_errors(as_json):

        async def work(services: Services, stored: StoredImage) -> dict[str, Any]:
            lines = await services.models.ocr(stored.sha256)
            return {
                "image": image,
                "sha256": stored.sha256,
                "width": stored.width,
                "height": stored.height,
                "lines": [line.model_dump(mode="json") for line in lines],
            }

        body = _with_image(image, work)
        if as_json:
            emit_json(body)
            return
        console = out_console()
        for line in body["lines"]:
            console.print(escape(line["text"]))
        if not body["lines"]:
            console.print("[yellow]No text was found.[/]")


def chart(image: ImagePath, as_json: AsJson = False) -> None:
    """Read the table behind a bar, line or pie chart, with a confidence for each value."""
    with handle_errors(as_json):

        async def work(services: Services, stored: StoredImage) -> dict[str, Any]:
            table = await services.models.chart(stored.sha256)
            return table.model_dump(mode="json")

        body = _with_image(image, work)
        if as_json:
            emit_json(body)
            return
        table = Table(title=escape(body["title"] or body["type"]))
        for name in ("series", "category", "value", "confidence"):
            table.add_column(name, justify="right" if name in ("value", "confidence") else "left")
        for row in body["rows"]:
            table.add_row(
                escape(row["series"]),
                escape(row["category"]),
                f"{row['value']:g}",
                f"{row['confidence']:.0%}",
            )
        out_console().print(table)


def look(
    image: ImagePath,
    question: Annotated[str, typer.Argument(help="What to ask the vision model.")],
    as_json: AsJson = False,
) -> None:
    """Ask the vision model about an image; the embedded stand-in says what it can answer."""
    with handle_errors(as_json):

        async def work(services: Services, stored: StoredImage) -> dict[str, Any]:
            from core.errors import VidenceError

            context = services.tool_context("look", {stored.sha256: image})
            args = {"image": stored.sha256, "question": question}
            result = await services.registry.call("look", args, context)
            if result.error is not None:
                error = result.error
                raise VidenceError(error.kind, error.message, help=error.help, retryable=error.retryable)
            seen = result.evidence[0]
            return {
                "answer": seen.content,
                "short_answer": seen.metadata["short_answer"],
                "confidence": seen.score,
                "model": seen.metadata["model"],
                "evidence": [item.model_dump(mode="json") for item in result.evidence],
            }

        body = _with_image(image, work)
        if as_json:
            emit_json(body)
        else:
            out_console().print(f"[bold]{escape(body['answer'])}[/] ({body['confidence']:.0%} sure)")
