"""What a run works with, before any weight is loaded: its data, its schedule, where the base lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.data.rows import PreferenceRow, TrainRow
from finetune.train.config import AnyTuned, DataSource, DpoConfig
from finetune.train.mixture import Pack, Source, fixed_packs, open_source, plan_phase, steps_of

AnySource = Source[Any]


@dataclass(frozen=True)
class Plan:
    """The data and the schedule of a run."""

    sources: tuple[AnySource, ...]
    measured: tuple[AnySource, ...]
    steps: tuple[int, ...]
    turns: int
    sequences_a_step: int

    @property
    def total(self) -> int:
        """Optimiser steps of all phases."""
        return sum(self.steps)

    def where(self, step: int) -> tuple[int, int]:
        """Return the phase of a step, and the step within it; a phase's end belongs to the next phase."""
        for index, steps in enumerate(self.steps):
            if step < steps:
                return index, step
            step -= steps
        return len(self.steps), 0

    def data_record(self) -> dict[str, Any]:
        """Return what the run's result says about its data."""
        return {
            source.name: {"version": source.version, "rows": len(source.rows), "skipped": len(source.skipped)}
            for source in self.sources
        }

    def packs(self, config: AnyTuned, index: int) -> list[Pack]:
        """Return all packs of a phase in order."""
        return plan_phase(
            config.phases[index],
            self.sources,
            seed=config.seed,
            index=index,
            turns=self.turns,
            length=self.steps[index] * self.sequences_a_step,
        )

    def measured_packs(self, rows: int) -> list[Pack]:
        """Return the packs to measure on, at most about so many rows, spread over the data sets."""
        chosen: list[Pack] = []
        share = max(1, rows // max(1, len(self.measured)))
        for at, source in enumerate(self.measured):
            packs = fixed_packs(source, at, self.turns)
            stride = max(1, len(source.rows) // share)
            chosen += packs[::stride]
        return chosen


def data_folder(spec: DataSource, root: Path) -> Path:
    """Return where a data set lies: a path where the name has a slash, else below the data folder."""
    return Path(spec.name).expanduser() if "/" in spec.name else root / "finetune" / "data" / spec.name


def make_plan(config: AnyTuned, root: Path) -> Plan:
    """Read the data and work out the schedule; needs no torch.

    Raises:
        VidenceError: what `open_source` raises.
    """
    row_type: Any = PreferenceRow if isinstance(config, DpoConfig) else TrainRow
    sources = tuple(open_source(spec, data_folder(spec, root), row_type, config.seed) for spec in config.data)
    measured = tuple(
        open_source(spec, data_folder(spec, root), row_type, config.seed) for spec in config.evaluation.data
    )
    turns = config.sequence.turns
    sequences = config.optim.batch * config.optim.accumulate
    steps = tuple(steps_of(phase, sources, turns, sequences) for phase in config.phases)
    return Plan(sources, measured, steps, turns, sequences)
