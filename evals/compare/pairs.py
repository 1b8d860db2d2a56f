"""Two runs sample by sample: the parts that can be compared, and what cannot be. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evals.compare.rules import RunRules
from evals.run.file import Run
from evals.run.header import MetricHeader, SuiteHeader
from evals.run.sample import Record
from evals.run.scores import SampleScore, by_sample, sample_scores
from evals.run.slices import Figure


@dataclass(frozen=True)
class Part:
    """A metric over a suite, or over all suites of a family (`suite` is empty then), in two runs.

    The arrays have one place a sample, shape (n,).
    """

    family: str
    suite: str
    metric: str
    higher_is_better: bool
    base: NDArray[np.float64]
    new: NDArray[np.float64]
    groups: tuple[str, ...]
    errors_base: int
    errors_new: int
    whole: tuple[float, float, int] | None = None
    """Of a measure that is no mean: its value in both runs, and of how many samples; arrays are by block."""


@dataclass(frozen=True)
class Values:
    """For how many samples a measure lost its value (nothing to judge, NaN), or got one.

    Those that have none in one of the runs are not compared: a measure must not pass by having no value.
    """

    suite: str
    metric: str
    lost: int
    gained: int
    left: int
    """Samples that have a value in both runs, or failed."""
    changes: tuple[int, ...] = ()
    """Gained less lost, by group."""


@dataclass(frozen=True)
class Pairs:
    """What two runs have in common, and what not."""

    parts: tuple[Part, ...]
    missing: dict[str, int]
    """Suite to the number of its samples that only the base has; a suite that did not run: all of them."""
    unlike: tuple[str, ...]
    """What cannot be compared because it was measured otherwise."""
    notes: tuple[str, ...]
    values: tuple[Values, ...]
    """Measures that have no value now for samples that had one."""


def pair_runs(base: Run, new: Run, rules: RunRules) -> Pairs:
    """Pair the samples that both runs have, with the same content."""
    old_records, new_records = _by_suite(base), _by_suite(new)
    known = {suite.name: suite for suite in new.header.suites}
    parts: list[Part] = []
    missing: dict[str, int] = {}
    unlike: list[str] = []
    notes: list[str] = []
    values: list[Values] = []
    for suite in base.header.suites:
        before, after = old_records.get(suite.name, []), new_records.get(suite.name, [])
        lacking = len({one.sample.id for one in before} - {one.sample.id for one in after})
        if lacking:
            missing[suite.name] = lacking
        if suite.name not in known:
            continue
        changed, common = _changed(before, after)
        if changed and not common:
            unlike.append(f"{suite.name} (all of its samples have other content now)")
        elif changed:
            notes.append(f"{suite.name}: {changed} samples have other content now and are left out")
        found, differ, without = _parts(suite, known[suite.name], before, after, rules)
        parts += found
        unlike += differ
        values += without
        blocks, left, without = _blocks(base, new, suite, known[suite.name], rules)
        parts += blocks
        notes += left
        values += without
    added = [name for name in known if name not in {suite.name for suite in base.header.suites}]
    if added:
        notes.append(f"only the new run has {', '.join(added)}")
    return Pairs((*parts, *pooled(parts)), missing, tuple(unlike), tuple(notes), tuple(values))


def _by_suite(run: Run) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in run.records:
        found.setdefault(record.sample.suite, []).append(record)
    return found


def _changed(before: Sequence[Record], after: Sequence[Record]) -> tuple[int, int]:
    """Return how many samples of both runs have other content now, and how many the same."""
    hashes = {record.sample.id: record.sha256 for record in after}
    same = {one.sample.id: hashes[one.sample.id] == one.sha256 for one in before if one.sample.id in hashes}
    return len(same) - sum(same.values()), sum(same.values())


def _parts(
    old: SuiteHeader, new: SuiteHeader, before: Sequence[Record], after: Sequence[Record], rules: RunRules
) -> tuple[list[Part], list[str], list[Values]]:
    parts: list[Part] = []
    unlike: list[str] = []
    values: list[Values] = []
    if old.version != new.version:
        return [], [f"suite {old.name} (version {old.version} to {new.version})"], []
    in_both = {(one.sample.id, one.sha256) for one in before} & {(one.sample.id, one.sha256) for one in after}
    old_epochs, new_epochs = by_sample(before), by_sample(after)
    for name, metric in old.metrics.items():
        other = new.metrics.get(name)
        if not _judged(old.family, name, metric, rules):
            continue
        if other is None or (other.version, other.higher_is_better) != (
            metric.version,
            metric.higher_is_better,
        ):
            unlike.append(
                f"{old.name} {name} ({'not measured' if other is None else 'measured otherwise'} now)"
            )
            continue
        was, now = (
            {(one.sample.id, one.sha256): one for one in sample_scores(epochs, name, metric)}
            for epochs in (old_epochs, new_epochs)
        )
        pairs = [(was[key], score) for key, score in now.items() if key in was]
        if pairs:
            parts.append(_part(old, name, metric, pairs))
        lost, gained = in_both & was.keys() - now.keys(), in_both & now.keys() - was.keys()
        if lost:
            changes = Counter(now[key].sample.unit for key in gained)
            changes.subtract(was[key].sample.unit for key in lost)
            by_group = tuple(changes[unit] for unit in sorted(changes))
            values.append(Values(old.name, name, len(lost), len(gained), len(pairs), by_group))
    return parts, unlike, values


def _blocks(
    base: Run, new: Run, old: SuiteHeader, now: SuiteHeader, rules: RunRules
) -> tuple[list[Part], list[str], list[Values]]:
    """Return the measures that are no mean, by the pseudo-values of their blocks of samples."""
    parts: list[Part] = []
    notes: list[str] = []
    values: list[Values] = []
    for name, metric in old.metrics.items():
        wanted = metric.corpus and _judged(old.family, name, metric, rules)
        if not wanted or name not in now.metrics or now.version != old.version:
            continue
        was, is_ = (_figure(run, old.name, name) for run in (base, new))
        if was is not None and was.value is not None and (is_ is None or is_.value is None):
            values.append(Values(old.name, name, was.n, 0, 0))
            continue
        if was and is_ and is_.errors > was.errors and was.blocks and was.blocks.keys() != is_.blocks.keys():
            # So many failed that whole blocks are gone: no reason to let it pass.
            values.append(Values(old.name, name, is_.errors - was.errors, 0, 0))
            continue
        if was is None or is_ is None or not was.blocks or was.blocks.keys() != is_.blocks.keys():
            notes.append(f"{old.name} {name}: not judged, the runs do not have the same 10 or more blocks")
            continue
        if old.data_sha256 != now.data_sha256:
            notes.append(f"{old.name} {name}: not judged, its data changed")
            continue
        order = sorted(was.blocks)
        assert was.value is not None
        assert is_.value is not None
        parts.append(
            Part(
                family=old.family,
                suite=old.name,
                metric=name,
                higher_is_better=metric.higher_is_better,
                base=np.asarray([was.blocks[block] for block in order], dtype=np.float64),
                new=np.asarray([is_.blocks[block] for block in order], dtype=np.float64),
                groups=tuple(order),
                errors_base=was.errors,
                errors_new=is_.errors,
                whole=(was.value, is_.value, min(was.n, is_.n)),
            )
        )
    return parts, notes, values


def _figure(run: Run, suite: str, metric: str) -> Figure | None:
    found = run.summary.figures if run.summary else ()
    return next((one for one in found if (one.suite, one.metric, one.by) == (suite, metric, "")), None)


def _judged(family: str, name: str, metric: MetricHeader, rules: RunRules) -> bool:
    wanted = name in rules.metrics if rules.metrics else metric.judged
    return wanted and name not in rules.of(family).ignore


def _part(
    suite: SuiteHeader, name: str, metric: MetricHeader, pairs: Sequence[tuple[SampleScore, SampleScore]]
) -> Part:
    pairs = sorted(pairs, key=lambda pair: pair[0].sample.id)
    return Part(
        family=suite.family,
        suite=suite.name,
        metric=name,
        higher_is_better=metric.higher_is_better,
        base=np.asarray([old.value for old, _ in pairs], dtype=np.float64),
        new=np.asarray([new.value for _, new in pairs], dtype=np.float64),
        groups=tuple(f"{suite.name}/{old.sample.unit}" for old, _ in pairs),
        errors_base=sum(old.errors > 0 for old, _ in pairs),
        errors_new=sum(new.errors > 0 for _, new in pairs),
    )


def pooled(parts: Sequence[Part]) -> list[Part]:
    """Return each metric over the suites of a family that share it, where there are several."""
    shared: dict[tuple[str, str, bool], list[Part]] = {}
    for part in parts:
        if part.whole is not None:
            continue  # a measure that is no mean cannot be pooled
        shared.setdefault((part.family, part.metric, part.higher_is_better), []).append(part)
    return [
        Part(
            family=family,
            suite="",
            metric=metric,
            higher_is_better=higher,
            base=np.concatenate([part.base for part in several]),
            new=np.concatenate([part.new for part in several]),
            groups=tuple(group for part in several for group in part.groups),
            errors_base=sum(part.errors_base for part in several),
            errors_new=sum(part.errors_new for part in several),
        )
        for (family, metric, higher), several in shared.items()
        if len(several) > 1
    ]
