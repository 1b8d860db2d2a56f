"""The gate: whether a new model may replace an old one, from their answers to the same questions. Pure.

One file holds all rules (`evals/gate.yaml` as shipped, which counts where none is given): for two models on
the same questions, for two run files of suites (`runs`, see `evals.compare`), and what a promotion asks
for (`promotion`).

A part (all questions, or those of one kind) falls when the interval of the paired difference lies wholly
below zero, or when the difference itself is below `-max_fall`: few questions give wide intervals, and a wide
interval alone must not let a large fall pass. Kinds share the error rate (Bonferroni), so that many kinds do
not refuse a good model by chance.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from core.contracts import Contract
from core.errors import invalid_input, not_found
from evals.compare.rules import FamilyRules, RunRules
from evals.paired import RESAMPLES, Paired, paired_difference

SHIPPED = Path(__file__).with_name("gate.yaml")


class Promotion(Contract):
    """What `vidence finetune promote` asks for beside the gate's pass on questions."""

    runs: Literal["optional", "required"] = Field(
        "optional",
        description="required: eval run files of this version and of what is in production must pass, too.",
    )


class GateConfig(Contract):
    """What a gate file says. Every key has a default; unknown keys are refused."""

    data: str = Field("", description="Questions to decide on: NAME[:SPLIT].")
    target: tuple[str, ...] = Field((), description="Kinds that the new model is for; empty: all questions.")
    need: Literal["improve", "hold"] = Field(
        "hold", description="improve: the target's interval lies above zero; hold: it does not fall."
    )
    max_fall: float = Field(0.05, ge=0, le=1, description="Largest fall of any part, as a share.")
    kinds: Literal["all", "none"] = Field("all", description="Whether no kind may fall either.")
    min_questions: int = Field(20, ge=1, description="Fewer questions decide nothing: refused.")
    min_kind_questions: int = Field(10, ge=1, description="Kinds with fewer are reported, not judged.")
    min_accuracy: float = Field(0.0, ge=0, le=1, description="The new model's least accuracy.")
    beat_text_only: bool | None = Field(
        None,
        description="The new model must be better than itself with grey images, beyond the interval; "
        "unless said, only a first model, which has nothing else to beat.",
    )
    confidence: float = Field(0.95, gt=0, lt=1, description="Of every interval.")
    resamples: int = Field(RESAMPLES, ge=100, description="Draws of the bootstrap.")
    seed: int = Field(0, ge=0, description="The same seed decides the same.")
    runs: RunRules = Field(RunRules(), description="How two run files are compared (vidence eval gate).")
    promotion: Promotion = Field(Promotion(), description="What `vidence finetune promote` asks for.")

    @property
    def sha256(self) -> str:
        """Names these rules."""
        return hashlib.sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()


class Judged(Contract):
    """One question as one model answered it. `score` is 0 to 1; `text_only` is that with a grey image."""

    id: str
    kind: str
    group: str
    score: float
    text_only: float | None = None


class Part(Contract):
    """All questions, or those of one kind, compared."""

    name: str
    compared: Paired
    judged: bool = True
    fell: bool = False


class Decision(Contract):
    """What the gate says, and why."""

    passed: bool
    reasons: tuple[str, ...] = Field(description="Why it was refused; empty when it passed.")
    target: Part
    overall: Part
    kinds: tuple[Part, ...]
    text_only: Paired | None = None


def load_gate(path: Path | None) -> GateConfig:
    """Read a gate file; without one, the file as shipped.

    Raises:
        VidenceError: `not_found`, or `invalid_input` naming the key that is wrong.
    """
    import yaml

    path = path or SHIPPED
    if not path.is_file():
        raise not_found(f"There is no gate file at {path}", help=f"See {SHIPPED}, which has every key.")
    try:
        body: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return GateConfig.model_validate({} if body is None else body)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise invalid_input(f"{path} is not YAML: {error}", help="Mend the file.") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "file"
        raise invalid_input(
            f"{path}: {key}: {first['msg']}", help=f"Keys there: {', '.join(_keys_beside(first['loc']))}."
        ) from error


