"""What `vidence finetune cycle` is given: which votes, which recipe, which gate, which model."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from core.contracts import Contract
from core.errors import invalid_input, not_found
from evals.gate import GateConfig

NEW = "@new"
"""Stands for the data set that the cycle makes, wherever a data set is named."""


class CycleData(Contract):
    """The data step."""

    sources: tuple[str, ...] = Field(("feedback", "queue"), description="feedback, queue, or a file's path.")
    onto: tuple[str, ...] = Field((), description="Data sets whose rows come along in the new one.")
    held_out: tuple[str, ...] = Field((), description="Data sets for measuring only, names or folders.")
    evaluation: tuple[str, ...] = Field((), description="Folders of evaluation data in any format.")
    agreement: float = Field(0.6, ge=0.5, le=1.0, description="Share of users that an answer needs.")
    exclude_users: tuple[str, ...] = Field((), description="Users whose votes do not count.")
    confirmed: bool = Field(True, description="Whether answers that were rated up are learned, too.")


class CycleTrain(Contract):
    """The training step."""

    recipe: Path = Field(description="A YAML file of configs/; relative to the cycle's file.")
    data: tuple[dict[str, Any], ...] = Field(
        ({"name": NEW},),
        description=f"In place of the recipe's data; the name {NEW} is what the data step made.",
    )
    set: tuple[str, ...] = Field((), description="Keys of the recipe to change: phases.0.steps=10.")
    base: Literal["production", "recipe"] = Field(
        "production", description="What to go on training: what is in production, or what the recipe names."
    )


class CycleConfig(Contract):
    """A cycle: the file's keys."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", description="The cycle's, and its data set's, name.")
    model: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", description="The registered model's name.")
    data: CycleData = CycleData()
    train: CycleTrain
    compare: str = Field(
        "", description="Questions to compare merged and adapter on; else those of the gate."
    )
    compare_questions: int = Field(50, ge=1, description="How many of them.")
    gate: GateConfig
    promote: Literal["production", "staging", "none"] = Field(
        "production", description="Where a model goes that passed."
    )

    @property
    def sha256(self) -> str:
        """Names the settings that differ from the defaults, so that a new key changes no old cycle."""
        return hashlib.sha256(self.model_dump_json(exclude_defaults=True).encode()).hexdigest()


def load_cycle(path: Path) -> CycleConfig:
    """Read a cycle's file; paths in it are relative to it.

    Raises:
        VidenceError: `not_found`, or `invalid_input` naming the key that is wrong.
    """
    import yaml

    if not path.is_file():
        raise not_found(f"There is no cycle at {path}", help="See docs/finetune.md, section The loop.")
    try:
        body = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise invalid_input(f"{path} is not YAML: {error}", help="Mend the file.") from error
    return parse_cycle(body, str(path), path.parent)


def parse_cycle(body: Any, where: str, folder: Path) -> CycleConfig:
    """Check a cycle's keys and values; raises `invalid_input`, naming the first key that is wrong."""
    try:
        config = CycleConfig.model_validate_json(json.dumps(body))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "cycle"
        said = "there is no such key" if first["type"] == "extra_forbidden" else first["msg"]
        raise invalid_input(
            f"{where}: {key}: {said}", help="See docs/finetune.md, section The loop."
        ) from error
    except (TypeError, ValueError) as error:
        raise invalid_input(f"{where} holds no keys of a cycle: {error}", help="Mend the file.") from error
    if not config.gate.data:
        raise invalid_input(f"{where}: gate.data: which questions decide?", help="Give NAME:SPLIT.")
    recipe = (folder / config.train.recipe).resolve()
    return config.model_copy(update={"train": config.train.model_copy(update={"recipe": recipe})})
