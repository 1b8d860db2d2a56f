"""Falls planted in real run files, and what the gate says to them. Pure but for the gate's own draws.

A fall is planted in what a family's suites lead with: samples drawn at random lose their whole score
(gain it, where lower is better) until the mean has fallen so far. Versions that are equally good are made
by chance: each sample takes, with the probability `churn`, the scores of another one of its suite, so
that means stay as they are in expectation and no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evals.compare.decide import Comparison, compare_runs, verdicts
from evals.compare.pairs import pair_runs, pooled
from evals.gate import GateConfig
from evals.run.file import Run
from evals.run.header import MetricHeader, SuiteHeader
from evals.run.sample import Record, Sample
from evals.run.scores import sample_scores
from evals.run.summary import Summary

Key = tuple[str, str]
Scores = dict[str, float | None]
Array = NDArray[np.float64]
WAYS = ("random", "worst", "best", "kinds", "groups")
"""Which samples lose first: any, those that score least or most, a kind after another, the largest groups."""


def together(runs: Sequence[Run]) -> Run:
    """Return the suites of several run files as one run; of a suite that comes twice the last counts."""
    suites = {suite.name: (suite, run) for run in runs for suite in run.header.suites}
    header = runs[0].header.model_copy(update={"suites": tuple(suite for suite, _ in suites.values())})
    records = [one for run in runs for one in run.records if suites[one.sample.suite][1] is run]
    return replace(runs[0], header=header, records=tuple(records), summary=_figures(suites.values(), runs))


def _figures(suites: Iterable[tuple[SuiteHeader, Run]], runs: Sequence[Run]) -> Summary | None:
    """Measures over all samples of a suite are in the summaries; a run that was killed has none."""
    first = next((run.summary for run in runs if run.summary), None)
    found = [
        figure
        for suite, run in suites
        for figure in (run.summary.figures if run.summary else ())
        if figure.suite == suite.name
    ]
    return first and first.model_copy(update={"figures": tuple(found)})


def families(run: Run) -> list[str]:
    """Return the families that have a measure of single samples, in the order of the suites."""
    return list(dict.fromkeys(suite.family for suite in run.header.suites if leading(suite)))


def leading(suite: SuiteHeader) -> tuple[str, MetricHeader] | None:
    """Return the first judged measure of single samples; None where all is measured over all samples."""
    return next(
        ((name, one) for name, one in suite.metrics.items() if one.judged and not one.corpus),
        None,
    )


def scores_of(run: Run) -> dict[str, dict[Key, list[Record]]]:
    """Return the records of each suite by sample; failed ones are as wrong as can be already."""
    found: dict[str, dict[Key, list[Record]]] = {}
    for record in run.records:
        key = record.sample.suite, record.sample.id
        found.setdefault(record.sample.suite, {}).setdefault(key, []).append(record)
    return found


def plant(
    run: Run, names: Iterable[str], fall: float, rng: np.random.Generator
) -> tuple[Run, dict[str, float]]:
    """Let the leading measure of families fall, spread over all their suites.

    Returns:
        The run, and by suite how far its mean fell: less than asked where there was less to lose.
    """
    wanted, changed, fallen = set(names), {}, {}
    by_suite = scores_of(run)
    for suite in run.header.suites:
        lead = leading(suite)
        if suite.family not in wanted or lead is None:
            continue
        name, metric = lead
        worst = 0.0 if metric.higher_is_better else 1.0
        known = {
            key: value
            for key, records in by_suite.get(suite.name, {}).items()
            if (value := _mean(records, name)) is not None
        }
        if not known:
            continue
        left = whole = fall * len(known)
        for key in (list(known)[place] for place in rng.permutation(len(known))):
            loss = min(left, abs(known[key] - worst))
            if loss > 0:
                value = known[key] + (loss if worst else -loss)
                changed[key] = {name: value}
                left -= loss
            if left <= 1e-12:
                break
        fallen[suite.name] = (whole - left) / len(known)
    return _changed(run, changed), fallen


def churn(run: Run, share: float, rng: np.random.Generator) -> Run:
    """Return a version that is equally good in expectation: samples take each other's scores by chance."""
    changed: dict[Key, Scores] = {}
    for samples in scores_of(run).values():
        good = [key for key, records in samples.items() if all(record.error is None for record in records)]
        for place in np.flatnonzero(rng.random(len(good)) < share):
            other = samples[good[int(rng.integers(len(good)))]]
            changed[good[place]] = dict(other[0].scored.scores)
    return _changed(run, changed)


def decided(base: Run, new: Run, config: GateConfig) -> Comparison:
    """Return what the gate says; few draws for the intervals, which decide nothing."""
    return compare_runs(base, new, config.model_copy(update={"resamples": 100}))


def refused(comparison: Comparison, config: GateConfig) -> set[str]:
    """Return the families of which a part regressed, or fell further than their rules let it."""
    found = set()
    for part in comparison.parts:
        change = part.difference.value
        most = config.runs.of(part.family).max_fall
        too_far = most is not None and (-change if part.higher_is_better else change) > most
        if part.verdict == "regressed" or too_far:
            found.add(part.family)
    return found


def _mean(records: list[Record], name: str) -> float | None:
    if any(record.error is not None for record in records):
        return None
    values = [value for record in records if (value := record.scored.scores.get(name)) is not None]
    return sum(values) / len(values) if values else None


