"""Evaluating registered models and deciding between them, with every decision in the registry's history."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from core.errors import VidenceError, invalid_input, not_found
from evals.gate import Decision, GateConfig, decide
from finetune.data.dataset import write_whole
from finetune.release.evaluation import Evaluation, read_evaluation
from finetune.release.hashing import sha256_of
from finetune.release.registry import Registry

TEXT_ONLY = "text-only"


class Evaluate(Protocol):
    """Evaluates a registered model on the gate's questions, when no evaluation of it is kept."""

    def __call__(self, ref: str) -> Evaluation:
        """Return the evaluation of `NAME@VERSION`."""
        ...


@dataclass(frozen=True)
class Gated:
    """A decision, with what was compared; `recorded` when it is in the registry's history."""

    decision: Decision
    base: str
    new: str
    data: str
    recorded: bool

    def body(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "base": self.base,
            "new": self.new,
            "data": self.data,
            "recorded": self.recorded,
            **self.decision.model_dump(mode="json"),
        }


def keep_evaluation(registry: Registry, ref: str, evaluation: Evaluation) -> Path:
    """Keep an evaluation of a registered model beside its checkpoint, and note it in its history."""
    state = registry.resolve(ref)
    path = _kept(registry, ref, evaluation.data)
    write_whole(path, evaluation.model_dump_json().encode())
    note = {**evaluation.summary(), "file": path.name, "file_sha256": sha256_of(path)}
    registry.note(f"{state.name}@{state.version}", "evaluated", note)
    return path


def kept_evaluation(registry: Registry, ref: str, data: str) -> Evaluation | None:
    """Return the kept evaluation on this data, or None.

    Raises:
        VidenceError: `blocked` when its file is not what was recorded.
    """
    state = registry.resolve(ref)
    note = state.evaluations.get(data)
    if note is None:
        return None
    path = _kept(registry, ref, data)
    if not path.is_file() or sha256_of(path) != note["file_sha256"]:
        raise VidenceError(
            "blocked",
            f"{path} is not what was recorded",
            help=f"Evaluate {state.name}@{state.version} again.",
        )
    return read_evaluation(path)


def gate_models(
    registry: Registry, base: str, new: str, config: GateConfig, data: str, evaluate: Evaluate
) -> Gated:
    """Decide whether a registered model may replace another, and note it in the new one's history.

    Args:
        registry: The registry.
        base: What to compare with: a registered model, or `text-only`, the new model with grey images.
        new: The model to decide about.
        config: The rules.
        data: `NAME@VERSION:SPLIT` of the questions, as `Questions.ref` says it.
        evaluate: Called for a model that was not evaluated on them yet.

    Raises:
        VidenceError: `not_found`, `invalid_input`, or what evaluating raises.
    """
    state = registry.resolve(new)
    ref = f"{state.name}@{state.version}"
    # Files that changed since they were evaluated are not what the decision is about.
    registry.checkpoint(ref)
    answered = _evaluation(registry, ref, data, evaluate)
    if base == TEXT_ONLY:
        base_ref, base_version, rows = TEXT_ONLY, None, answered.judged_text_only()
    else:
        old = registry.resolve(base)
        base_ref, base_version = f"{old.name}@{old.version}", old.version
        if base_version == state.version:
            raise invalid_input(f"{ref} is the base as well", help="Give two versions.")
        rows = _evaluation(registry, base_ref, data, evaluate).judged()
    decision = decide(_for_first(config) if base == TEXT_ONLY else config, rows, answered.judged())
    body = {
        "passed": decision.passed,
        "reasons": list(decision.reasons),
        "base": base_ref,
        "base_version": base_version,
        "data": data,
        "rules": config.model_dump(mode="json"),
        "rules_sha256": config.sha256,
        "overall": decision.overall.compared.model_dump(mode="json"),
        "target": decision.target.compared.model_dump(mode="json"),
        "kinds": {part.name: part.compared.difference.model_dump() for part in decision.kinds},
    }
    registry.note(ref, "gated", body, why=f"{base_ref}, {data}")
    return Gated(decision, base_ref, ref, data, recorded=True)


def gate_files(base: Path, new: Path, config: GateConfig) -> Gated:
    """Decide between two evaluation files; nothing is recorded.

    Raises:
        VidenceError: `invalid_input` when they are not of the same questions.
    """
    old, answered = read_evaluation(base), read_evaluation(new)
    if old.data != answered.data:
        raise invalid_input(
            f"{base.name} is about {old.data}, {new.name} about {answered.data}",
            help="Evaluate both on the same data, with the same limit.",
        )
    decision = decide(config, old.judged(), answered.judged())
    return Gated(decision, old.model, answered.model, old.data, recorded=False)


def _for_first(config: GateConfig) -> GateConfig:
    """A first model is compared with its own words alone; single kinds of question may need no image."""
    beat = True if config.beat_text_only is None else config.beat_text_only
    return config.model_copy(update={"kinds": "none", "beat_text_only": beat})


def _evaluation(registry: Registry, ref: str, data: str, evaluate: Evaluate) -> Evaluation:
    found = kept_evaluation(registry, ref, data)
    if found is None:
        found = evaluate(ref)
        if found.data != data:
            raise not_found(f"{ref} was evaluated on {found.data}, not on {data}", help="Evaluate it again.")
        keep_evaluation(registry, ref, found)
    return found


def _kept(registry: Registry, ref: str, data: str) -> Path:
    state = registry.resolve(ref)
    safe = data.replace("/", "_").replace(":", "_")
    return registry.path(state.name, state.version) / "evaluations" / f"{safe}.json"
