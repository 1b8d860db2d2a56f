"""What the gate of evals notices: falls caught, false alarms, and the samples that a suite needs.

    python -m benchmarks.gate_power --run RUN.jsonl [--fall 0.2] [--family F]... [--seeds 20] [--way W]
    python -m benchmarks.gate_power [--families 20] [--samples 120] [--seeds 200] [-o FILE]

With `--run` falls are planted in a real run file, in each family by itself (`benchmarks.planted_falls`),
on top of changes by chance in all families; and 200 pairs of equally good versions are made of it. The
gate decides as `vidence eval gate` does, over all parts. Exit code 1 when a family misses more than one
fall in 20, or more than one pair in 20 is refused. A family that has less to lose than the fall is named and
not judged.

Without it everything is simulated: a version of 75% right answers is compared with an equally good one,
whose answers changed by chance (`churn`, as often for the better as for the worse), and with one that
lost 5, 10 or 20 points in one family besides. The whole gate decides each time: one metric a family, Holm
over all of them.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np

from benchmarks.common import Figures, add_output_options, print_figures
from benchmarks.planted_falls import WAYS, Table, families, plant, together
from evals.compare.decide import FALLS, verdicts
from evals.compare.mde import needed
from evals.compare.pairs import Part
from evals.gate import GateConfig, load_gate
from evals.run.file import Run, read_run

RIGHT = 0.75
CONFIG = GateConfig()
LEAST_CAUGHT = 0.95
PLANTED, SIMULATED = 20, 200


def alarms(base: np.ndarray, new: np.ndarray) -> set[int]:
    """Return the families that the gate refuses; the arrays have shape (families, samples)."""
    groups = tuple(str(number) for number in range(base.shape[1]))
    parts = [
        Part(str(place), str(place), "accuracy", True, old, now, groups, errors_base=0, errors_new=0)
        for place, (old, now) in enumerate(zip(base, new, strict=True))
    ]
    found = verdicts(parts, CONFIG)
    return {place for place, (_, _, verdict) in enumerate(found) if verdict == "regressed"}


def simulate(count: int, samples: int, changed: float, fall: float, seed: int) -> tuple[bool, bool]:
    """Return whether the planted fall was caught, and whether any other family raised an alarm."""
    rng = np.random.default_rng(seed)
    base = (rng.random((count, samples)) < RIGHT).astype(float)
    chance = np.where(base == 1, changed / 2 / RIGHT, changed / 2 / (1 - RIGHT))
    new = np.where(rng.random(base.shape) < chance, 1 - base, base)
    right = np.flatnonzero(new[0])
    new[0][rng.choice(right, round(fall * samples), replace=False)] = 0.0
    found = alarms(base, new)
    return 0 in found, bool(found - ({0} if fall else set()))


def measure(count: int, samples: int, changed: float, seeds: int) -> Figures:
    """Return the shares of falls caught and of false alarms."""
    level = (1 - CONFIG.confidence) / count
    false = sum(simulate(count, samples, changed, 0.0, seed)[1] for seed in range(seeds))
    caught = {
        f"{fall:g}": sum(simulate(count, samples, changed, fall, seed)[0] for seed in range(seeds)) / seeds
        for fall in FALLS
    }
    return {
        "families": count,
        "samples": samples,
        "churn": changed,
        "seeds": seeds,
        "false_alarms": false / seeds,
        "caught": caught,
        "needed": {f"{fall:g}": needed(fall, changed, 1.0, level) for fall in FALLS},
    }


def measure_run(args: argparse.Namespace) -> tuple[Figures, bool]:
    """Return what the gate says to falls planted in a run file, and whether that is good enough."""
    run, config = together([read_run(path) for path in args.run]), load_gate(args.config)
    table = Table(run, config)
    rows = {name: _planted(run, table, name, args) for name in args.family or families(run)}
    alarms = sum(
        bool(table.refused(table.version(np.random.default_rng([7, seed]), args.churn)))
        for seed in range(args.pairs)
    )
    least = math.ceil(LEAST_CAUGHT * args.seeds)
    good = alarms <= (1 - LEAST_CAUGHT) * args.pairs + 1e-9
    floored = [name for name, row in rows.items() if _has_less(row["fell"], args.fall)]
    good &= all(row["caught"] >= least for name, row in rows.items() if name not in floored)
    return {
        "runs": [str(path) for path in args.run],
        "parts": table.count,
        "fall": args.fall,
        "way": args.way,
        "churn": args.churn,
        "seeds": args.seeds,
        "families": rows,
        "cannot_fall": floored,
        "false_alarms": alarms,
        "pairs": args.pairs,
        "good": good,
    }, good


def _has_less(fell: dict[str, float], fall: float) -> bool:
    """Return whether none of a family's suites had as much to lose as was asked."""
    return max(fell.values(), default=0.0) < fall - 1e-9


def _planted(run: Run, table: Table, name: str, args: argparse.Namespace) -> Figures:
    caught = 0
    for seed in range(args.seeds):
        new = table.version(np.random.default_rng(seed), args.churn, name, args.fall, args.way)
        caught += name in table.refused(new)
    units = {
        suite.name: len({one.sample.unit for one in run.records if one.sample.suite == suite.name})
        for suite in run.header.suites
        if suite.family == name
    }
    _, fell = plant(run, [name], args.fall, np.random.default_rng(0))
    print(f"{name}: {caught} of {args.seeds}", file=sys.stderr, flush=True)
    return {"caught": caught, "units": sum(units.values()), "suites": units, "fell": fell}


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--run", type=Path, action="append", help="a run file of `vidence eval run`; several are taken as one"
    )
    parser.add_argument("--config", type=Path, help="a gate file; by default the one that ships")
    parser.add_argument("--fall", type=float, default=0.2, help="of the mean, in each suite of a family")
    parser.add_argument("--family", action="append", help="only this one; repeatable")
    parser.add_argument("--way", choices=WAYS, default=WAYS[0], help="which samples lose first")
    parser.add_argument("--pairs", type=int, default=200, help="of equally good versions")
    parser.add_argument("--families", type=int, default=20)
    parser.add_argument("--samples", type=int, default=120, help="of each family")
    parser.add_argument("--churn", type=float, default=0.05, help="share of answers that change anyway")
    parser.add_argument("--seeds", type=int, help="20 with a run file, 200 otherwise")
    add_output_options(parser)
    args = parser.parse_args()
    if args.run is None:
        figures = measure(args.families, args.samples, args.churn, args.seeds or SIMULATED)
        good = True
    else:
        args.seeds = args.seeds or PLANTED
        figures, good = measure_run(args)
    print_figures(figures, args.output)
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
