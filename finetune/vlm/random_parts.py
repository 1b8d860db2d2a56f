"""Untrained parts of the embedded VLM: what training starts from, and what tests assemble."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.vlm_parts import TowerShape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Tensors = dict[str, NDArray[np.float32]]


def random_tower(shape: TowerShape, seed: int = 0) -> Tensors:
    """Return a tower's tensors by the names of `CLIPVisionModel`, drawn from a fixed seed."""
    import numpy as np

    rng = np.random.default_rng(seed)
    wide, hidden = shape.wide, shape.hidden

    def normal(*size: int, std: float) -> NDArray[np.float32]:
        return (rng.standard_normal(size) * std).astype(np.float32)

    def norm(name: str) -> Tensors:
        return {f"{name}.weight": np.ones(hidden, np.float32), f"{name}.bias": np.zeros(hidden, np.float32)}

    tensors: Tensors = {
        "embeddings.class_embedding": normal(hidden, std=0.02),
        "embeddings.patch_embedding.weight": normal(hidden, 3, shape.patch, shape.patch, std=0.02),
        "embeddings.position_embedding.weight": normal(shape.patches + 1, hidden, std=0.02),
        **norm("pre_layrnorm"),
    }
    deep = (2 * shape.layers) ** -0.5
    for layer in range(shape.layers):
        name = f"encoder.layers.{layer}"
        tensors |= norm(f"{name}.layer_norm1") | norm(f"{name}.layer_norm2")
        sizes = {f"self_attn.{part}_proj": (hidden, hidden) for part in ("q", "k", "v", "out")}
        for part, (out, into) in {**sizes, "mlp.fc1": (wide, hidden), "mlp.fc2": (hidden, wide)}.items():
            std = into**-0.5 * (deep if part in ("self_attn.out_proj", "mlp.fc2") else 1.0)
            tensors[f"{name}.{part}.weight"] = normal(out, into, std=std)
            tensors[f"{name}.{part}.bias"] = np.zeros(out, np.float32)
    return tensors


def random_projector(into: int, out: int, seed: int = 1) -> Tensors:
    """Return a projector's tensors; its outputs are about as long as the text model's word vectors."""
    import numpy as np

    rng = np.random.default_rng(seed)
    return {
        "linear_1.weight": (rng.standard_normal((out, into)) * into**-0.5).astype(np.float32),
        "linear_1.bias": np.zeros(out, np.float32),
        "linear_2.weight": (rng.standard_normal((out, out)) * 0.2 * out**-0.5).astype(np.float32),
        "linear_2.bias": np.zeros(out, np.float32),
    }


def write_parts(folder: Path, tower: Tensors, projector: Tensors) -> Path:
    """Write a parts folder without an adapter, in half precision, and return it."""
    import numpy as np
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    for name, tensors in (("tower", tower), ("projector", projector)):
        halves = {key: np.ascontiguousarray(tensors[key], dtype=np.float16) for key in sorted(tensors)}
        save_file(halves, str(folder / f"{name}.safetensors"))
    return folder