def _keys_beside(place: tuple[int | str, ...]) -> list[str]:
    """Return the keys that a gate file may have where something is wrong."""
    model: type[Contract] = GateConfig
    if place[:1] == ("runs",) and len(place) > 1:
        model = FamilyRules if place[1] == "families" and len(place) > 3 else RunRules
    elif place[:1] == ("promotion",) and len(place) > 1:
        model = Promotion
    return list(model.model_fields)


def decide(config: GateConfig, base: Sequence[Judged], new: Sequence[Judged]) -> Decision:
    """Compare two models' answers to the same questions.

    Raises:
        VidenceError: `invalid_input` when they did not answer the same questions, or no target is left.
    """
    old = _same_questions(base, new)
    kinds = sorted(Counter(row.kind for row in new))
    judged_kinds = [kind for kind in kinds if _count(new, kind) >= config.min_kind_questions]
    overall = _part("overall", config, old, new, config.confidence)
    shared = 1 - (1 - config.confidence) / max(1, len(judged_kinds))
    parts = tuple(
        _part(kind, config, old, [row for row in new if row.kind == kind], shared, kind in judged_kinds)
        for kind in kinds
    )
    wanted = [row for row in new if row.kind in config.target] if config.target else list(new)
    if not wanted:
        raise invalid_input(
            f"No question is of kind {', '.join(config.target)}", help=f"Kinds: {', '.join(kinds)}."
        )
    target = _part("+".join(config.target) or "overall", config, old, wanted, config.confidence)
    text_only = _over_text_only(config, new)
    reasons = [*_target_reasons(config, target), *_fall_reasons(config, overall, parts, target)]
    if len(new) < config.min_questions:
        reasons.append(f"{len(new)} questions decide nothing; {config.min_questions} are needed")
    if overall.compared.new < config.min_accuracy:
        reasons.append(f"accuracy {overall.compared.new:.3f} is below {config.min_accuracy:.3f}")
    if config.beat_text_only and (text_only is None or text_only.difference.low <= 0):
        reasons.append("it does no better than with a grey image in every image's place")
    return Decision(
        passed=not reasons,
        reasons=tuple(dict.fromkeys(reasons)),
        target=target,
        overall=overall,
        kinds=parts,
        text_only=text_only,
    )


def _same_questions(base: Sequence[Judged], new: Sequence[Judged]) -> dict[str, Judged]:
    old = {row.id: row for row in base}
    if not new or set(old) != {row.id for row in new} or len(old) != len(base) or len(new) != len(old):
        raise invalid_input(
            f"The two models did not answer the same questions ({len(base)} and {len(new)})",
            help="Evaluate both on the same data, with the same limit.",
        )
    return old


def _count(rows: Sequence[Judged], kind: str) -> int:
    return sum(row.kind == kind for row in rows)


def _part(
    name: str,
    config: GateConfig,
    old: Mapping[str, Judged],
    rows: Sequence[Judged],
    confidence: float,
    judged: bool = True,
) -> Part:
    compared = paired_difference(
        [old[row.id].score for row in rows],
        [row.score for row in rows],
        [row.group for row in rows],
        confidence=confidence,
        resamples=config.resamples,
        seed=config.seed,
    )
    fell = compared.difference.high < 0 or compared.difference.value < -config.max_fall
    return Part(name=name, compared=compared, judged=judged, fell=judged and fell)


def _over_text_only(config: GateConfig, rows: Sequence[Judged]) -> Paired | None:
    seen = [row for row in rows if row.text_only is not None]
    if not seen:
        return None
    return paired_difference(
        [row.text_only or 0.0 for row in seen],
        [row.score for row in seen],
        [row.group for row in seen],
        confidence=config.confidence,
        resamples=config.resamples,
        seed=config.seed,
    )


def _target_reasons(config: GateConfig, target: Part) -> list[str]:
    if config.need == "improve" and target.compared.difference.low <= 0:
        return [f"{_said(target)}: no improvement beyond the interval"]
    return []


def _fall_reasons(config: GateConfig, overall: Part, kinds: Sequence[Part], target: Part) -> list[str]:
    parts = [target, overall, *(kinds if config.kinds == "all" else ())]
    return [f"{_said(part)}: fell" for part in parts if part.fell]


def _said(part: Part) -> str:
    difference = part.compared.difference
    return f"{part.name} {difference.value:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})"
