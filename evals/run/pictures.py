"""The content of images that samples name by their paths: another picture is another question."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from evals.run.sample import Sample

IMAGES = "images"


def images_of(sample: Sample) -> list[str]:
    """Return the names of a sample's images."""
    named = sample.input.get(IMAGES)
    return [name for name in named if isinstance(name, str)] if isinstance(named, list | tuple) else []


def picture_hashes(samples: Iterable[Sample], data: Path | None) -> dict[str, str]:
    """Return the SHA-256 of each image that lies among the public sets, by name. Blocking.

    Our own drawings are not among them: the code that draws them, and its hash, decide what they show.
    """
    if data is None:
        return {}
    names = sorted({name for sample in samples for name in images_of(sample)})
    return {name: _sha256(data / name) for name in names if (data / name).is_file()}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
