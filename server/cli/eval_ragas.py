"""`vidence eval ragas`: RAGAS over the answers of a run file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.settings import Settings, load_settings
from server.cli.counting import counting_stages
from server.cli.eval_show import show_run
from server.cli.output import emit_json, err_console, handle_errors

if TYPE_CHECKING:
    from evals.ragas.judge import RagasJudge


def ragas(
    file: Annotated[Path, typer.Argument(help="A run file, as `vidence eval run -o` writes it.")],
    judge: Annotated[
        str | None,
        typer.Option(
            help="`openai:BASE_URL#MODEL` of any OpenAI-compatible server; by default the setting `judge`. "
            "Without one only the metrics that need no model run."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The run file to write; by default FILE.ragas.jsonl."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", envvar="VIDENCE_DATA", help="The folder of the public sets, for images."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many answers a suite.")] = None,
    at_once: Annotated[int, typer.Option(min=1, help="Answers under way at a time.")] = 4,
    max_seconds: Annotated[
        float | None, typer.Option(min=0.1, help="End after so long; goes on later.")
    ] = None,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Take replies that the judge gave to the same content.")
    ] = True,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Judge again what failed in an earlier part of this run.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Score the answers of a run file by RAGAS's metrics; nothing is asked of the agent again.

    With a judge: faithfulness, answer relevancy, context precision and recall, and on images multimodal
    faithfulness and relevance. A score without a value and a request that failed are counted by metric, with
    the reason in the file. The result is a run file itself: `vidence eval report` shows it. What a judge says
    advises; `compare` and `gate` leave it out.
    """
    with handle_errors(as_json):
        from evals.ragas.replay import replayed
        from evals.run.file import read_run
        from evals.run.options import Limits, Options
        from evals.run.registry import Place
        from evals.run.runner import run_suites

        settings = _with_judge(load_settings(), judge)
        judges: list[RagasJudge] = []
        suites = replayed(read_run(file), keep=cache, judges=judges)
        options = Options(
            limit=limit, at_once=at_once, limits=Limits(seconds=max_seconds), retry_errors=retry_errors
        )
        place = Place(settings, data.resolve() if data and data.is_dir() else None)
        target = output or file.with_suffix(".ragas.jsonl")
        with counting_stages(as_json, first="opening") as progress:
            found = run_suites(suites, place, target, options, progress=progress)
        summary = found.summary
        assert summary is not None
        asked = {
            "calls": sum(one.asked.calls for one in judges),
            "kept": sum(one.asked.kept for one in judges),
            "failed": sum(one.asked.failed for one in judges),
            "tokens_in": sum(one.asked.usage.tokens_in for one in judges),
            "tokens_out": sum(one.asked.usage.tokens_out for one in judges),
        }
        if as_json:
            emit_json(
                {
                    "output": str(found.path),
                    "complete": summary.complete,
                    "judge": asked if judges else None,
                    **summary.model_dump(mode="json", exclude={"type"}),
                }
            )
            return
        show_run(found)
        if judges:
            err_console().print(
                f"The judge got {asked['calls']} requests, {asked['failed']} failed, {asked['kept']} replies "
                f"were kept ones; {asked['tokens_in']:,} tokens read, {asked['tokens_out']:,} written"
            )
        err_console().print(f"Wrote {found.path}", markup=False)


def _with_judge(settings: Settings, judge: str | None) -> Settings:
    if judge is None:
        return settings
    from pydantic import ValidationError

    from core.errors import invalid_input

    try:
        return Settings.model_validate({**settings.model_dump(), "judge": judge})
    except ValidationError as error:
        raise invalid_input(f"--judge {judge} names no judge", help="Use openai:BASE_URL#MODEL.") from error
