"""FSDP: weights, gradients and optimiser spread over processes, saved and gathered by accelerate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.errors import invalid_input
from finetune.train.config import AnyTuned


def is_sharded(accelerator: Any) -> bool:
    """Return whether the processes hold parts of the weights only; raises `invalid_input` for DeepSpeed."""
    kind = str(accelerator.distributed_type).rsplit(".", 1)[-1]
    if kind == "DEEPSPEED":
        raise invalid_input(
            "DeepSpeed steps the optimiser by itself, which the exact resume here does not allow",
            help="Use configs/accelerate/fsdp.yaml or ddp.yaml.",
        )
    return kind == "FSDP"


def check_sharded(config: AnyTuned) -> None:
    """Refuse what cannot be sharded here; raises `invalid_input`, saying what to change."""
    if len(config.phases) > 1:
        raise invalid_input(
            "FSDP shards the model once, so the recipe may have one phase only",
            help="Use configs/accelerate/ddp.yaml, or a recipe with one phase.",
        )
    if config.model.quantize != "none":
        raise invalid_input("A quantised base cannot be sharded", help="Use configs/accelerate/ddp.yaml.")
    if config.task == "dpo":
        raise invalid_input(
            "DPO switches the adapter off within a step, which sharded weights do not allow",
            help="Use configs/accelerate/ddp.yaml.",
        )


def save_shards(accelerator: Any, folder: Path) -> None:
    """Write a checkpoint; every process takes part."""
    accelerator.save_state(str(folder / "accelerate"))


def load_shards(accelerator: Any, folder: Path) -> None:
    """Load a checkpoint into what was prepared; every process takes part."""
    accelerator.load_state(str(folder / "accelerate"))


def gathered(accelerator: Any, module: Any) -> dict[str, Any]:
    """Return the whole weights of the model inside an objective, by the model's own names, on the CPU."""
    state = accelerator.get_state_dict(module)
    return {name.removeprefix("model."): tensor for name, tensor in (state or {}).items()}
