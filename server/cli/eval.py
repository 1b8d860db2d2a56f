"""`vidence eval`: measure, compare, gate, report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import EXIT_GATE_FAILED, invalid_input
from core.settings import Settings, load_settings
from server.cli.counting import counting_stages
from server.cli.eval_baseline import baseline
from server.cli.eval_canaries import canaries
from server.cli.eval_dataset import app as dataset_app
from server.cli.eval_files import new_run_file
from server.cli.eval_load import load
from server.cli.eval_ragas import ragas
from server.cli.eval_show import show_comparison, show_run, show_suites
from server.cli.eval_table import table
from server.cli.eval_trends import show_trends, trends_body
from server.cli.eval_upload import upload, upload_finished
from server.cli.output import emit_json, err_console, handle_errors, out_console

if TYPE_CHECKING:
    from evals.compare.decide import Comparison
    from evals.gate import GateConfig
    from evals.run.registry import Place, Registry, Suite

app = typer.Typer(no_args_is_help=True)
app.command()(load)
app.command()(canaries)
app.command()(baseline)
app.command()(upload)
app.add_typer(dataset_app, name="dataset", help="Make eval data sets of rated answers.")
app.command("ragas")(ragas)
app.command("table")(table)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="VIDENCE_DATA",
        help="The folder of the public sets; suites without theirs are skipped by name.",
    ),
]
RunFileArgument = Annotated[Path, typer.Argument(help="A run file, as `vidence eval run -o` writes it.")]
_INTERRUPTED = 130


@app.command("list")
def list_(data: Data = None, as_json: AsJson = False) -> None:
    """List the suites: name, family, what they measure, and how many samples are at hand."""
    with handle_errors(as_json):
        from evals.run.registry import suites

        place = _place(load_settings(), data)
        rows: list[dict[str, Any]] = []
        for suite in suites():
            found, lack = suite.at_hand(place)
            rows.append(
                {
                    "name": suite.name,
                    "family": suite.family,
                    "description": suite.description,
                    "samples": len(found),
                    "needs": suite.needs,
                    "missing": suite.missing(place),
                    "skipped": lack,
                }
            )
        if as_json:
            emit_json(rows)
        else:
            show_suites(rows)


@app.command()
def run(
    suites: Annotated[
        list[str],
        typer.Argument(
            help="Suites or families, `all`, or dataset:NAME (vidence eval dataset).", metavar="SUITE..."
        ),
    ],
    data: Data = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many samples a suite, the same ones each time.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="The run file; an interrupted run goes on in it. By default a new one in the data folder.",
        ),
    ] = None,
    epochs: Annotated[
        int, typer.Option(min=1, help="How often each sample is answered, with another seed.")
    ] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that draws.")] = 0,
    at_once: Annotated[int, typer.Option(min=1, help="Samples under way at a time.")] = 2,
    max_seconds: Annotated[
        float | None, typer.Option(help="End the run after so long; the file says so.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(help="End it after so many tokens.")] = None,
    max_cost: Annotated[
        float | None, typer.Option(help="End it at this cost (settings chat_price_in and _out).")
    ] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds a sample; instead of its suite's.")] = None,
    cache: Annotated[
        bool,
        typer.Option(
            "--cache/--no-cache",
            help="Take answers of the same code, settings, models and input from earlier runs.",
        ),
    ] = True,
    retry_errors: Annotated[
        bool,
        typer.Option("--retry-errors", help="Ask samples again that failed in an earlier part of this run."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run suites and keep every finished sample in a run file.

    A sample that raises or hangs becomes a typed error: counted, shown, and wrong in the figures. After a
    crash or Ctrl-C the same command with the same -o goes on: no finished sample runs twice. A file of
    another run (code, data, settings, prompts, models, seed) is refused, and what changed is named.

    Next: vidence eval compare BASE NEW
    """
    with handle_errors(as_json):
        from evals.run.cache import OutputCache
        from evals.run.options import Limits, Options
        from evals.run.registry import suites as registry
        from evals.run.runner import run_suites

        settings = load_settings()
        chosen = _chosen(suites, settings, registry)
        options = Options(
            epochs=epochs,
            seed=seed,
            limit=limit,
            at_once=at_once,
            limits=Limits(
                seconds=_positive(max_seconds), tokens=_positive(max_tokens), cost=_positive(max_cost)
            ),
            timeout_s=_positive(timeout),
            retry_errors=retry_errors,
        )
        kept = OutputCache(settings.root / "cache" / "evals.sqlite") if cache else None
        try:
            with counting_stages(as_json, first="opening") as progress:
                found = run_suites(
                    chosen,
                    replace(_place(settings, data), progress=progress or _steps_told(as_json)),
                    output or new_run_file(settings, *suites),
                    options,
                    progress=progress,
                    cache=kept,
                )
        finally:
            if kept:
                kept.close()
        summary = found.summary
        assert summary is not None
        if as_json:
            emit_json(
                {
                    "output": str(found.path),
                    "skipped": [skip.model_dump() for skip in found.header.skipped],
                    "complete": summary.complete,
                    **summary.model_dump(mode="json", exclude={"type"}),
                }
            )
        else:
            show_run(found)
        if summary.complete:
            upload_finished(settings, found.path, quiet=as_json)
        if summary.stop == "interrupted":
            raise typer.Exit(_INTERRUPTED)


