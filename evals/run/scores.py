"""The scores of a run by sample: epochs averaged, errors counted as the worst score and never dropped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evals.run.header import MetricHeader
from evals.run.sample import Record, Sample


@dataclass(frozen=True)
class SampleScore:
    """A sample's score over its epochs.

    Attributes:
        sample: The sample, as the run file has it.
        sha256: Of the whole sample.
        value: Mean over the epochs in which it is defined; an epoch that failed counts as `worst`.
        without_errors: The same without failed epochs; None when all failed.
        errors: Epochs that failed.
    """

    sample: Sample
    sha256: str
    value: float
    without_errors: float | None
    errors: int


def worst(metric: MetricHeader) -> float:
    """Return what a sample that failed scores: 0, or 1 (all wrong) where lower is better."""
    return 0.0 if metric.higher_is_better else 1.0


def by_sample(records: Sequence[Record]) -> list[list[Record]]:
    """Return the records of one suite, the epochs of a sample together."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.sample.id, []).append(record)
    return list(found.values())


def sample_scores(records: Iterable[Sequence[Record]], name: str, metric: MetricHeader) -> list[SampleScore]:
    """Return the score of each sample for which the measure is defined in at least one epoch, or that failed.

    Args:
        records: The epochs of each sample.
        name: The measure's name.
        metric: The measure.
    """
    found: list[SampleScore] = []
    for epochs in records:
        good = [value for record in epochs if (value := _score(record, name)) is not None]
        failed = sum(record.failure(name) is not None for record in epochs)
        if not good and not failed:
            continue
        total = sum(good) + failed * worst(metric)
        found.append(
            SampleScore(
                sample=epochs[0].sample,
                sha256=epochs[0].sha256,
                value=total / (len(good) + failed),
                without_errors=sum(good) / len(good) if good else None,
                errors=failed,
            )
        )
    return found


def undefined(records: Iterable[Record], name: str) -> int:
    """Count the records that went well and have no such score."""
    return sum(record.failure(name) is None and record.scored.scores.get(name) is None for record in records)


def _score(record: Record, name: str) -> float | None:
    return None if record.error is not None else record.scored.scores.get(name)
