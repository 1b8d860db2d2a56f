"""`vidence data split` and `check`: splits that share nothing, and nothing of what models are judged on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from core.errors import EXIT_GATE_FAILED, invalid_input
from core.settings import load_settings
from server.cli.counting import counting_stages
from server.cli.data_common import counts_text, open_dataset, show_reasons
from server.cli.output import emit_json, handle_errors, out_console

Name = Annotated[str, typer.Argument(help="The data set's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def split(
    name: Name,
    out: Annotated[str, typer.Option("--out", "-o", help="Name of the data set to make.")],
    dev: Annotated[float, typer.Option(min=0, max=0.9, help="Share for dev.")] = 0.1,
    test: Annotated[float, typer.Option(min=0, max=0.9, help="Share for test.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Draws the shares.")] = 0,
    again: Annotated[bool, typer.Option("--again", help="Draw official splits anew as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """Split a data set so that no image, near-duplicate, group or text is in two splits.

    Official splits stay; rows of train that leak into them are taken out and reported. A row's split follows
    from its image's hash and the seed, so adding rows moves none of the others.
    """
    from finetune.data.apart import apart
    from finetune.data.splits import Shares
    from finetune.data.views import check_target, derive

    with handle_errors(as_json):
        parent, made = open_dataset(name), open_dataset(out)
        check_target(parent, made)
        with counting_stages(as_json) as progress:
            rows, report, step = apart(parent, Shares(dev, test, seed), again=again, progress=progress)
        record = derive(parent, out, made, rows, (step,))
        if as_json:
            emit_json({"name": out, "version": record.version, "splits": record.rows, **report.to_json()})
            return
        out_console().print(
            f"[bold]{escape(out)}[/]@{record.version}: {counts_text(record.rows)}; {report.bundles:,} bundles"
        )
        show_reasons(report.leaks, dict.fromkeys(report.leaks, report.examples))


def check(
    name: Name,
    against: Annotated[
        list[Path],
        typer.Option(envvar="VIDENCE_DATA", help="A folder of evaluation data; repeat for more."),
    ],
    out: Annotated[
        str, typer.Option("--out", "-o", help="Also make this data set, without the rows that overlap.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Look for rows that are also evaluation data; exits with 1 when there are any and --out was not given.

    A row overlaps when its image is there (same file, same pixels, or nearly), or when it has no image and
    its question is there. The eval data sets of the data folder (vidence eval dataset) count without being
    named.
    """
    from evals.production.store import measured_on
    from finetune.data.guard import EvalIndex, check_against, counted
    from finetune.data.rows import Step
    from finetune.data.views import derive, rows_of
    from knowledge.image_prints import PrintCache

    with handle_errors(as_json):
        dataset = open_dataset(name)
        rows = rows_of(dataset)
        known = PrintCache(load_settings().root / "finetune" / "eval_prints.db")
        own = PrintCache(dataset.folder / "prints.db")
        with counting_stages(as_json) as progress:
            index = EvalIndex.of(against, known, progress)
            made = measured_on(load_settings().root, known)
            found = check_against(rows, dataset, index, own)
            known_rows = {one.row for one in found}
            found += [one for one in check_against(rows, dataset, made, own) if one.row not in known_rows]
        if not index.images and not index.questions:
            raise invalid_input(
                f"No image and no question was found in {', '.join(map(str, against))}",
                help="Give folders of evaluation data: images, JSON, JSON lines, CSV, TSV or parquet.",
            )
        reasons = counted(found)
        examples = {
            reason: [f"{one.row}: {one.where}" for one in found if one.reason == reason][:5]
            for reason in reasons
        }
        body = {
            "name": name,
            "rows": len(rows),
            "known_images": index.images + made.images,
            "known_questions": len(index.questions) + len(made.questions),
            "overlap": len(found),
            "reasons": reasons,
            "examples": examples,
        }
        if out and found:
            gone = {one.row for one in found}
            kept = [row for row in rows if row.id not in gone]
            step = Step(
                name="check against evaluation data",
                options={"against": [str(path) for path in against]},
                rows_in=len(rows),
                rows_out=len(kept),
                reasons=reasons,
                examples=examples,
            )
            record = derive(dataset, out, open_dataset(out), kept, (step,))
            body |= {"out": out, "version": record.version, "kept": len(kept)}
        if as_json:
            emit_json(body)
        else:
            out_console().print(
                f"{escape(name)}: {len(found):,} of {len(rows):,} rows are evaluation data "
                f"(looked for {body['known_images']:,} images and {body['known_questions']:,} questions)"
            )
            show_reasons(reasons, examples)
        if found and not out:
            raise typer.Exit(EXIT_GATE_FAILED)