@app.command()
def compare(base: RunFileArgument, new: RunFileArgument, as_json: AsJson = False) -> None:
    """Compare two runs on the samples that both have; exit 1 when the new one is worse.

    Every metric of every suite and family is tested by an exact paired test over groups of samples, and
    corrected for how many they are (Holm): the chance of any false alarm is 5% over all of them. For each
    part the least fall that would have been noticed is shown. Samples that failed count as wrong; samples
    that only the base has are a reason to fail. Rules of your own: vidence eval gate.
    """
    with handle_errors(as_json):
        from evals.gate import GateConfig

        _compare(base, new, GateConfig(), as_json)


@app.command()
def gate(
    base: RunFileArgument,
    new: RunFileArgument,
    config: Annotated[
        Path | None, typer.Option("--config", help="The gate file; by default evals/gate.yaml as shipped.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Decide by a gate file whether the new run may pass; exit 1 when not.

    As `compare`, and with floors, required families, largest falls and the share of failed samples that the
    file names. `vidence finetune gate` and `promote` read the same file.
    """
    with handle_errors(as_json):
        from evals.gate import load_gate

        _compare(base, new, load_gate(config), as_json, own_file=config is not None)


@app.command()
def report(
    file: RunFileArgument,
    base: Annotated[Path | None, typer.Option("--base", help="Another run, shown side by side.")] = None,
    history: Annotated[
        list[Path] | None,
        typer.Option("--history", help="Earlier run files, for trends; may be given often."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The HTML file; by default beside the run file.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="Write the summary as Markdown too; `-` prints it.")
    ] = None,
    worst: Annotated[int, typer.Option(min=0, help="Samples shown of each suite, worst first.")] = 8,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Write a run as one HTML file that loads nothing from elsewhere.

    Figures with intervals, slices, the worst samples with their images and evidence, and with --base both
    runs side by side.
    """
    with handle_errors(as_json):
        from evals.compare.decide import compare_runs
        from evals.report.html import Shown, write_page, write_report
        from evals.report.markdown import summary_markdown
        from evals.run.file import read_run

        found = read_run(file)
        other = read_run(base) if base else None
        compared = compare_runs(other, found) if other else None
        earlier = [read_run(path) for path in history or []]
        page = output or file.with_suffix(".html")
        shown = Shown(run=found, base=other, comparison=compared, history=tuple(earlier), worst=worst)
        write_report(shown, page, folders=[path for path in (data, load_settings().root) if path])
        text = summary_markdown(found, compared)
        if markdown and str(markdown) != "-":
            write_page(text, markdown)
        if as_json:
            emit_json({"output": str(page), "markdown": str(markdown) if markdown else None})
        elif markdown and str(markdown) == "-":
            out_console().print(text, markup=False, soft_wrap=True)
        else:
            out_console().print(f"Wrote {page}", markup=False)


@app.command()
def trends(
    files: Annotated[list[Path], typer.Argument(help="Run files of several versions.", metavar="FILE...")],
    as_json: AsJson = False,
) -> None:
    """Show how every measure went over many runs, oldest first.

    Where the samples of a suite, or the measure itself, changed between two runs, a bar stands between their
    values: across it they say nothing, and the change is counted from there.
    """
    with handle_errors(as_json):
        from evals.compare.trends import in_order
        from evals.compare.trends import trends as over
        from evals.run.file import read_run

        runs = in_order([read_run(path) for path in files])
        found = over(runs)
        if as_json:
            emit_json(trends_body(runs, found))
        else:
            show_trends(runs, found)


def _compare(base: Path, new: Path, rules: GateConfig, as_json: bool, *, own_file: bool = False) -> None:
    from evals.compare.decide import compare_runs
    from evals.compare.names import check_names
    from evals.run.file import read_run

    runs = read_run(base), read_run(new)
    if own_file:
        check_names(rules.runs, runs)
    found: Comparison = compare_runs(*runs, rules)
    if as_json:
        emit_json(found.model_dump(mode="json"))
    else:
        show_comparison(found)
    if not found.passed:
        raise typer.Exit(EXIT_GATE_FAILED)


def _place(settings: Settings, data: Path | None) -> Place:
    from evals.run.registry import Place

    if data is not None and not data.is_dir():
        err_console().print(f"No folder {data}: suites of public sets are skipped.", markup=False)
        data = None
    return Place(settings, data.resolve() if data else None)


def _chosen(names: Sequence[str], settings: Settings, registry: Callable[[], Registry]) -> list[Suite]:
    """Return the suites of names, data sets from use among them."""
    from evals.production.record import MARK
    from evals.production.suite import dataset_suite

    own = [name for name in names if not name.startswith(MARK)]
    made = [dataset_suite(name, settings.root) for name in names if name.startswith(MARK)]
    return [*(registry().pick(own) if own else ()), *made]


def _steps_told(quiet: bool) -> Callable[[str, int, int], None] | None:
    """Return what writes each step of opening to stderr once, where no bar can be shown."""
    told: set[str] = set()

    def tell(step: str, done: int, total: int) -> None:
        if step not in told:
            told.add(step)
            err_console().print(f"{step} ...", markup=False)

    return None if quiet else tell


def _positive(value: Any) -> Any:
    if value is not None and value <= 0:
        raise invalid_input(f"A limit of {value} allows nothing", help="Give a number above 0.")
    return value
