"""One table of the leading measures of suites, over one run or several, and its place in a document. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import invalid_input
from evals.compare.trends import run_figures
from evals.report.markdown import escaped
from evals.run.file import Run
from evals.run.slices import Figure

BEGIN, END = "<!-- vidence eval table -->", "<!-- end of table -->"


def leading_table(runs: Sequence[Run], *, every: bool = False) -> str:
    """Return a table of suites, each with its leading measure; with `every` all measures stand below it.

    A suite that several runs have is shown of the last one. Figures are over whole suites; failed samples are
    wrong in them.
    """
    rows: dict[str, list[str]] = {}
    for run in runs:
        whole: dict[str, list[Figure]] = {}
        for figure in run_figures(run):
            if not figure.by:
                whole.setdefault(figure.suite, []).append(figure)
        for header in run.header.suites:
            order = list(header.metrics)
            shown = sorted(whole.get(header.name, ()), key=lambda one: order.index(one.metric))
            rows.pop(header.name, None)
            rows[header.name] = [
                _row(header.family if place == 0 else "", figure, first=place == 0)
                for place, figure in enumerate(shown if every else shown[:1])
            ]
    lines = [
        "| suite | family | samples | measure | value | 95% interval | failed |",
        "|---|---|--:|---|--:|---|--:|",
    ]
    lines += [row for suite in rows.values() for row in suite]
    return "\n".join([*lines, "", *(_origin(run) for run in runs)]) + "\n"


def _row(family: str, figure: Figure, *, first: bool) -> str:
    value = "-" if figure.value is None else f"{figure.value:.3f}"
    between = "-" if figure.low is None or figure.high is None else f"{figure.low:.3f} to {figure.high:.3f}"
    measure = escaped(figure.metric) + ("" if figure.higher_is_better else " (lower is better)")
    name = f"`{figure.suite}`" if first else ""
    return (
        f"| {name} | {escaped(family)} | {figure.n:,} | {measure} | {value} | {between} | {figure.errors} |"
    )


def _origin(run: Run) -> str:
    code = run.header.code
    commit = code.commit[:10] or code.sha256[:10]
    parts = [
        f"Code {commit}{' with changes' if code.dirty else ''}, {run.header.started[:16].replace('T', ' ')}"
    ]
    if run.header.limit:
        parts.append(f"at most {run.header.limit:,} samples a suite")
    if run.summary is None or not run.summary.complete:
        parts.append("**not complete**: of the samples that are finished")
    names = ", ".join(f"`{one.name}`" for one in run.header.suites)
    return f"- {'; '.join(parts)}: {names}."


def put_between(document: str, table: str) -> str:
    """Return a document with a table between its two marks.

    Raises:
        VidenceError: `invalid_input` when it lacks them.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise invalid_input(
            "The document has no place for the table", help=f"Write the lines {BEGIN} and {END} into it."
        )
    return f"{before}{BEGIN}\n\n{table.strip()}\n\n{END}{after}"
