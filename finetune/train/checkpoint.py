"""What a resume needs: trained weights, the optimiser's state, and where the run stands.

The order of the data, the learning rate and every random number follow from the step
(`finetune.train.mixture`, `rate_factor`, `seed_step`), so that nothing else has to be kept and a resume at
any step is exact.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from core.errors import invalid_input
from finetune.train.config import Phase


def rate_factor(phase: Phase, step: int, steps: int) -> float:
    """Return what the learning rate is multiplied by at a step of a phase (from 0)."""
    warm = round(phase.warmup * steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    if phase.schedule == "constant":
        return 1.0
    progress = (step - warm) / max(1, steps - warm)
    decay = 1 - progress if phase.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * progress))
    return phase.floor + (1 - phase.floor) * decay


def seed_step(seed: int, step: int, rank: int) -> None:
    """Make every random number of a step follow from the recipe's seed, the step and the process."""
    import numpy as np
    import torch

    mixed = np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0]
    torch.manual_seed(int(mixed) >> 1)


def write_state(folder: Path, *, step: int, weights: dict[str, Any], optimiser: Any) -> None:
    """Write `state.pt` (weights by name, the optimiser's state) and `state.json` (the step)."""
    import torch

    body = {
        "weights": {name: tensor.detach().to("cpu") for name, tensor in weights.items()},
        "optimiser": optimiser,
        "rng": torch.get_rng_state(),
    }
    with (folder / "state.pt").open("wb") as file:
        torch.save(body, file)
    (folder / "state.json").write_text(json.dumps({"step": step}))


def read_state(folder: Path, weights: dict[str, Any]) -> tuple[int, Any]:
    """Load a checkpoint's weights in place and return its step and the optimiser's state.

    Raises:
        VidenceError: `invalid_input` when the checkpoint is broken or belongs to another model.
    """
    import torch

    try:
        body = torch.load(folder / "state.pt", map_location="cpu", weights_only=True)
        step = int(json.loads((folder / "state.json").read_text())["step"])
        saved = body["weights"]
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise invalid_input(
            f"The checkpoint {folder} cannot be read: {error}",
            help=f"Delete {folder}; --resume then takes the one before it.",
        ) from error
    if set(saved) != set(weights):
        odd = sorted(set(saved) ^ set(weights))[0]
        raise invalid_input(
            f"The checkpoint {folder} does not fit the model: {odd}",
            help="Start another run with --run NAME.",
        )
    with torch.no_grad():
        for name, tensor in saved.items():
            weights[name].copy_(tensor)
    torch.set_rng_state(body["rng"])
    return step, body["optimiser"]
