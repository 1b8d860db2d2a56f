"""Low-rank changes to weights: what was trained, small enough to ship (Hu et al. 2021, "LoRA", section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

DOWN, UP = ".lora_A", ".lora_B"
"""What the names of the factors end with, shapes (rank, in) and (out, rank)."""


def changed(weights: Mapping[str, Array], factors: Mapping[str, Array]) -> dict[str, Array]:
    """Return the weights with the changes that the factors make; those without factors are the same arrays.

    Args:
        weights: Tensors by name; a matrix is called `NAME.weight`, shape (out, in).
        factors: `NAME.lora_A` and `NAME.lora_B`; their product is added. Other names are left alone.
    """
    result = dict(weights)
    for name in targets(factors):
        down, up = (np.asarray(factors[name + end], dtype=np.float32) for end in (DOWN, UP))
        result[f"{name}.weight"] = weights[f"{name}.weight"] + up @ down
    return result


def targets(factors: Mapping[str, Array]) -> list[str]:
    """Return the names of the matrices that the factors change."""
    return [name.removesuffix(DOWN) for name in factors if name.endswith(DOWN)]
