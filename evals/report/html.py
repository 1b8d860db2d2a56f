"""One self-contained HTML page of a run. Every text is escaped; the page loads nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import VidenceError
from evals.compare.decide import Comparison
from evals.compare.trends import run_figures, trends
from evals.report.charts import LINE_HEIGHT, LINE_WIDTH, WIDTH, bar, line
from evals.report.panels import CURVE_HEIGHT, CURVE_WIDTH, panels_of
from evals.report.pictures import Pictures
from evals.report.samples import worst_samples
from evals.run.file import Run
from evals.run.slices import Figure
from evals.run.summary import summarise


@dataclass(frozen=True)
class Shown:
    """What a report shows."""

    run: Run
    base: Run | None = None
    comparison: Comparison | None = None
    history: tuple[Run, ...] = ()
    worst: int = 8


def write_report(shown: Shown, path: Path, *, folders: Sequence[Path] = ()) -> None:
    """Write a report.

    Args:
        shown: The run, and what it is shown with.
        path: The HTML file.
        folders: Where images may be read from.

    Raises:
        VidenceError: `unavailable` when it cannot be written.
    """
    write_page(render_report(shown, folders=folders), path)


def write_page(text: str, path: Path) -> None:
    """Write a text into a file, and the folders above it; raises like `write_report`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise VidenceError(
            "unavailable", f"{path} cannot be written: {error.strerror}", help="Give another file."
        ) from error


def render_report(shown: Shown, *, folders: Sequence[Path] = ()) -> str:
    """Return a report as HTML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("evals.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    run = shown.run
    over = trends([*shown.history, *([shown.base] if shown.base else []), run])
    return environment.get_template("report.html.j2").render(
        run=run,
        header=run.header,
        summary=run.summary or summarise(run.header, run.records),
        base=shown.base,
        comparison=shown.comparison,
        suites=_suites(shown, Pictures(folders)),
        trends=[(trend, drawn) for trend in over if (drawn := line(trend)) is not None],
        bar_width=WIDTH,
        line_width=LINE_WIDTH,
        line_height=LINE_HEIGHT,
        curve_width=CURVE_WIDTH,
        curve_height=CURVE_HEIGHT,
    )


def _suites(shown: Shown, pictures: Pictures) -> list[dict[str, Any]]:
    figures = run_figures(shown.run)
    before = {_key(figure): figure for figure in run_figures(shown.base)} if shown.base else {}
    found = []
    for suite in shown.run.header.suites:
        mine = [figure for figure in figures if figure.suite == suite.name]
        worst = worst_samples(shown.run, suite, shown.worst, shown.base)
        found.append(
            {
                "header": suite,
                "whole": [_row(figure, before) for figure in mine if not figure.by],
                "slices": [_row(figure, before) for figure in mine if figure.by],
                "panels": panels_of(shown.run, suite.name, shown.base),
                "worst": [{"sample": one, "pictures": pictures.of(one.record)} for one in worst],
            }
        )
    return found


def _row(figure: Figure, before: dict[tuple[str, str, str, str], Figure]) -> dict[str, Any]:
    base = before.get(_key(figure))
    return {"figure": figure, "bar": bar(figure, base), "base": base}


def _key(figure: Figure) -> tuple[str, str, str, str]:
    return figure.suite, figure.metric, figure.by, figure.slice
