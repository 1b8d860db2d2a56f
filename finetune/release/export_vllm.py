"""A checkpoint under the tensor names that vLLM looks for.

transformers 5 can save a LLaVA tower as `vision_tower.encoder...`; vLLM expects what published checkpoints
have, `vision_tower.vision_model.encoder...`. Only headers change, so no tensor is decoded.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from core.errors import VidenceError, invalid_input

_TOWER, _INSIDE = "vision_tower.", "vision_tower.vision_model."
_WRAPPED = ("clip_vision_model", "siglip_vision_model")
_BLOCK = 1 << 22


def export_vllm(checkpoint: Path, folder: Path) -> dict[str, int]:
    """Copy a checkpoint for vLLM and return how many tensors there are and how many were renamed.

    Raises:
        VidenceError: `invalid_input` when `folder` is there already or the checkpoint has no weights;
            `unavailable` when the disk is full.
    """
    if folder.exists():
        raise invalid_input(f"{folder} is there already", help="Give another folder, or delete it.")
    names = vllm_names(checkpoint)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        for path in sorted(checkpoint.iterdir()):
            if path.suffix == ".safetensors":
                _copy_renamed(path, partial / path.name, names)
            elif path.name.endswith(".index.json"):
                index = json.loads(path.read_text())
                index["weight_map"] = {names[name]: file for name, file in index["weight_map"].items()}
                (partial / path.name).write_text(json.dumps(index, indent=2))
            elif path.is_file():
                shutil.copyfile(path, partial / path.name)
        partial.replace(folder)
    except OSError as error:
        raise VidenceError(
            "unavailable", f"{folder} cannot be written: {error}", help="Free some space.", retryable=True
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return {"tensors": len(names), "renamed": sum(old != new for old, new in names.items())}


def vllm_names(checkpoint: Path) -> dict[str, str]:
    """Return every tensor's name with the one that vLLM expects; raises `invalid_input` without weights."""
    config_path = checkpoint / "config.json"
    config = json.loads(config_path.read_text()) if config_path.is_file() else {}
    names = [name for path in sorted(checkpoint.glob("*.safetensors")) for name in _header(path)]
    if not names:
        raise invalid_input(f"{checkpoint} has no weights (*.safetensors)", help="Give a merged checkpoint.")
    tower = str((config.get("vision_config") or {}).get("model_type"))
    wraps = str(config.get("model_type", "")).startswith("llava") and tower in _WRAPPED
    return {name: _renamed(name) if wraps else name for name in names}


def _renamed(name: str) -> str:
    bare = name.removeprefix("model.") if name.startswith(f"model.{_TOWER}") else name
    if bare.startswith(_TOWER) and not bare.startswith(_INSIDE):
        return _INSIDE + bare.removeprefix(_TOWER)
    return bare


def _header(path: Path) -> dict[str, object]:
    with path.open("rb") as file:
        header: dict[str, object] = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    header.pop("__metadata__", None)
    return header


def _copy_renamed(source: Path, target: Path, names: dict[str, str]) -> None:
    """Copy a safetensors file with other names in its header; the tensors' bytes and places stay."""
    with source.open("rb") as file, target.open("wb") as out:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        text = json.dumps({names.get(name, name): entry for name, entry in header.items()}).encode()
        text += b" " * (-len(text) % 8)
        out.write(len(text).to_bytes(8, "little") + text)
        while block := file.read(_BLOCK):
            out.write(block)
