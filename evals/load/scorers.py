"""The measures of a visit and of all visits, for the run file: the same names as in `evals.load.measures`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evals.load.measures import QUANTILES
from evals.load.quantiles import Quantile, quantile
from evals.run.registry import Scorer
from evals.run.sample import Output, Record, Sample

Times = Callable[[Sequence[Record]], list[float]]


def quantile_scorers(name: str, times: Times, what: str) -> list[Scorer]:
    """Return a scorer for each quantile of a time in milliseconds: shown with its interval, never judged.

    Args:
        name: Of the time; `_p50`, `_p95` and `_p99` are added.
        times: Takes them from the records.
        what: Completes the sentence that explains it.
    """
    return [_quantile_scorer(name, times, q, what) for q in QUANTILES]


def _quantile_scorer(name: str, times: Times, q: float, what: str) -> Scorer:
    def found(records: Sequence[Record]) -> Quantile | None:
        return quantile(times(records), q)

    def value(records: Sequence[Record]) -> float | None:
        one = found(records)
        return None if one is None else one.value

    def ends(records: Sequence[Record]) -> tuple[float | None, float | None]:
        one = found(records)
        return (None, None) if one is None else (one.low, one.high)

    return Scorer(
        f"{name}_p{q * 100:g}",
        corpus=value,
        ends=ends,
        higher_is_better=False,
        judged=False,
        help=f"Milliseconds {what}: {q:.0%} take no longer.",
    )


def plain(
    name: str,
    value: Callable[[Sequence[Record]], float | None],
    help_: str,
    *,
    higher_is_better: bool = False,
) -> Scorer:
    """Return a corpus scorer of one number without an interval, never judged."""
    return Scorer(
        name,
        corpus=value,
        ends=lambda records: (None, None),
        higher_is_better=higher_is_better,
        judged=False,
        help=help_,
    )


def noted(name: str) -> Callable[[Sample, Output], float | None]:
    """Return a scorer that gives a number which the answer notes."""

    def score(sample: Sample, output: Output) -> float | None:
        value = output.answer.get(name)
        return None if value is None else float(value)

    return score


def times_of(name: str) -> Times:
    """Return what takes a time that answers note, where they have it."""
    return lambda records: [
        value for record in records if (value := (record.output.answer or {}).get(name)) is not None
    ]


def mean_of(name: str) -> Callable[[Sequence[Record]], float | None]:
    """Return the mean of a number that answers note; None where none has it."""

    def mean(records: Sequence[Record]) -> float | None:
        values = times_of(name)(records)
        return sum(values) / len(values) if values else None

    return mean
