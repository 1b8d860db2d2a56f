"""Assembling a LLaVA checkpoint folder from the text model in its package and the trained parts.

The folder is a plain Hugging Face checkpoint: transformers and vLLM load it without our code. Everything is
written by numpy in a fixed order, so the same inputs give the same bytes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from core.errors import VidenceError, invalid_input
from models.vlm_base import BaseText, TextShape, base_file
from models.vlm_config import checkpoint_files
from models.vlm_parts import Parts, TowerShape, read_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

ASSEMBLY_VERSION = "llava-1"
"""Changes whenever the same inputs would give other files."""


class TextModel(Protocol):
    """What a checkpoint takes its text part from."""

    shape: TextShape

    def tensors(self) -> Iterator[tuple[str, Array]]:
        """Yield the tensors by the names that transformers gives `LlamaModel`."""
        ...

    def tokenizer_json(self) -> str:
        """Return the tokenizer, with `<image>` at its place."""
        ...


def assemble(parts_folder: Path, out_folder: Path, *, base: Path | None = None, merge: bool = True) -> Path:
    """Write the checkpoint of a parts folder and return its folder.

    Args:
        parts_folder: `tower.safetensors`, `projector.safetensors` and optionally `adapter/`.
        out_folder: Created; an assembled checkpoint that is already there is replaced in one step.
        base: GGUF file of the text model; by default the one in its package.
        merge: Add the LoRA adapter to the weights. Without it the checkpoint is what the adapter was
            trained on, for servers that load adapters themselves.

    Raises:
        VidenceError: `invalid_input` for a parts folder that is not one, `unavailable` when the text model
            or a package is missing or the disk is full.
    """
    text = BaseText(base or base_file())
    return write_checkpoint(text, read_parts(parts_folder), out_folder, merge=merge)


def write_checkpoint(text: TextModel, parts: Parts, out_folder: Path, *, merge: bool = True) -> Path:
    """Write the checkpoint folder of any text model and parts that fit it; see `assemble`."""
    if parts.projector["linear_2.weight"].shape[0] != text.shape.hidden:
        raise invalid_input(
            "The projector was trained for another text model",
            help=f"Its output must be {text.shape.hidden} wide.",
        )
    if out_folder.exists() and not (out_folder / "config.json").is_file():
        raise invalid_input(f"{out_folder} is there and is no checkpoint", help="Give another folder.")
    partial = out_folder.with_name(f"{out_folder.name}.{os.getpid()}.tmp")
    try:
        partial.mkdir(parents=True)
        for name, content in checkpoint_files(text.shape, parts.shape).items():
            (partial / name).write_text(content, encoding="utf-8")
        (partial / "tokenizer.json").write_text(text.tokenizer_json(), encoding="utf-8")
        _save(partial / "model.safetensors", dict(_named(text, parts, merge=merge)))
        shutil.rmtree(out_folder, ignore_errors=True)
        partial.replace(out_folder)
    except OSError as error:
        raise VidenceError(
            "unavailable",
            f"{out_folder} cannot be written: {error.strerror}",
            help="The checkpoint takes 290 MB: free some space or give another folder.",
            retryable=True,
        ) from error
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(partial)
    return out_folder


def _named(text: TextModel, parts: Parts, *, merge: bool) -> Iterator[tuple[str, Array]]:
    """Yield every tensor by the name that it has in published LLaVA checkpoints."""
    wanted = set(parts.lora)
    for name, value in text.tensors():
        update = parts.lora.get(name) if merge else None
        wanted.discard(name)
        yield f"language_model.model.{name}", value if update is None else value + update.delta()
    if merge and wanted:
        raise invalid_input(f"The text model has no `{min(wanted)}`", help="Give an adapter of this model.")
    for name, value in parts.projector.items():
        yield f"multi_modal_projector.{name}", value
    for name, value in with_identity(parts.tower, parts.shape).items():
        yield f"vision_tower.vision_model.{name}", value


def with_identity(tower: Mapping[str, Array], shape: TowerShape) -> dict[str, Array]:
    """Return the tower with its last layer, which changes nothing, and norms that are not used as ones."""
    import numpy as np

    first, last = "encoder.layers.0.", f"encoder.layers.{shape.layers}."
    full = dict(tower)
    for name, value in tower.items():
        if name.startswith(first):
            # A residual block whose two outputs are zero passes its input on.
            full[last + name.removeprefix(first)] = (
                np.ones_like(value)
                if "layer_norm" in name and name.endswith("weight")
                else np.zeros_like(value)
            )
    full.setdefault("post_layernorm.weight", np.ones(shape.hidden, dtype=np.float32))
    full.setdefault("post_layernorm.bias", np.zeros(shape.hidden, dtype=np.float32))
    return full


def _save(path: Path, tensors: Mapping[str, Array]) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    # Half precision: the text model was 4 bits wide, and its values lie well inside its range.
    halves: dict[str, Any] = {
        name: np.ascontiguousarray(tensors[name], dtype=np.float16) for name in sorted(tensors)
    }
    save_file(halves, str(path), metadata={"format": "pt"})
