"""What the gate of evals notices: simulated falls caught, false alarms, and the samples that a suite needs.

    python -m benchmarks.gate_power [--families 20] [--samples 120] [--seeds 200] [-o FILE]

A version of 75% right answers is compared with an equally good one, whose answers changed by chance (`churn`,
as often for the better as for the worse), and with one that lost 5, 10 or 20 points in one family besides.
The whole gate decides each time: one metric a family, Holm over all of them.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.common import Figures, add_output_options, print_figures
from evals.compare.decide import FALLS, verdicts
from evals.compare.mde import needed
from evals.compare.pairs import Part
from evals.gate import GateConfig

RIGHT = 0.75
CONFIG = GateConfig()


def alarms(base: np.ndarray, new: np.ndarray) -> set[int]:
    """Return the families that the gate refuses; the arrays have shape (families, samples)."""
    groups = tuple(str(number) for number in range(base.shape[1]))
    parts = [
        Part(str(place), str(place), "accuracy", True, old, now, groups, errors_base=0, errors_new=0)
        for place, (old, now) in enumerate(zip(base, new, strict=True))
    ]
    found = verdicts(parts, CONFIG)
    return {place for place, (_, _, verdict) in enumerate(found) if verdict == "regressed"}


def simulate(families: int, samples: int, churn: float, fall: float, seed: int) -> tuple[bool, bool]:
    """Return whether the planted fall was caught, and whether any other family raised an alarm."""
    rng = np.random.default_rng(seed)
    base = (rng.random((families, samples)) < RIGHT).astype(float)
    chance = np.where(base == 1, churn / 2 / RIGHT, churn / 2 / (1 - RIGHT))
    new = np.where(rng.random(base.shape) < chance, 1 - base, base)
    right = np.flatnonzero(new[0])
    new[0][rng.choice(right, round(fall * samples), replace=False)] = 0.0
    found = alarms(base, new)
    return 0 in found, bool(found - ({0} if fall else set()))


def measure(families: int, samples: int, churn: float, seeds: int) -> Figures:
    """Return the shares of falls caught and of false alarms."""
    level = (1 - CONFIG.confidence) / families
    false = sum(simulate(families, samples, churn, 0.0, seed)[1] for seed in range(seeds))
    caught = {
        f"{fall:g}": sum(simulate(families, samples, churn, fall, seed)[0] for seed in range(seeds)) / seeds
        for fall in FALLS
    }
    return {
        "families": families,
        "samples": samples,
        "churn": churn,
        "seeds": seeds,
        "false_alarms": false / seeds,
        "caught": caught,
        "needed": {f"{fall:g}": needed(fall, churn, 1.0, level) for fall in FALLS},
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--families", type=int, default=20)
    parser.add_argument("--samples", type=int, default=120, help="of each family")
    parser.add_argument("--churn", type=float, default=0.05, help="share of answers that change anyway")
    parser.add_argument("--seeds", type=int, default=200)
    add_output_options(parser)
    args = parser.parse_args()
    print_figures(measure(args.families, args.samples, args.churn, args.seeds), args.output)


if __name__ == "__main__":
    main()
