"""`vidence eval dataset`: make eval data sets of rated answers, list and show them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from core.errors import invalid_input
from core.feedback_store import collections_of
from core.images import ImageStore
from core.settings import load_settings
from server.cli.output import emit_json, handle_errors, out_console
from server.clock import stamp, stamp_of
from server.storage.offline import FinishedRuns, open_past

if TYPE_CHECKING:
    from evals.production.record import DatasetInfo

app = typer.Typer(no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_DAYS = re.compile(r"(\d{1,4})d")


class Stars(StrEnum):
    """Which ratings count."""

    up = "up"
    down = "down"
    any = "any"


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the data set is called.")],
    since: Annotated[
        str, typer.Option(help="Ratings of this time and later: 2026-11-01 (ISO 8601, UTC), or 30d.")
    ] = "",
    rating: Annotated[
        Stars, typer.Option(help="up: approved answers; down: corrections; any: both.")
    ] = Stars.any,
    min_agreement: Annotated[
        float, typer.Option(min=0, max=1, help="Share of a question's raters that must agree.")
    ] = 0.6,
    share: Annotated[
        float,
        typer.Option(min=0.001, max=1, help="Share of the questions, by hash; learn from the rest."),
    ] = 1.0,
    training: Annotated[
        list[Path] | None,
        typer.Option(help="A training data set elsewhere to keep away from; may be given often."),
    ] = None,
    exclude_user: Annotated[
        list[str] | None, typer.Option(help="Whose ratings do not count; may be given often.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="A folder; by default the data folder keeps it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an eval data set of rated answers (`vidence feedback`).

    An approved answer, or a correction, is what later versions are held against. Put aside and counted:
    questions on which people do not agree, answers with personal data (in questions it is masked), and
    whatever was trained on: the same run, the same or nearly the same image, the same or nearly the same
    question without an image, in any training data set of the data folder. `vidence finetune incorporate`
    leaves out what is in a data set made here, in turn. The same ratings make the same version.

      vidence eval dataset create march --since 30d --share 0.2
      vidence eval run dataset:march -o march.jsonl
    """
    with handle_errors(as_json):
        from evals.production.create import make_lines
        from evals.production.record import Rules
        from evals.production.store import check_name, write_set
        from evals.production.trained import read_trained, training_folders
        from knowledge.image_prints import PrintCache

        check_name(name)
        settings = load_settings()
        rules = Rules(
            rating=rating.value,
            since=_since(since),
            min_agreement=min_agreement,
            share=share,
            exclude_users=tuple(exclude_user or ()),
        )
        folders = [*training_folders(settings.root), *(path.expanduser() for path in training or ())]
        trained = read_trained(folders, PrintCache(settings.root / "cache" / "prints.db"))
        images = ImageStore.of(settings)
        with open_past(settings) as past:
            rated = list(past.ratings.all(since=rules.since))
            past.bring_images(sha256 for item in rated for sha256 in item.run.images)
            made = make_lines(name, rated, images, trained, rules, _collections(past.runs))
        found = write_set(
            output,
            settings.root,
            name,
            made,
            images,
            rules=rules,
            ratings=len(rated),
            trained_on=trained.names,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        if as_json:
            emit_json(_body(found.info, found.folder))
            return
        _show(found.info, found.folder)
        out_console().print(f"[dim]Next: vidence eval run dataset:{escape(str(output or name))}[/]")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the data sets of the data folder, every version."""
    with handle_errors(as_json):
        from evals.production.store import all_sets

        found = [(one.info, one.folder) for one in all_sets(load_settings().root)]
        if as_json:
            emit_json({"datasets": [_body(info, folder) for info, folder in found]})
            return
        if not found:
            out_console().print("No eval data sets yet. Make one: vidence eval dataset create NAME")
            return
        table = Table("data set", "version", "samples", "put aside", "made")
        for info, _ in found:
            aside = str(sum(info.aside.values()))
            table.add_row(escape(info.name), info.version, str(info.samples), aside, info.created_at)
        out_console().print(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="NAME, NAME@VERSION (or its first digits), or a folder.")],
    samples: Annotated[int, typer.Option(min=0, help="So many samples, with where they come from.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Show a data set: what it was made of, what was put aside, and its first samples with their lineage."""
    with handle_errors(as_json):
        from evals.production.store import find_set

        found = find_set(load_settings().root, name)
        lines = found.lines()[:samples]
        if as_json:
            rows = [line.model_dump(mode="json") for line in lines]
            emit_json({**_body(found.info, found.folder), "lines": rows})
            return
        _show(found.info, found.folder)
        for line in lines:
            answers = " | ".join(line.sample.target["answers"])
            out_console().print(f"{line.sample.id}  {escape(line.sample.input['question'])}")
            runs = ", ".join(line.lineage.run_ids)
            out_console().print(f"  [dim]{line.sample.difficulty}:[/] {escape(answers)}  [dim]runs {runs}[/]")


def _since(text: str) -> str:
    """Return a time as the store compares it: ISO 8601 in UTC."""
    if not text:
        return ""
    if days := _DAYS.fullmatch(text):
        return stamp(datetime.now(UTC) - timedelta(days=int(days[1])))
    try:
        return stamp_of(text)
    except ValueError as error:
        raise invalid_input(f"Not a time: {text}", help="Give 2026-11-01, or 30d.") from error


def _collections(runs: FinishedRuns) -> Callable[[str], Sequence[str]]:
    """Return what looks up where a run searched: ratings of earlier versions do not say it."""

    def of(run_id: str) -> Sequence[str]:
        result = runs.result(run_id)
        return () if result is None else collections_of(result)

    return of


def _body(info: DatasetInfo, folder: Path) -> dict[str, Any]:
    from evals.production.record import summary_of

    return {**summary_of(info), "folder": str(folder)}


def _show(info: DatasetInfo, folder: Path) -> None:
    out = out_console()
    kinds = ", ".join(f"{count} {kind or 'other'}" for kind, count in sorted(info.kinds.items()))
    out.print(f"[bold]{escape(info.ref)}[/]: {info.samples} samples of {info.ratings} ratings ({kinds})")
    for reason, count in sorted(info.aside.items()):
        out.print(f"  put aside: {count} {escape(reason)}")
    against = ", ".join(info.trained_on) or "none there is"
    out.print(f"[dim]held against the training data: {escape(against)}[/]")
    out.print(str(folder), markup=False, soft_wrap=True)
