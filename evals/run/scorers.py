"""Scorers made of the metrics in `evals/metrics`: a suite says where prediction and gold stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from evals.metrics.registry import Metric, get_metric
from evals.run.registry import Scorer
from evals.run.sample import Output, Record, Sample

Prediction = Callable[[Sample, Output], Any]
Gold = Callable[[Sample], Any]


def answer_of(sample: Sample, output: Output) -> Any:
    """Return the answer as it is: the prediction of suites whose answers are plain values."""
    return output.answer


def target_of(sample: Sample) -> Any:
    """Return the target as it is."""
    return sample.target


def metric_scorer(
    name: str,
    prediction: Prediction = answer_of,
    gold: Gold = target_of,
    *,
    judged: bool = True,
    version: str = "1",
) -> Scorer:
    """Return the scorer of a metric, of single samples or of all of them as the metric is.

    Args:
        name: As `evals.metrics.registry` knows it, `ndcg@10` for example.
        prediction: What the metric takes as the prediction of a sample.
        gold: What it takes as its gold.
        judged: Whether the gate compares it.
        version: Changes whenever `prediction` or `gold` take something else.

    Raises:
        VidenceError: `not_found` for an unknown metric.
    """
    metric = get_metric(name)
    about: dict[str, Any] = {
        "higher_is_better": metric.better == "higher",
        "version": version,
        "judged": judged,
        "help": metric.help,
    }
    if metric.kind == "corpus":
        return Scorer(name, corpus=lambda records: _corpus(metric, records, prediction, gold), **about)
    return Scorer(name, one=lambda sample, output: metric(prediction(sample, output), gold(sample)), **about)


def _corpus(metric: Metric, records: Sequence[Record], prediction: Prediction, gold: Gold) -> float | None:
    predictions = [prediction(record.sample, record.output) for record in records]
    return metric([*predictions], [gold(record.sample) for record in records])
