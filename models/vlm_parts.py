"""The trained parts of the embedded VLM: a tower, a projector and a LoRA adapter, without the text model.

A parts folder is what a training run leaves and what the repository ships: `tower.safetensors`,
`projector.safetensors`, and optionally `adapter/` in PEFT's format. Tensors are named as in transformers:
`CLIPVisionModel`'s for the tower (layers, without the identity that fills the last place),
`linear_1` and `linear_2` for the projector.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import VidenceError, invalid_input, unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Tensors = dict[str, NDArray[np.float32]]

HEAD_DIM = 64
_LORA_PREFIX = "base_model.model."


@dataclass(frozen=True)
class TowerShape:
    """Sizes of a CLIP-style ViT. `layers` counts the layers that are used."""

    layers: int = 6
    hidden: int = 256
    wide: int = 1024
    heads: int = 4
    image: int = 224
    patch: int = 32

    @property
    def patches(self) -> int:
        """Number of image tokens."""
        return (self.image // self.patch) ** 2


@dataclass(frozen=True)
class Lora:
    """One low-rank update: `weight += scale * up @ down`; down is (rank, in), up is (out, rank)."""

    down: NDArray[np.float32]
    up: NDArray[np.float32]
    scale: float

    def delta(self) -> NDArray[np.float32]:
        """Return what is added to the weight, shape (out, in)."""
        return (self.up @ self.down) * self.scale


@dataclass(frozen=True)
class Parts:
    """What was trained. `lora` is by the name of its weight inside the text model (`layers.0...weight`)."""

    tower: Tensors
    projector: Tensors
    lora: dict[str, Lora]

    @property
    def shape(self) -> TowerShape:
        """The tower's sizes, read from its tensors."""
        kernel = self.tower["embeddings.patch_embedding.weight"]
        layers = 1 + max(int(name.split(".")[2]) for name in self.tower if name.startswith("encoder."))
        hidden, patch = kernel.shape[0], kernel.shape[2]
        grid = round((self.tower["embeddings.position_embedding.weight"].shape[0] - 1) ** 0.5)
        wide = self.tower["encoder.layers.0.mlp.fc1.weight"].shape[0]
        return TowerShape(layers, hidden, wide, max(1, hidden // HEAD_DIM), grid * patch, patch)


def read_parts(folder: Path) -> Parts:
    """Read a parts folder, as float32.

    Raises:
        VidenceError: `invalid_input` when a file is missing or is not what its name says.
    """
    tower, projector = (_tensors(folder / f"{name}.safetensors") for name in ("tower", "projector"))
    if "embeddings.patch_embedding.weight" not in tower or "linear_1.weight" not in projector:
        raise invalid_input(f"{folder} holds no tower and projector", help="Give a run's `result` folder.")
    adapter = folder / "adapter"
    return Parts(tower, projector, read_adapter(adapter) if adapter.is_dir() else {})


def read_adapter(folder: Path) -> dict[str, Lora]:
    """Read a PEFT LoRA adapter of the text model.

    Raises:
        VidenceError: `invalid_input` when it is not a plain LoRA (DoRA, bias, other modules).
    """
    tensors = _tensors(folder / "adapter_model.safetensors")
    try:
        config = json.loads((folder / "adapter_config.json").read_text())
        scale = float(config["lora_alpha"]) / (
            float(config["r"]) ** 0.5 if config.get("use_rslora") else float(config["r"])
        )
    except (OSError, ValueError, KeyError) as error:
        raise invalid_input(
            f"{folder}: adapter_config.json cannot be read ({error})", help="Train or copy the adapter again."
        ) from error
    found: dict[str, Lora] = {}
    for name, down in tensors.items():
        if name.endswith(".lora_A.weight"):
            stem = name.removesuffix(".lora_A.weight")
            found[_inside_text(stem)] = Lora(down, tensors[f"{stem}.lora_B.weight"], scale)
    if 2 * len(found) != len(tensors):
        strange = next(name for name in tensors if ".lora_A." not in name and ".lora_B." not in name)
        raise invalid_input(
            f"{folder}: `{strange}` is no part of a plain LoRA", help="Train with LoRA on linear layers only."
        )
    return found


def _inside_text(stem: str) -> str:
    """Return the weight's name inside the text model, whatever model the adapter was trained on."""
    at = stem.find("layers.")
    if at < 0:
        raise invalid_input(f"`{stem}` is not a layer of the text model", help="Train LoRA on its layers.")
    return f"{stem[at:]}.weight"


def _tensors(path: Path) -> Tensors:
    try:
        import numpy as np
        from safetensors.numpy import load_file
    except ImportError as error:
        raise lacks_package(error) from error
    try:
        loaded = load_file(str(path))
    except Exception as error:
        raise invalid_input(
            f"{path} cannot be read: {error}", help="Train or copy the parts again."
        ) from error
    return {_bare(name): np.asarray(value, dtype=np.float32) for name, value in loaded.items()}


_AROUND = re.compile(r"^(?:model\.)?(?:vision_tower|multi_modal_projector)\.(?:vision_model\.)?")


def _bare(name: str) -> str:
    """Return a part's tensor by its name inside the part: training keeps the names of the whole model."""
    return _AROUND.sub("", name)


def lacks_package(error: ImportError) -> VidenceError:
    """Return the error for a package that the embedded VLM cannot do without."""
    return unavailable(
        f"The embedded VLM needs the package `{error.name}`",
        help="Run `pip install 'vidence[rag,vision]'`.",
        retryable=False,
    )
