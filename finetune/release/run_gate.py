"""The gate on eval run files: whether the agent with a new model is worse than with the one in production."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.contracts import ModelRef
from core.errors import VidenceError, invalid_input
from evals.compare.decide import Comparison, compare_runs
from evals.gate import GateConfig
from evals.run.file import Run, read_finished
from evals.run.header import changes
from finetune.release.hashing import sha256_of
from finetune.release.registry import Registry

_NAMED = 12
"""So many differences between two runs does the registry keep."""


@dataclass(frozen=True)
class RunsGated:
    """A decision on two run files, and what the registry keeps of it."""

    comparison: Comparison
    body: dict[str, Any]


def gate_runs(registry: Registry, new: str, base_run: Path, new_run: Path, config: GateConfig) -> RunsGated:
    """Decide by two eval run files whether a version may be promoted, and note it in its history.

    The new run must have used exactly this version, and the base run what is in production now; without
    anything in production it is any run that did not use this version.

    Args:
        registry: The registry.
        new: The version to decide about.
        base_run: Of what is in production.
        new_run: Of this version.
        config: The rules (`runs`).

    Raises:
        VidenceError: `blocked` when a run is of another model, or a file of the version changed;
            `not_found`, or `invalid_input` for files that are no finished runs or have nothing in common.
    """
    state = registry.resolve(new)
    ref = f"{state.name}@{state.version}"
    registry.checkpoint(ref)
    current = registry.in_production(state.name)
    old, fresh = read_finished(base_run), read_finished(new_run)
    _check_used(fresh, state.name, state.version)
    if current is not None and current != state.version:
        _check_used(old, state.name, current)
    elif used(old, state.name, state.version):
        raise invalid_input(f"{base_run.name} is of {ref} as well", help="Give a run of another model.")
    found = compare_runs(old, fresh, config)
    body = {
        "passed": found.passed,
        "reasons": list(found.reasons),
        "base_version": current,
        "base": _about(old),
        "new": _about(fresh),
        # The runs may differ in more than the model: whoever reads the history should see it.
        "differences": changes(old.header, fresh.header)[:_NAMED],
        "rules": config.runs.model_dump(mode="json"),
        "rules_sha256": config.sha256,
        "parts": {
            part.name: {
                "base": part.base,
                "new": part.new,
                "low": part.difference.low,
                "high": part.difference.high,
                "verdict": part.verdict,
            }
            for part in found.parts
        },
    }
    registry.note(ref, "runs_gated", body, why=f"{base_run.name}, {new_run.name}")
    return RunsGated(found, body)


def used(run: Run, name: str, version: str) -> bool:
    """Whether any suite of a run used a registered version: by the hash of its files, or as NAME@VERSION."""
    return any(one.hash == version or one.name == f"{name}@{version}" for one in _models(run))


def _models(run: Run) -> Iterator[ModelRef]:
    for suite in run.header.suites:
        yield from suite.models.values()


def _check_used(run: Run, name: str, version: str) -> None:
    if used(run, name, version):
        return
    known = sorted({f"{one.name} ({one.hash})" for one in _models(run)})
    raise VidenceError(
        "blocked",
        f"{run.path.name} is not of {name}@{version}; its models: {', '.join(known[:6]) or 'none'}",
        help=f"Serve that version and name it: VIDENCE_VLM=openai:BASE_URL#{name}@{version} "
        "vidence eval run SUITES -o FILE, with a suite that asks it.",
    )


def _about(run: Run) -> dict[str, Any]:
    return {
        "file": run.path.name,
        "sha256": sha256_of(run.path),
        "started": run.header.started,
        "code": run.header.code.sha256,
        "commit": run.header.code.commit,
        "suites": {suite.name: suite.data_sha256 for suite in run.header.suites},
    }
