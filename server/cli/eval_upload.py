"""`vidence eval upload`: a run, or a data set, to LangSmith."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from core.errors import VidenceError, invalid_input, unavailable
from core.settings import Settings, load_settings
from server.cli.counting import counting_stages
from server.cli.output import emit_json, err_console, handle_errors, out_console

if TYPE_CHECKING:
    from evals.langsmith.plan import SuitePlan
    from evals.langsmith.upload import Uploaded


def upload(
    source: Annotated[
        str, typer.Argument(help="A run file, or dataset:NAME (vidence eval dataset).", metavar="RUN")
    ],
    project: Annotated[
        str, typer.Option(help="What data sets and experiments are called first; setting langsmith_project.")
    ] = "",
    with_images: Annotated[
        bool, typer.Option("--with-images", help="Upload the images too, without metadata.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", envvar="VIDENCE_DATA", help="Where images of the public sets lie."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Upload a run to LangSmith: a data set and an experiment with scores for each suite.

    Needs VIDENCE_LANGSMITH_API_KEY (or LANGSMITH_API_KEY). What was sent before is not sent again: examples
    are known by sample and content, so that giving the command twice adds nothing, and after a failure it
    goes on. Personal data is masked by its form (mail, phones, cards, ids; no names). Images stay here unless
    asked for: they may show patients. Scores that are not defined are not sent, and never as 0; failed
    samples are errors there.

      vidence eval upload runs/a.jsonl --project pier
    """
    with handle_errors(as_json, stopped="What was sent is not sent again."):
        settings = load_settings()
        _check_key(settings)
        plans = _plans(source, project or settings.langsmith_project, settings)
        found = send(settings, plans, data=data, with_images=with_images, quiet=as_json)
        if as_json:
            emit_json(
                {"endpoint": settings.langsmith_endpoint, "suites": [one.model_dump() for one in found]}
            )
            return
        _show(found)


def upload_finished(settings: Settings, file: Path, *, quiet: bool) -> None:
    """Upload a run that has just finished, where the setting asks for it; a failure is told and no more."""
    if not settings.langsmith_upload:
        return
    try:
        _check_key(settings)
        found = send(settings, _plans(str(file), settings.langsmith_project, settings), quiet=quiet)
    except VidenceError as error:
        err_console().print(f"[yellow]not uploaded:[/] {escape(error.message)}. {escape(error.help)}")
        return
    if not quiet:
        names = ", ".join(one.experiment for one in found)
        out_console().print(f"uploaded to {settings.langsmith_endpoint}: {names}", markup=False)


def send(
    settings: Settings,
    plans: Sequence[SuitePlan],
    *,
    data: Path | None = None,
    with_images: bool = False,
    quiet: bool,
) -> list[Uploaded]:
    """Send plans to the server of the settings; raises what it refuses."""
    try:
        import langsmith  # noqa: F401
    except ImportError as error:
        raise unavailable(
            "The package langsmith is not installed", help="pip install 'vidence[ops]'", retryable=False
        ) from error
    from evals.langsmith.api import LangSmithApi
    from evals.langsmith.receipts import Receipts
    from evals.langsmith.upload import image_reader
    from evals.langsmith.upload import upload as upload_plans

    images = None
    if with_images:
        folders = [path for path in (data, settings.root) if path]
        images = image_reader(folders, settings.max_image_bytes, settings.max_image_pixels)
    receipts = Receipts(settings.root / "cache" / "langsmith.sqlite")
    api = LangSmithApi(
        settings.langsmith_endpoint, settings.langsmith_api_key, settings.langsmith_workspace_id
    )
    try:
        with counting_stages(quiet, first="data set") as progress:
            return upload_plans(plans, api, receipts, images=images, progress=progress)
    finally:
        api.close()
        receipts.close()


def _check_key(settings: Settings) -> None:
    if not settings.langsmith_api_key:
        raise invalid_input(
            "There is no key for LangSmith", help="Set VIDENCE_LANGSMITH_API_KEY; without it nothing is sent."
        )


def _plans(source: str, project: str, settings: Settings) -> list[SuitePlan]:
    from evals.langsmith.plan import plan_run, plan_samples
    from evals.production.record import MARK
    from evals.production.store import find_set
    from evals.run.file import read_finished

    if source.startswith(MARK):
        found = find_set(settings.root, source)
        samples = [line.sample for line in found.lines()]
        about = f"Rated answers, version {found.info.version}."
        return [plan_samples(samples, f"{project}-{MARK}{found.info.name}", about)]
    return plan_run(read_finished(Path(source)), project)


def _show(found: Sequence[Uploaded]) -> None:
    table = Table("data set", "examples", "experiment", "runs", "scores", "undefined", "failed")
    for one in found:
        table.add_row(
            escape(one.dataset),
            _counts(one.examples, one.examples_there),
            escape(one.experiment) or "-",
            _counts(one.runs, one.runs_there),
            _counts(one.scores, one.scores_there),
            str(one.undefined),
            str(one.failed),
        )
    out_console().print(table)
    left = sum(one.images_left_out for one in found)
    if left:
        out_console().print(f"[dim]{left:,} images were not uploaded (--with-images).[/]")


def _counts(sent: int, there: int) -> str:
    return f"{sent:,} sent" + (f", {there:,} there" if there else "")
