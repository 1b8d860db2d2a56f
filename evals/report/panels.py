"""What one figure a suite does not show: the curve of risk against coverage, each item, and confused risks.

They are told from the records of a run file alone: where an answer has a confidence and was judged right or
wrong, and where it names items and a level of risk. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from evals.metrics.calibration import aurc, risk_coverage
from evals.metrics.classes import RISK_LEVELS, Confusion, confusion
from evals.metrics.counts import Counts
from evals.metrics.detection import detections
from evals.run.file import Run
from evals.run.sample import Record

CURVE_WIDTH, CURVE_HEIGHT = 300, 200
_RIGHT, _ANSWERED = "answer_right", "answered"


@dataclass(frozen=True)
class Curve:
    """Risk against coverage, from the left the most confident answers; `points` as SVG wants them."""

    points: str
    answers: int
    wrong: float
    area: float
    says: str


@dataclass(frozen=True)
class Panels:
    """What a suite shows beside its figures."""

    curve: Curve | None
    base: Curve | None
    items: tuple[tuple[str, Counts], ...]
    risks: Confusion | None

    @property
    def any(self) -> bool:
        """Whether there is something to show."""
        return self.curve is not None or bool(self.items) or self.risks is not None


def panels_of(run: Run, suite: str, base: Run | None = None) -> Panels:
    """Return the panels of a suite."""
    records = _of(run, suite)
    return Panels(
        curve=curve_of(records),
        base=curve_of(_of(base, suite)) if base is not None else None,
        items=tuple(_items(records).items()),
        risks=_risks(records),
    )


def curve_of(records: Sequence[Record]) -> Curve | None:
    """Return the curve over what was answered; None with fewer than two answers that have a confidence."""
    known = list(_judged(records))
    if len(known) < 2:
        return None
    sure, right = [one for one, _ in known], [one for _, one in known]
    found = risk_coverage(sure, right)
    area, wrong = aurc(sure, right) or 0.0, found.risk[-1]
    points = " ".join(
        f"{x * CURVE_WIDTH:.1f},{(1 - y) * CURVE_HEIGHT:.1f}"
        for x, y in zip(found.coverage, found.risk, strict=True)
    )
    half = found.risk[(len(known) - 1) // 2]
    says = (
        f"Of {len(known)} answers {wrong:.3f} are wrong, of the most confident half {half:.3f}; "
        f"the area under the curve is {area:.3f}"
    )
    return Curve(points, len(known), wrong, area, says)


def _items(records: Sequence[Record]) -> dict[str, Counts]:
    from evals.suites.pictures import item

    found, there, whole = [], [], []
    for record in records:
        wanted, named = _target(record).get("items"), _inspection(record).get("detected_items")
        if isinstance(wanted, list) and isinstance(named, list):
            found.append({item(str(name)) for name in named})
            there.append({item(str(name)) for name in wanted})
            whole.append(bool(_target(record).get("exhaustive", True)))
    return detections(found, there, whole).items


def _risks(records: Sequence[Record]) -> Confusion | None:
    said, true = [], []
    for record in records:
        target = _target(record)
        level = target.get("risk_level", target.get("risk"))
        if level in RISK_LEVELS and target.get("exhaustive", True):
            said.append(str(_inspection(record).get("risk_level")))
            true.append(str(level))
    return confusion(said, true, RISK_LEVELS) if true else None


def _judged(records: Sequence[Record]) -> Iterator[tuple[float, bool]]:
    """Yield the confidence of each answer, and whether it is right."""
    for record in records:
        sure, scores = _answer(record).get("confidence"), record.scored.scores
        if isinstance(sure, (int, float)) and scores.get(_ANSWERED) and scores.get(_RIGHT) is not None:
            yield float(sure), scores[_RIGHT] == 1.0


def _of(run: Run, suite: str) -> list[Record]:
    return [record for record in run.records if record.sample.suite == suite]


def _answer(record: Record) -> dict[str, Any]:
    found = record.output.answer
    return found if isinstance(found, dict) else {}


def _inspection(record: Record) -> dict[str, Any]:
    """Return an inspection's result: within an answer, or the answer itself."""
    answer = _answer(record)
    found = answer.get("inspection", answer)
    return found if isinstance(found, dict) else {}


def _target(record: Record) -> dict[str, Any]:
    found = record.sample.target
    return found if isinstance(found, dict) else {}
