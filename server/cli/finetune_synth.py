"""`vidence finetune synth`: make training data, from drawings, labels, captions and code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from core.errors import invalid_input
from core.settings import Settings, load_settings
from server.cli.output import GOES_ON, emit_json, err_console, handle_errors, out_console

if TYPE_CHECKING:
    from finetune.data.dataset import Dataset
    from finetune.synth.made import MakerFactory
    from finetune.synth.run import SynthReport

app = typer.Typer(no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Out = Annotated[
    str,
    typer.Option("--out", "-o", help="Name of the data set in the data folder, or a folder (with a slash)."),
]
Count = Annotated[int, typer.Option("--count", "-n", help="How many pictures.")]
Seed = Annotated[int, typer.Option("--seed", help="The same seed makes the same data set, to the bit.")]
Workers = Annotated[int, typer.Option("--workers", help="Drawing processes at once; the result is the same.")]
Questions = Annotated[int, typer.Option("--questions", help="Questions a picture, at most.")]
Shares = Annotated[
    str, typer.Option("--shares", help="Parts for train, dev and test; 0,0,1 makes test alone.")
]
Preview = Annotated[
    Path | None, typer.Option("--preview", help="Also write an HTML page with pictures and their questions.")
]


@app.command()
def charts(
    out: Out,
    count: Count = 1000,
    seed: Seed = 0,
    workers: Workers = 1,
    questions: Questions = 8,
    light: Annotated[
        float, typer.Option("--light", help="Share drawn by the fast light renderer instead of matplotlib.")
    ] = 0.5,
    shares: Shares = "8,1,1",
    by: Annotated[
        str, typer.Option("--by", help="`template`, or `chat`: the answerer role writes code and questions.")
    ] = "template",
    preview: Preview = None,
    as_json: AsJson = False,
) -> None:
    """Draw charts and ask about them: type, marks, highest and lowest, trend, comparison, colours, readings.

    The plotting code is written from a table and run in a process without network, files or time to waste.
    Train, dev and test have different tables and different drawing styles. Run it again after a kill:
    it goes on where it was.

        vidence finetune synth charts --out charts --count 5000 --seed 1 --preview charts.html
    """
    with handle_errors(as_json, stopped=GOES_ON):
        from finetune.synth.charts import VERSION, ChartMaker

        settings = load_settings()
        parts = read_shares(shares)
        cache = settings.root / "cache" / "matplotlib"
        if by == "chat":
            from server.cli.finetune_synth_chat import chat_charts

            chat_charts(settings, out, count, seed, parts, cache, preview, as_json)
            return
        if by != "template":
            raise invalid_input(f"--by {by} is unknown", help="Use template or chat.")
        options = {"maker": VERSION, "seed": seed, "shares": parts, "questions": questions, "light": light}
        make_data_set(
            settings, out, lambda: ChartMaker(seed, cache, shares=parts, questions=questions, light=light),
            count, options, workers, preview, as_json,
        )  # fmt: skip


@app.command()
def tables(
    out: Out,
    count: Count = 1000,
    seed: Seed = 0,
    workers: Workers = 1,
    questions: Questions = 8,
    shares: Shares = "8,1,1",
    preview: Preview = None,
    as_json: AsJson = False,
) -> None:
    """Draw tables and ask for cells, extremes, sums and sizes; each answer has its box."""
    _documents("tables", out, count, seed, workers, questions, shares, preview, as_json)


@app.command()
def receipts(
    out: Out,
    count: Count = 1000,
    seed: Seed = 0,
    workers: Workers = 1,
    questions: Questions = 8,
    shares: Shares = "8,1,1",
    preview: Preview = None,
    as_json: AsJson = False,
) -> None:
    """Draw receipts and ask for company, address, date, total, tax, change, items; each with its box."""
    _documents("receipts", out, count, seed, workers, questions, shares, preview, as_json)


@app.command()
def pages(
    out: Out,
    count: Count = 1000,
    seed: Seed = 0,
    workers: Workers = 1,
    questions: Questions = 8,
    shares: Shares = "8,1,1",
    preview: Preview = None,
    as_json: AsJson = False,
) -> None:
    """Draw pages with headings and facts and ask what they say; each answer has its box."""
    _documents("pages", out, count, seed, workers, questions, shares, preview, as_json)


def _documents(
    kind: str,
    out: str,
    count: int,
    seed: int,
    workers: int,
    questions: int,
    shares: str,
    preview: Path | None,
    as_json: bool,
) -> None:
    with handle_errors(as_json, stopped=GOES_ON):
        from finetune.synth.documents.maker import VERSION, DocumentMaker

        parts = read_shares(shares)
        options = {"maker": f"{VERSION}:{kind}", "seed": seed, "shares": parts, "questions": questions}
        make_data_set(
            load_settings(), out, lambda: DocumentMaker(kind, seed, shares=parts, questions=questions),
            count, options, workers, preview, as_json,
        )  # fmt: skip


def data_set(settings: Settings, out: str) -> tuple[Dataset, str]:
    """Return the data set of a name, or of a folder when the name has a slash."""
    from finetune.data.dataset import Dataset

    if not out.strip(". "):
        raise invalid_input("--out needs a name", help="For example --out charts.")
    if "/" in out:
        folder = Path(out).expanduser()
        return Dataset(folder), folder.name
    return Dataset(settings.root / "finetune" / "data" / out), out


def read_shares(text: str) -> tuple[float, float, float]:
    """Read `8,1,1`; raises `invalid_input`."""
    try:
        train, dev, test = (float(part) for part in text.split(","))
    except ValueError:
        raise invalid_input(
            f"--shares {text} are not three numbers", help="For example --shares 8,1,1."
        ) from None
    if min(train, dev, test) < 0 or train + dev + test <= 0:
        raise invalid_input(
            "--shares must not be negative, and not all zero", help="For example --shares 8,1,1."
        )
    return train, dev, test


def make_data_set(
    settings: Settings,
    out: str,
    factory: MakerFactory,
    count: int,
    options: dict[str, Any],
    workers: int,
    preview: Path | None,
    as_json: bool,
) -> SynthReport:
    """Make a data set, show what was made, and return the report."""
    from finetune.synth.preview import write_preview
    from finetune.synth.run import synthesise

    dataset, name = data_set(settings, out)
    with show_progress(as_json) as progress:
        report = synthesise(dataset, name, factory, count, options, workers=workers, progress=progress)
    if preview is not None:
        write_preview(dataset, preview)
    show_report(report, dataset, as_json)
    return report


def show_report(report: SynthReport, dataset: Dataset, as_json: bool) -> None:
    """Print what a run made, with what words alone would get right."""
    from finetune.synth.balance import text_alone

    record, bar = report.record, text_alone(dataset.rows())
    if as_json:
        body = report.model_dump(mode="json")
        emit_json({**body, "text_alone": {kind: round(share, 3) for kind, share in bar.items()}})
        return
    console = out_console()
    rows = ", ".join(f"{count:,} {split}" for split, count in record.rows.items())
    console.print(f"[bold]{escape(record.name)}[/]@{record.version}: {rows} in {escape(report.folder)}")
    again = f", {report.reused:,} were there" if report.reused else ""
    console.print(f"{report.made:,} made{again}; {report.left_out:,} rows left out to keep answers even")
    table = Table("kind", "rows", "right by words alone")
    for kind, count in sorted(record.kinds.items()):
        table.add_row(kind, f"{count:,}", f"{bar[kind]:.0%}")
    console.print(table)
    for reason, times in sorted(report.skipped.items()):
        err_console().print(f"[yellow]skipped[/] {times:,}: {escape(reason)}")


@contextmanager
def show_progress(as_json: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Show a bar on a terminal; nothing where stderr is a file or JSON was asked for."""
    console = err_console()
    if as_json or not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("make"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("make", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield show