def _changed(run: Run, changed: Mapping[Key, Mapping[str, Any]]) -> Run:
    """Return a run whose samples have other scores, in all their epochs."""
    records = []
    for record in run.records:
        other = changed.get((record.sample.suite, record.sample.id))
        if other is not None:
            scored = record.scored.model_copy(update={"scores": {**record.scored.scores, **other}})
            record = record.model_copy(update={"scored": scored})  # noqa: PLW2901
        records.append(record)
    return replace(run, records=tuple(records))


class Table:
    """A run as the gate sees it, to decide many times: a row a sample, a column a measure of each suite.

    It says what `decided` says of the same changes, as a test holds; floors, missing samples and measures
    over all samples, which no change of single scores touches, are left out.
    """

    def __init__(self, run: Run, config: GateConfig) -> None:
        self._config = config
        every = [part for part in pair_runs(run, run, config.runs).parts if part.suite]
        parts = [part for part in every if part.whole is None]
        scores = scores_of(run)
        self.suites: dict[str, dict[str, Any]] = {}
        for suite in run.header.suites:
            mine = [part for part in parts if part.suite == suite.name]
            lead = leading(suite)
            if mine and lead is not None:
                # As the gate orders them: by id, of those that have the measure.
                rows = {key: place for place, key in enumerate(sorted(scores[suite.name]))}
                columns = [
                    _column(list(scores[suite.name].values()), suite, part.metric, rows) for part in mine
                ]
                self.suites[suite.name] = {
                    "family": suite.family, "parts": mine, "values": np.stack(columns, axis=1),
                    "lead": [part.metric for part in mine].index(lead[0]), "up": lead[1].higher_is_better,
                    "samples": [scores[suite.name][key][0].sample for key in rows],
                }  # fmt: skip
                for part, column in zip(mine, columns, strict=True):
                    assert np.array_equal(part.base, column[~np.isnan(column)]), part.metric

        # Measures over all samples stay as they are; the correction counts them all the same.
        self._still = [part for part in every if part.whole is not None or part.suite not in self.suites]

    def version(
        self, rng: np.random.Generator, share: float, family: str = "", fall: float = 0.0, way: str = WAYS[0]
    ) -> dict[str, Array]:
        """Return other scores: changed by chance everywhere, and fallen in one family, in one of `WAYS`."""
        found = {}
        for name, suite in self.suites.items():
            values = suite["values"].copy()
            for place in np.flatnonzero(rng.random(len(values)) < share):
                other = suite["values"][int(rng.integers(len(values)))]
                # A measure that one of the two lacks stays: the gate compares the samples that have it.
                both = ~np.isnan(other) & ~np.isnan(values[place])
                values[place][both] = other[both]
            if suite["family"] == family:
                column, worst = values[:, suite["lead"]], 0.0 if suite["up"] else 1.0
                _fall(column, fall, worst, losing_order(column, suite["samples"], worst, way, rng))
            found[name] = values
        return found

    def refused(self, version: Mapping[str, Array]) -> set[str]:
        """Return the families that the gate refuses."""
        parts = []
        for name, suite in self.suites.items():
            for place, part in enumerate(suite["parts"]):
                column = version[name][:, place]
                parts.append(replace(part, new=column[~np.isnan(column)]))
        parts += [*self._still, *pooled([*parts, *self._still])]
        found = set()
        for part, (_, _, verdict) in zip(parts, verdicts(parts, self._config), strict=True):
            change = float((part.new - part.base).mean())
            most = self._config.runs.of(part.family).max_fall
            if verdict == "regressed" or (
                most is not None and (-change if part.higher_is_better else change) > most
            ):
                found.add(part.family)
        return found

    @property
    def count(self) -> int:
        """How many parts are corrected for."""
        parts = [*self._still, *(part for suite in self.suites.values() for part in suite["parts"])]
        return len(parts) + len(pooled(parts))


def _column(
    samples: Sequence[Sequence[Record]], suite: SuiteHeader, metric: str, rows: Mapping[Key, int]
) -> Array:
    column = np.full(len(rows), np.nan)
    for score in sample_scores(samples, metric, suite.metrics[metric]):
        column[rows[suite.name, score.sample.id]] = score.value
    return column


def losing_order(
    column: Array, samples: Sequence[Sample], worst: float, way: str, rng: np.random.Generator
) -> list[int]:
    """Return the places of those samples that have something to lose, the first to lose it first."""
    places = [int(at) for at in rng.permutation(np.flatnonzero(~np.isnan(column) & (column != worst)))]
    sizes = Counter(samples[at].unit for at in places)
    kinds = {kind: rng.random() for kind in sorted({samples[at].kind for at in places})}
    first: dict[str, Callable[[int], Any]] = {
        "random": lambda at: 0,
        "worst": lambda at: abs(column[at] - worst),
        "best": lambda at: -abs(column[at] - worst),
        "kinds": lambda at: kinds[samples[at].kind],
        "groups": lambda at: (-sizes[samples[at].unit], samples[at].unit),
    }
    return sorted(places, key=first[way])


def _fall(column: Array, fall: float, worst: float, order: Iterable[int]) -> None:
    """Let samples lose what they have, in place, until the mean has fallen so far."""
    left = fall * int(np.count_nonzero(~np.isnan(column)))
    for place in order:
        loss = min(left, abs(column[place] - worst))
        column[place] += loss if worst else -loss
        left -= loss
        if left <= 1e-12:
            return
