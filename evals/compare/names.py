"""Whether the families and measures that a gate file names exist: a slip of the pen would judge nothing."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence

from core.errors import invalid_input
from evals.compare.rules import RunRules
from evals.run.file import Run
from evals.run.registry import suites


def check_names(rules: RunRules, runs: Sequence[Run]) -> None:
    """Hold the names of a gate file against what the runs measured, and against all families there are.

    Raises:
        VidenceError: `invalid_input` naming the first one that is unknown, and what comes near.
    """
    measured: dict[str, set[str]] = {}
    for run in runs:
        for suite in run.header.suites:
            measured.setdefault(suite.family, set()).update(suite.metrics)
    for name in sorted({*rules.families, *rules.require} - measured.keys()):
        _known("family", name, {*measured, *(one.family for one in suites())})
    every = set().union(*measured.values())
    for metric in rules.metrics:
        _known("metric", metric, every)
    for family, own in rules.families.items():
        for metric in own.ignore if family in measured else ():
            _known(f"metric of {family}", metric, measured[family])


def _known(what: str, name: str, names: Collection[str]) -> None:
    if name in names:
        return
    near = difflib.get_close_matches(name, names, 3, 0.4) or sorted(names)
    raise invalid_input(f"The gate file names an unknown {what}: {name}", help=f"Such as: {', '.join(near)}.")
