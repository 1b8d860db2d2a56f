"""`vidence data curate` and `dedup`: a better data set out of one that is there, and what went and why."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from core.errors import invalid_input
from server.cli.counting import counting_stages
from server.cli.data_common import counts_text, open_dataset, show_reasons
from server.cli.output import emit_json, handle_errors, out_console

if TYPE_CHECKING:
    from finetune.data.curate import Curation

Name = Annotated[str, typer.Argument(help="The data set's name.")]
Out = Annotated[str, typer.Option("--out", "-o", help="Name of the data set to make.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Near = Annotated[bool, typer.Option("--near/--exact", help="Whether what is nearly the same goes too.")]


class EngineChoice(StrEnum):
    """Where the work per row runs."""

    local = "local"
    ray = "ray"


class Personal(StrEnum):
    """What becomes of personal data."""

    drop = "drop"
    mask = "mask"
    keep = "keep"


def curate(
    name: Name,
    out: Out,
    near: Near = True,
    min_quality: Annotated[float, typer.Option(min=0, max=1, help="Least quality of a row.")] = 0.5,
    min_side: Annotated[int, typer.Option(min=0, help="Least width and height of an image, pixels.")] = 16,
    min_spread: Annotated[
        float, typer.Option(min=0, help="Least deviation of grey values; below 2 a page is blank.")
    ] = 2.0,
    min_sharp: Annotated[
        float, typer.Option(min=0, help="Least sharpness (variance of the Laplacian); 0 keeps all.")
    ] = 0.0,
    max_question: Annotated[int, typer.Option(min=0, help="Most characters of a question.")] = 20_000,
    max_answer: Annotated[int, typer.Option(min=0, help="Most characters of an answer.")] = 4_000,
    language: Annotated[
        list[str] | None, typer.Option(help="Keep questions in this language (en, de, ...); repeat for more.")
    ] = None,
    nsfw: Annotated[
        float, typer.Option(min=0, max=1, help="Drop images from this probability on (try 0.8); 0 is off.")
    ] = 0.0,
    personal: Annotated[
        Personal, typer.Option(help="Rows with personal data: drop them, mask it, or keep it.")
    ] = Personal.drop,
    personal_kind: Annotated[
        list[str] | None,
        typer.Option(
            help="What counts: email, card, iban, national_id, ip, phone, url; all but url by default."
        ),
    ] = None,
    names: Annotated[bool, typer.Option("--names", help="Names of people count as well (spaCy).")] = False,
    engine: Annotated[EngineChoice, typer.Option(help="Where rows are judged.")] = EngineChoice.local,
    as_json: AsJson = False,
) -> None:
    """Make a data set without broken, repeated, poor, unsafe and personal rows, and report what went and why.

    The report lies in the new data set's folder (curation.md, curation.json) and in its record. Examples
    never show the personal data that was found.

    Example: vidence data curate rad --out rad-clean --language en --nsfw 0.8
    """
    from core.personal import DEFAULT_KINDS, KINDS
    from finetune.data.curate import curate as run
    from finetune.data.engines import open_engine
    from finetune.data.marks import Thresholds
    from finetune.data.views import check_target

    with handle_errors(as_json):
        kinds = tuple(personal_kind or DEFAULT_KINDS) if personal is not Personal.keep else ()
        unknown = sorted(set(kinds) - set(KINDS))
        if unknown:
            raise invalid_input(
                f"No kind of personal data is called {', '.join(unknown)}",
                help=f"There are {', '.join(KINDS)}.",
            )
        thresholds = Thresholds(
            quality=min_quality,
            side=min_side,
            spread=min_spread,
            sharp=min_sharp,
            question=max_question,
            answer=max_answer,
            languages=tuple(language or ()),
            nsfw=nsfw,
            personal=kinds,
            masks=personal is Personal.mask,
            names=names and personal is not Personal.keep,
        )
        check_target(open_dataset(name), open_dataset(out))
        with counting_stages(as_json) as progress:
            result = run(
                open_dataset(name),
                thresholds,
                near=near,
                engine=open_engine(engine.value, progress),
                progress=progress,
            )
        _write(name, out, result, as_json)


def dedup(name: Name, out: Out, near: Near = True, as_json: AsJson = False) -> None:
    """Make a data set in which no row says the same twice.

    Exact: the same pixels, question and answer. Near: nearly the same image, the question but for articles,
    the same answer; of long texts those that are nearly the same with the same numbers and answer.
    """
    from finetune.data.curate import dedup as run
    from finetune.data.views import check_target

    with handle_errors(as_json):
        check_target(open_dataset(name), open_dataset(out))
        with counting_stages(as_json) as progress:
            result = run(open_dataset(name), near=near, progress=progress)
        _write(name, out, result, as_json)


def _write(name: str, out: str, result: Curation, as_json: bool) -> None:
    from finetune.data.curate import write_curated
    from finetune.data.report import report_json, write_report

    made = open_dataset(out)
    record = write_curated(open_dataset(name), out, made, result)
    write_report(made, record, result.steps)
    if as_json:
        emit_json({**report_json(record, result.steps), "report": str(made.folder / "curation.md")})
        return
    console = out_console()
    before = result.steps[0].rows_in if result.steps else 0
    console.print(
        f"[bold]{escape(out)}[/]@{record.version}: {sum(record.rows.values()):,} rows of {before:,} "
        f"({counts_text(record.rows)})"
    )
    _show_steps(result)
    console.print(f"[dim]{escape(str(made.folder / 'curation.md'))}[/]", soft_wrap=True)


def _show_steps(result: Curation) -> None:
    steps: Sequence[object] = result.steps
    if not steps:
        return
    for step in result.steps:
        if step.reasons:
            out_console().print(f"{escape(step.name)}: {step.rows_in:,} to {step.rows_out:,}")
            show_reasons(step.reasons, step.examples)
