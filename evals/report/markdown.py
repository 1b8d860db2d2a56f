"""The summary of a run in Markdown, for CI and for tables in documents. Pure."""

from __future__ import annotations

import re

from evals.compare.decide import Comparison
from evals.compare.trends import run_figures
from evals.run.file import Run

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&:@])")


def summary_markdown(run: Run, comparison: Comparison | None = None) -> str:
    """Return a table of every measure over whole suites, what was skipped or failed, and a comparison."""
    lines = [
        "| suite | measure | samples | value | 95% interval | failed | undefined |",
        "|---|---|--:|--:|---|--:|--:|",
    ]
    for one in run_figures(run):
        if one.by:
            continue
        value = "-" if one.value is None else f"{one.value:.3f}"
        between = "-" if one.low is None or one.high is None else f"{one.low:.3f} to {one.high:.3f}"
        measure = escaped(one.metric) + ("" if one.higher_is_better else " (lower is better)")
        failed = f"{one.errors} ({one.timeouts} timeouts)" if one.timeouts else str(one.errors)
        lines.append(
            f"| {escaped(one.suite)} | {measure} | {one.n:,} | {value} | {between} | {failed} "
            f"| {one.undefined} |"
        )
    lines += _by_language(run)
    lines += ["", *_status(run)]
    if comparison is not None:
        lines += ["", *_comparison(comparison)]
    return "\n".join(lines).rstrip() + "\n"


def escaped(text: str) -> str:
    """Return a text that Markdown and HTML show as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split())).replace(r"\<", "&lt;").replace(r"\>", "&gt;")


def _by_language(run: Run) -> list[str]:
    """Return a row a language and a column a suite with what leads it; nothing where no suite has several."""
    leads = {suite.name: next(iter(suite.metrics), "") for suite in run.header.suites}
    found = {
        (one.slice, one.suite): one.value
        for one in run_figures(run)
        if one.by == "language" and one.metric == leads.get(one.suite)
    }
    if not found:
        return []
    columns = list(dict.fromkeys(suite for _, suite in found))
    titles = " | ".join(f"{escaped(name)}: {escaped(leads[name])}" for name in columns)
    lines = ["", f"| language | {titles} |", f"|---|{'--:|' * len(columns)}"]
    for language in sorted({language for language, _ in found}):
        values = (found.get((language, name)) for name in columns)
        cells = " | ".join("-" if value is None else f"{value:.3f}" for value in values)
        lines.append(f"| {escaped(language)} | {cells} |")
    return lines


def _status(run: Run) -> list[str]:
    code = run.header.code
    dirty = " with changes" if code.dirty else ""
    lines = [f"Code {code.commit[:10] or code.sha256[:10]}{dirty}, {run.header.started}."]
    summary = run.summary
    if summary is None or not summary.complete:
        lines.append("**Not complete**: these are the figures of the samples that are finished.")
    lines += [f"Skipped: {escaped(skip.suite)} ({escaped(skip.reason)})." for skip in run.header.skipped]
    return lines


def _comparison(found: Comparison) -> list[str]:
    lines = [
        f"**{'Passed' if found.passed else 'Refused'}** over {found.comparisons} comparisons.",
        "",
        "| part | measure | base | new | difference | noticed from | verdict |",
        "|---|---|--:|--:|--:|--:|---|",
    ]
    for one in found.parts:
        least = "-" if one.detectable > 1 else f"{one.detectable:.3f}"
        lines.append(
            f"| {escaped(one.suite or one.family)} | {escaped(one.metric)} | {one.base:.3f} | {one.new:.3f} "
            f"| {one.difference.value:+.3f} | {least} | {one.verdict} |"
        )
    return [*lines, "", *(f"- {escaped(reason)}" for reason in found.reasons)]
