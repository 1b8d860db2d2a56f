"""The embedded VLM as it ships: trained parts with a manifest, assembled once into the cache and proved."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import Field

from core.contracts import Contract
from core.errors import VidenceError, unavailable
from models.vlm_assemble import ASSEMBLY_VERSION, assemble
from models.vlm_base import base_file, file_sha256
from models.vlm_canaries import canaries
from models.vlm_run import Checkpoint

PARTS = Path(__file__).parent / "data" / "vlm"
_PROVED = "proved.json"


class Manifest(Contract):
    """What shipped parts are: their files, what they were made of, and what they got right.

    `right` is the share of right answers by family of question (`models.vlm_scope`) on pictures that were
    not trained on; `canaries` are the greedy answers to `models.vlm_canaries`.
    """

    name: str
    version: str
    files: dict[str, str] = Field(description="SHA-256 of each file of the parts folder.")
    base: dict[str, str] = Field(description="Package, file and SHA-256 of the text model.")
    recipe: dict[str, Any] = Field(default_factory=dict)
    data: dict[str, Any] = Field(default_factory=dict)
    licences: dict[str, str] = Field(default_factory=dict)
    right: dict[str, float] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    canaries: tuple[str, ...] = ()


def read_manifest(parts: Path = PARTS) -> Manifest | None:
    """Return the manifest of the shipped parts, or None when this installation ships none."""
    path = parts / "manifest.json"
    return Manifest.model_validate_json(path.read_text()) if path.is_file() else None


def check_files(manifest: Manifest, parts: Path, base: Path) -> None:
    """Check every input of an assembly against the manifest.

    Raises:
        VidenceError: `unavailable`, naming the file that is not what was trained.
    """
    wanted = {parts / name: digest for name, digest in manifest.files.items()}
    wanted[base] = manifest.base["sha256"]
    for path, digest in wanted.items():
        if not path.is_file() or file_sha256(path) != digest:
            raise unavailable(
                f"{path.name} is missing or not the file that the embedded VLM was made with",
                help="Run `make setup` again, or reinstall.",
                retryable=False,
            )


def checkpoint_folder(
    cache: Path,
    *,
    parts: Path = PARTS,
    base: Path | None = None,
    say: Callable[[str], None] | None = None,
) -> Path:
    """Return the assembled checkpoint, making and proving it on first use.

    Args:
        cache: Where checkpoints are kept, one folder a version.
        parts: The shipped parts.
        base: The text model's GGUF file; by default the one in its package.
        say: Told what is going on; by default a line on stderr.

    Raises:
        VidenceError: `unavailable` when an input is not what was trained, or `internal` when the assembled
            model does not answer the canary questions as it did when it was released.
    """
    manifest = read_manifest(parts)
    if manifest is None:
        raise unavailable("This installation ships no embedded VLM", help="Set VIDENCE_VLM.", retryable=False)
    folder = cache / "vlm" / f"{manifest.version}-{ASSEMBLY_VERSION}"
    if (folder / _PROVED).is_file():
        return folder
    say = say or _on_stderr
    say("Preparing the embedded VLM, once: about half a minute and 290 MB in the cache.")
    base = base or base_file()
    check_files(manifest, parts, base)
    assemble(parts, folder, base=base)
    prove(manifest, folder)
    return folder


def prove(manifest: Manifest, folder: Path) -> None:
    """Ask the canary questions and note in the folder that all answers are those of the release.

    Raises:
        VidenceError: `internal`, with the first answer that differs.
    """
    model = Checkpoint(folder)
    for (pixels, question), wanted in zip(canaries(), manifest.canaries, strict=True):
        said = model.answer(pixels, question).text
        if said != wanted:
            raise VidenceError(
                "internal",
                f"The embedded VLM answers {said!r} to a canary question where it should say {wanted!r}",
                help="Set VIDENCE_VLM to a served model, and report your processor and onnxruntime version.",
            )
    proof = {"version": manifest.version, "canaries": len(manifest.canaries)}
    (folder / _PROVED).write_text(json.dumps(proof) + "\n")


def _on_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")
