"""Which samples a report shows: those that failed or scored worst, or that fell most against a base. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evals.run.file import Run
from evals.run.header import SuiteHeader
from evals.run.sample import Record

LONGEST = 700
"""Characters of a text in the report."""


@dataclass(frozen=True)
class Answer:
    """What one run did with a sample."""

    said: str
    scores: tuple[tuple[str, str], ...]
    error: str
    evidence: tuple[tuple[str, str], ...]
    ms: float


@dataclass(frozen=True)
class Worst:
    """A sample to show, with the answer of the run and that of the base if there is one."""

    record: Record
    asked: tuple[tuple[str, str], ...]
    target: str
    answer: Answer
    base: Answer | None


def worst_samples(run: Run, suite: SuiteHeader, count: int, base: Run | None = None) -> list[Worst]:
    """Return samples of a suite, those that fell most first, then those that failed or scored worst."""
    before = {record.key: record for record in base.records} if base else {}
    mine = [record for record in run.records if record.sample.suite == suite.name]
    ranked = sorted(mine, key=lambda record: (*_badness(record, before.get(record.key), suite), record.key))
    shown = [record for record in ranked if _is_bad(record, before.get(record.key), suite)][:count]
    return [
        Worst(
            record=record,
            asked=tuple(
                (name, text(value)) for name, value in record.sample.input.items() if name != "images"
            ),
            target=text(record.sample.target),
            answer=_answer(record),
            base=_answer(other) if (other := before.get(record.key)) else None,
        )
        for record in shown
    ]


def text(value: Any) -> str:
    """Return a JSON value for people, cut."""
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return said if len(said) <= LONGEST else f"{said[:LONGEST]}..."


def _goodness(record: Record, suite: SuiteHeader) -> float:
    """The leading measure, turned so that more is better; a failed sample has the worst."""
    for name, metric in suite.metrics.items():
        if metric.corpus:
            continue
        if record.error is not None:
            return 0.0 if metric.higher_is_better else -1.0
        value = record.scored.scores.get(name)
        if value is not None:
            return value if metric.higher_is_better else -value
    return 0.0 if record.error is not None else 1.0


def _badness(record: Record, before: Record | None, suite: SuiteHeader) -> tuple[float, float]:
    now = _goodness(record, suite)
    fell = now - _goodness(before, suite) if before else 0.0
    return min(0.0, fell), now


def _is_bad(record: Record, before: Record | None, suite: SuiteHeader) -> bool:
    fell, now = _badness(record, before, suite)
    leading = next((one for one in suite.metrics.values() if not one.corpus), None)
    best = 1.0 if leading is None or leading.higher_is_better else 0.0
    return record.error is not None or fell < 0 or now < best


def _answer(record: Record) -> Answer:
    error = record.error
    return Answer(
        said=text(record.output.answer),
        scores=tuple(
            (name, _undefined(record, name) if value is None else f"{value:.3f}")
            for name, value in record.scored.scores.items()
        ),
        error="" if error is None else f"{error.kind}: {error.message}",
        evidence=_evidence(record),
        ms=record.output.ms,
    )


def _undefined(record: Record, name: str) -> str:
    reason = record.scored.reasons.get(name)
    return "undefined" if reason is None else f"{reason.kind}: {reason.message}"


def _evidence(record: Record, most: int = 6) -> tuple[tuple[str, str], ...]:
    seen: Sequence[Any] = record.output.evidence[:most]
    return tuple((one.kind or "evidence", text(one.text)) for one in seen if one.text)
