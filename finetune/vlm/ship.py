"""From runs to what the repository carries: half-precision parts and the manifest that proves them."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import invalid_input
from models.vlm_assemble import assemble
from models.vlm_base import PACKAGE, base_file, file_sha256
from models.vlm_canaries import canaries
from models.vlm_parts import read_parts
from models.vlm_run import Checkpoint
from models.vlm_shipped import Manifest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGEST = 40_000_000
"""Bytes of all files together that the repository takes."""

LICENCES = {
    "SmolLM2-135M-Instruct": "Apache-2.0",
    "easy-VQA": "MIT",
    "VQA-RAD": "CC0-1.0",
    "photos of scikit-image": "CC0-1.0 and public domain",
    "drawn charts": "CC0-1.0",
}


def gather(tower_result: Path, text_result: Path, out: Path) -> Path:
    """Put the tower of one run with projector and adapter of another into one parts folder, in fp16.

    Raises:
        VidenceError: `invalid_input` when a part is missing.
    """
    projector = text_result / "projector.safetensors"
    for needed in (tower_result / "tower.safetensors", projector, text_result / "adapter"):
        if not needed.exists():
            raise invalid_input(f"{needed} is missing", help="Name the `result` folders of both runs.")
    out.mkdir(parents=True, exist_ok=True)
    trained = text_result / "tower.safetensors"
    _halves(trained if trained.is_file() else tower_result / "tower.safetensors", out / "tower.safetensors")
    _halves(projector, out / "projector.safetensors")
    adapter = out / "adapter"
    adapter.mkdir(exist_ok=True)
    _halves(text_result / "adapter" / "adapter_model.safetensors", adapter / "adapter_model.safetensors")
    config = json.loads((text_result / "adapter" / "adapter_config.json").read_text())
    # Where the base lay while it was trained is nobody's business.
    config["base_model_name_or_path"] = "embedded-base"
    (adapter / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    read_parts(out)
    return out


def release(
    parts: Path, *, right: Mapping[str, float], metrics: Mapping[str, Any], record: Mapping[str, Any]
) -> Manifest:
    """Assemble the parts, ask the canary questions, and write the manifest beside them.

    Args:
        parts: What `gather` wrote.
        right: Share of right answers by family, on pictures not trained on.
        metrics: The benchmark's report.
        record: `recipe` and `data` of the runs.

    Raises:
        VidenceError: `invalid_input` when the files are too large for the repository.
    """
    files = {
        str(path.relative_to(parts)): file_sha256(path)
        for path in sorted(parts.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }
    size = sum((parts / name).stat().st_size for name in files)
    if size > LARGEST:
        raise invalid_input(
            f"The parts take {size / 1e6:.0f} MB", help="Use a lower rank or a smaller tower."
        )
    base = base_file()
    with tempfile.TemporaryDirectory() as folder:
        model = Checkpoint(assemble(parts, Path(folder) / "checkpoint", base=base))
        answers = tuple(model.answer(pixels, question).text for pixels, question in canaries())
    manifest = Manifest(
        name="vidence-embedded-vlm",
        version=hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16],
        files=files,
        base={"package": PACKAGE, "file": base.name, "sha256": file_sha256(base)},
        recipe=dict(record.get("recipe", {})),
        data=dict(record.get("data", {})),
        licences=LICENCES,
        right=dict(right),
        metrics=dict(metrics),
        canaries=answers,
    )
    (parts / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n")
    return manifest


def right_by_family(report: Mapping[str, Any], least: int = 30) -> dict[str, float]:
    """Return the share of right answers by family; fewer than `least` questions prove nothing."""
    sums: dict[str, list[float]] = {}
    for suite in ("shapes", "charts"):
        for name, (share, count) in report.get(suite, {}).get("by_family", {}).items():
            found = sums.setdefault(name, [0.0, 0.0])
            found[0] += share * count
            found[1] += count
    return {name: round(good / count, 4) for name, (good, count) in sorted(sums.items()) if count >= least}


def copy(parts: Path, into: Path) -> None:
    """Replace the shipped parts."""
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(parts, into)


def _halves(source: Path, target: Path) -> None:
    import numpy as np
    from safetensors.numpy import load_file, save_file

    tensors = load_file(str(source))
    halves: dict[str, NDArray[np.float16]] = {
        name: np.ascontiguousarray(tensors[name], dtype=np.float16) for name in sorted(tensors)
    }
    save_file(halves, str(target))
