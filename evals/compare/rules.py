"""What a gate file says about run files."""

from __future__ import annotations

from pydantic import Field, FiniteFloat

from core.contracts import Contract
from evals.compare.mde import POWER


class FamilyRules(Contract):
    """Rules of one family, beside the comparison."""

    floor: dict[str, FiniteFloat] = Field(
        default_factory=dict,
        description="Metric to the least value of the new run (most, if lower is better).",
    )
    max_fall: float | None = Field(
        None, gt=0, le=1, description="Largest fall, however wide its interval; small families need it most."
    )
    ignore: tuple[str, ...] = Field((), description="Metrics that are shown and not judged.")


class RunRules(Contract):
    """How two runs are compared."""

    metrics: tuple[str, ...] = Field((), description="Judge only these; empty: all that suites have judged.")
    require: tuple[str, ...] = Field((), description="Families that the new run must have.")
    families: dict[str, FamilyRules] = Field(default_factory=dict)
    max_errors: float | None = Field(
        None, ge=0, le=1, description="Largest share of failed samples in any suite of the new run."
    )
    allow_missing: bool = Field(
        False, description="Whether the new run may lack suites or samples that the base has."
    )
    detect: float = Field(
        0.2, gt=0, lt=1, description="A fall that must not go unnoticed; smaller suites are named."
    )
    power: float = Field(POWER, gt=0.5, lt=1, description="Chance of noticing it.")

    def of(self, family: str) -> FamilyRules:
        """Return the rules of a family, the defaults without any."""
        return self.families.get(family, FamilyRules())
