"""Figures of a run: every measure over a whole suite and over its slices, each with its interval. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from pydantic import Field

from core.contracts import Contract
from evals.paired import mean_interval
from evals.run.header import Header, MetricHeader, SuiteHeader
from evals.run.jackknife import jackknife_interval, pseudo_values
from evals.run.sample import Record
from evals.run.scores import by_sample, sample_scores, undefined

SLICES = ("kind", "modality", "difficulty", "source", "language")
CorpusScores = Callable[[str, str, Sequence[Record]], float | None]
"""Scores records as a whole: suite, measure, records."""
CorpusEnds = Callable[[str, str, Sequence[Record]], tuple[float | None, float | None] | None]
"""The interval of such a measure: suite, measure, records. None: a jackknife's; an end may be unknown."""


class Figure(Contract):
    """A measure over a suite or a slice of it.

    `value` counts a failed sample as the worst score; `without_errors` leaves it out. Neither contains
    samples for which the measure is not defined; these are counted in `undefined`.
    """

    suite: str
    family: str
    metric: str
    by: str = Field("", description="Empty: the whole suite; else what the slice is by.")
    slice: str = ""
    n: int = Field(description="Samples with a score, failed ones included.")
    groups: int = Field(description="Independent units among them.")
    errors: int = 0
    timeouts: int = Field(0, description="Of the errors.")
    undefined: int = 0
    value: float | None = None
    low: float | None = None
    high: float | None = None
    without_errors: float | None = None
    higher_is_better: bool = True
    judged: bool = True
    blocks: dict[str, float] = Field(
        default_factory=dict, description="Of a measure over a whole suite that is no mean: pseudo-values."
    )


def figures(
    header: Header,
    records: Sequence[Record],
    corpus: CorpusScores | None = None,
    ends: CorpusEnds | None = None,
) -> list[Figure]:
    """Return the figures of every suite in the header, the whole suite before its slices.

    Args:
        header: What was measured.
        records: Finished samples of any suites.
        corpus: Scores measures that are no mean; without it they have no value.
        ends: Gives the interval of those that bring their own; the others get a jackknife's.
    """
    found: list[Figure] = []
    for suite in header.suites:
        mine = [record for record in records if record.sample.suite == suite.name]
        for by, name, some in [("", "", mine), *_slices(mine)]:
            part = _Part(by, name, some, by_sample(some))
            for metric, about in suite.metrics.items():
                found.append(_figure(suite, metric, about, part, corpus, ends))
    return found


class _Part(NamedTuple):
    """A suite, or a slice of it; `samples` holds the records with the epochs of a sample together."""

    by: str
    name: str
    records: Sequence[Record]
    samples: Sequence[Sequence[Record]]


def _slices(records: Sequence[Record]) -> Iterator[tuple[str, str, list[Record]]]:
    for by in SLICES:
        names = sorted({str(getattr(record.sample, by)) for record in records} - {""})
        if len(names) > 1 or (names and any(not getattr(record.sample, by) for record in records)):
            for name in names:
                yield by, name, [record for record in records if getattr(record.sample, by) == name]


def _figure(
    suite: SuiteHeader,
    metric: str,
    about: MetricHeader,
    part: _Part,
    corpus: CorpusScores | None,
    ends: CorpusEnds | None,
) -> Figure:
    failed = [error for record in part.records if (error := record.failure(metric)) is not None]
    figure = Figure(
        suite=suite.name,
        family=suite.family,
        metric=metric,
        by=part.by,
        slice=part.name,
        n=0,
        groups=0,
        errors=len(failed),
        timeouts=sum(error.kind == "timeout" for error in failed),
        higher_is_better=about.higher_is_better,
        judged=about.judged,
    )
    if about.corpus:
        return _whole(figure, part.records, corpus, ends)
    scores = sample_scores(part.samples, metric, about)
    missing = undefined(part.records, metric)
    if not scores:
        return figure.model_copy(update={"undefined": missing})
    units = [score.sample.unit for score in scores]
    interval = mean_interval([score.value for score in scores], units)
    good_values = [score.without_errors for score in scores if score.without_errors is not None]
    return figure.model_copy(
        update={
            "n": len(scores),
            "groups": len(set(units)),
            "undefined": missing,
            "value": interval.value,
            "low": interval.low,
            "high": interval.high,
            "without_errors": sum(good_values) / len(good_values) if good_values else None,
        }
    )


def _whole(
    figure: Figure, records: Sequence[Record], corpus: CorpusScores | None, ends: CorpusEnds | None
) -> Figure:
    """Fill in a measure over all records that went well; only the whole suite has blocks."""
    good = [record for record in records if record.error is None]
    measure = partial(corpus, figure.suite, figure.metric) if corpus else None
    value = measure(good) if measure and good else None
    own = ends(figure.suite, figure.metric, good) if ends and value is not None else None
    blocks: dict[str, float] = {}
    low, high = own or (None, None)
    if measure and value is not None and own is None and not figure.by:
        blocks = pseudo_values(good, value, measure)
        interval = jackknife_interval(value, blocks)
        low, high = (interval.low, interval.high) if interval else (None, None)
    return figure.model_copy(
        update={
            "n": len(good),
            "groups": len({record.sample.unit for record in good}),
            "undefined": len(good) if value is None else 0,
            "value": value,
            "without_errors": value,
            "low": low,
            "high": high,
            "blocks": blocks,
        }
    )
