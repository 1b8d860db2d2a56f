"""Whether a new run is worse than a base: every metric of every family, corrected for their number. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from core.contracts import Contract
from core.errors import invalid_input
from evals.compare.holm import holm
from evals.compare.mde import detectable, needed, observed
from evals.compare.pairs import Pairs, Part, Values, pair_runs
from evals.compare.signflip import DRAWS, p_value
from evals.compare.trends import run_figures
from evals.gate import GateConfig
from evals.paired import Interval, group_sums, paired_difference
from evals.run.file import Run

Verdict = Literal["regressed", "improved", "same"]
FALLS = (0.2, 0.1, 0.05)
CHURN = 0.05
"""Of planning: one sample in 20 changes between versions that are equally good."""


class Compared(Contract):
    """A metric over a suite, or over a whole family (`suite` is empty), in two runs.

    `difference` is new minus base with its bootstrap interval, for this part alone; `verdict` follows from
    `p_holm`, which accounts for all parts.
    """

    family: str
    suite: str = ""
    metric: str
    higher_is_better: bool
    n: int
    groups: int
    base: float
    new: float
    difference: Interval
    better: int = Field(description="Samples that got better.")
    worse: int
    p: float
    p_holm: float
    detectable: float = Field(description="Least fall that would be noticed; over 1: none would.")
    needed: int = Field(description="Independent samples that notice the fall that must not go unnoticed.")
    verdict: Verdict
    errors_base: int = 0
    errors_new: int = 0
    by_blocks: bool = Field(
        False,
        description="A measure that is no mean, compared by blocks of samples; failed samples are not in it.",
    )

    @property
    def name(self) -> str:
        """What a reason calls it."""
        where = self.suite if self.suite in ("", self.family) else f"{self.family}/{self.suite}"
        return f"{where or self.family} {self.metric}"


class Comparison(Contract):
    """What `vidence eval compare` prints."""

    base: str
    new: str
    passed: bool
    reasons: tuple[str, ...] = Field(description="Why it did not pass.")
    notes: tuple[str, ...] = ()
    alpha: float = Field(description="Chance of even one false alarm, in either direction.")
    comparisons: int = Field(description="How many the correction is for.")
    detect: float
    power: float
    parts: tuple[Compared, ...]
    sizes: dict[str, int] = Field(
        description="Fall to the independent samples a family needs for it, if 5% of answers change anyway."
    )


def compare_runs(base: Run, new: Run, config: GateConfig | None = None) -> Comparison:
    """Compare two runs on the samples that both have.

    Args:
        base: What to compare with.
        new: What to decide about.
        config: The rules; by default those of an empty gate file.

    Raises:
        VidenceError: `invalid_input` when nothing can be compared.
    """
    config = config or GateConfig()
    pairs = pair_runs(base, new, config.runs)
    if not pairs.parts:
        raise invalid_input(
            f"{base.path.name} and {new.path.name} have no sample in common that has a value in both"
            + (f"; measured otherwise: {', '.join(pairs.unlike)}" if pairs.unlike else "")
            + (f"; judged are only {', '.join(config.runs.metrics)}" if config.runs.metrics else ""),
            help="Run the same suites on the same data for both.",
        )
    compared = _compare(pairs.parts, config)
    level = (1 - config.confidence) / len(compared)
    reasons = [
        *_regressions(compared, config),
        *_lacking(pairs, config),
        *([] if config.runs.allow_missing else _unfinished("new run", new)),
        *(_said_lost(one) for one in pairs.values if _lost(one, level)),
        *_failures(new, config),
        *_floors(new, config),
    ]
    small = [one.name for one in compared if one.detectable > config.runs.detect]
    # A part of a base is still a base; what was not asked there is not compared.
    notes = [
        *pairs.notes,
        *_unfinished("base", base),
        *(_said_lost(one) for one in pairs.values if not _lost(one, level)),
    ]
    if small:
        notes.append(
            f"{len(small)} of {len(compared)} parts are too small to notice a fall of "
            f"{config.runs.detect:.0%}: {', '.join(small)}"
        )
    return Comparison(
        base=str(base.path),
        new=str(new.path),
        passed=not reasons,
        reasons=tuple(reasons),
        notes=tuple(notes),
        alpha=round(1 - config.confidence, 12),
        comparisons=len(compared),
        detect=config.runs.detect,
        power=config.runs.power,
        parts=tuple(compared),
        sizes={f"{fall:g}": needed(fall, CHURN, 1.0, level, config.runs.power) for fall in FALLS},
    )


def verdicts(parts: Sequence[Part], config: GateConfig) -> list[tuple[float, float, Verdict]]:
    """Return of each part its p-value, the one corrected for how many they are, and what follows."""
    alpha = 1 - config.confidence
    # Enough draws for the least p-value to survive the correction twenty times over.
    draws = max(DRAWS, math.ceil(20 * len(parts) / alpha))
    sums = [group_sums(part.new - part.base, part.groups)[0] for part in parts]
    p_values = [p_value(one, draws=draws, seed=config.seed) for one in sums]
    found: list[tuple[float, float, Verdict]] = []
    for part, change, single, adjusted in zip(parts, sums, p_values, holm(p_values), strict=True):
        better = (float(change.sum()) > 0) == part.higher_is_better
        verdict: Verdict = "same" if adjusted >= alpha else "improved" if better else "regressed"
        found.append((single, adjusted, verdict))
    return found


def _compare(parts: Sequence[Part], config: GateConfig) -> list[Compared]:
    level = (1 - config.confidence) / len(parts)
    found: list[Compared] = []
    for part, (single, adjusted, verdict) in zip(parts, verdicts(parts, config), strict=True):
        difference = paired_difference(
            part.base.tolist(),
            part.new.tolist(),
            part.groups,
            confidence=config.confidence,
            resamples=config.resamples,
            seed=config.seed,
        )
        was, now, count = part.whole or (difference.base, difference.new, difference.n)
        good = part.base if part.higher_is_better else np.clip(1 - part.base, 0, 1)
        worth, churn, weight = observed(good, part.new - part.base, part.groups)
        if part.whole is not None:
            weight = 0.0  # blocks lose a little each, not everything
        found.append(
            Compared(
                family=part.family,
                suite=part.suite,
                metric=part.metric,
                higher_is_better=part.higher_is_better,
                n=count,
                groups=difference.groups,
                base=was,
                new=now,
                difference=difference.difference,
                better=difference.only_new_right if part.higher_is_better else difference.only_base_right,
                worse=difference.only_base_right if part.higher_is_better else difference.only_new_right,
                p=single,
                p_holm=adjusted,
                detectable=detectable(worth, churn, weight, level, config.runs.power),
                needed=_needed(part, needed(config.runs.detect, churn, weight, level, config.runs.power)),
                verdict=verdict,
                errors_base=part.errors_base,
                errors_new=part.errors_new,
                by_blocks=part.whole is not None,
            )
        )
    return found


def _needed(part: Part, units: int) -> int:
    """Blocks have several samples."""
    return units if part.whole is None else math.ceil(units * part.whole[2] / len(part.groups))


def _regressions(compared: list[Compared], config: GateConfig) -> list[str]:
    reasons = []
    for one in compared:
        change = one.difference
        fall = -change.value if one.higher_is_better else change.value
        most = config.runs.of(one.family).max_fall
        said = f"{one.name}: {one.base:.3f} to {one.new:.3f} ({change.low:+.3f} to {change.high:+.3f})"
        if one.verdict == "regressed":
            reasons.append(f"{said}, p {one.p_holm:.4f} for {len(compared)} comparisons")
        elif most is not None and fall > most:
            reasons.append(f"{said}, more than the {most:.3f} that its family may fall")
        if one.by_blocks and one.errors_new > one.errors_base:
            # Elsewhere they count as wrong; here they would only make the measure kinder.
            reasons.append(f"{one.name}: {one.errors_new} samples failed, {one.errors_base} in the base")
    return reasons


def _lacking(pairs: Pairs, config: GateConfig) -> list[str]:
    reasons = [f"{what} cannot be compared: run the base again" for what in pairs.unlike]
    if not config.runs.allow_missing:
        reasons += [
            f"{suite}: {count} samples of the base are missing in the new run"
            for suite, count in pairs.missing.items()
        ]
    return reasons


def _unfinished(name: str, run: Run) -> list[str]:
    """Say which suites of a run that was killed or limited were not asked to their end."""
    if run.summary is not None and run.summary.complete:
        return []  # a load is over when its time is, whoever was asked
    done = Counter(record.sample.suite for record in run.records)
    wanted = {suite.name: suite.samples * run.header.epochs for suite in run.header.suites}
    return [
        f"{suite}: the {name} is not finished, {done[suite]} of {count} samples were asked"
        for suite, count in wanted.items()
        if done[suite] < count
    ]


def _lost(one: Values, level: float) -> bool:
    """Whether a measure lost its value for all samples, or for more of them than chance takes away."""
    by_chance = p_value(np.asarray(one.changes, dtype=np.float64))
    return one.left == 0 or (one.lost > one.gained and by_chance < level)


def _said_lost(one: Values) -> str:
    newly = f"; {one.gained} have one that had none" if one.gained else ""
    return f"{one.suite} {one.metric}: {one.lost} samples have no value now that had one{newly}"


def _failures(new: Run, config: GateConfig) -> list[str]:
    reasons = []
    families = {suite.family for suite in new.header.suites}
    reasons += [f"family {name} was not run" for name in config.runs.require if name not in families]
    most = config.runs.max_errors
    if most is not None:
        done = Counter(record.sample.suite for record in new.records)
        failed = Counter(record.sample.suite for record in new.records if record.error is not None)
        reasons += [
            f"{suite}: {count} of {done[suite]} samples failed, {most:.1%} may"
            for suite, count in sorted(failed.items())
            if count / done[suite] > most
        ]
    return reasons


def _floors(new: Run, config: GateConfig) -> list[str]:
    found = run_figures(new)
    whole = [figure for figure in found if not figure.by]
    measured = {(figure.family, figure.metric) for figure in whole}
    reasons = [
        f"{family} {metric} was not measured, {floor:.3f} is wanted"
        for family, rules in config.runs.families.items()
        for metric, floor in rules.floor.items()
        if (family, metric) not in measured
    ]
    for figure in whole:
        floor = config.runs.of(figure.family).floor.get(figure.metric)
        if floor is None:
            continue
        value = figure.value
        good = value is not None and (value >= floor if figure.higher_is_better else value <= floor)
        if not good:
            said = "no value" if value is None else f"{value:.3f}"
            least = "at least" if figure.higher_is_better else "at most"
            reasons.append(f"{figure.suite} {figure.metric}: {said}, {least} {floor:.3f} is wanted")
    return reasons
