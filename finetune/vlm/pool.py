"""A pool of pictures on disk for the tower's training: chunks that one process draws while another learns."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from finetune.synth.sandbox.client import Sandbox
from finetune.vlm.pictures import (
    SIDE,
    Picture,
    drawn,
    easy_vqa_pictures,
    easy_vqa_truth,
    photos,
    plotted,
    scans,
)
from finetune.vlm.slots import targets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Teacher = Callable[[NDArray[np.uint8]], NDArray[np.float16]]

CHUNK = 512
TEACHER_DIM = 64
_SHARES = {"drawn": 0.62, "easy-vqa": 0.16, "plotted": 0.14, "vqa-rad": 0.05, "photo": 0.03}


@dataclass(frozen=True)
class Chunk:
    """Pixels (n, 224, 224, 3) uint8, targets (n, slots) int8, teacher (n, 49, 64) float16 or NaN."""

    pixels: NDArray[np.uint8]
    targets: NDArray[np.int8]
    teacher: NDArray[np.float16]


def build(folder: Path, chunks: int, *, rad: Path | None, first: int = 0) -> None:
    """Write chunks `first` to `first + chunks`; one that is there is kept.

    Args:
        folder: Created.
        chunks: How many.
        rad: Folder of VQA-RAD, or None to leave its scans out.
        first: Number of the first chunk; a chunk's content depends on its number only.
    """
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    teacher = distilled(folder)
    truth = easy_vqa_truth()
    sandbox = Sandbox(folder / "fonts")
    for number in range(first, first + chunks):
        path = folder / f"{number:04}.npz"
        if path.exists():
            continue
        rng = Random(f"chunk-{number}")  # noqa: S311 - drawings, not secrets
        pictures = list(_mixed(number, rng, truth, rad, sandbox))
        pixels = np.stack([np.asarray(picture.image) for picture in pictures])
        known = np.array([targets(picture.facts) for picture in pictures], dtype=np.int8)
        taught = np.full((len(pictures), (SIDE // 32) ** 2, TEACHER_DIM), np.nan, dtype=np.float16)
        for at, picture in enumerate(pictures):
            if picture.source in ("vqa-rad", "photo"):
                taught[at] = teacher(pixels[at])
        partial = path.with_suffix(f".{os.getpid()}.tmp")
        with partial.open("wb") as file:
            np.savez(file, pixels=pixels, targets=known, teacher=taught)
        partial.replace(path)
    sandbox.close()


def read_chunk(path: Path) -> Chunk:
    """Read one chunk."""
    import numpy as np

    with np.load(path) as file:
        return Chunk(file["pixels"], file["targets"], file["teacher"])


def _mixed(
    number: int, rng: Random, truth: dict[int, tuple[str, str]], rad: Path | None, sandbox: Sandbox
) -> Iterator[Picture]:
    shares = {name: share for name, share in _SHARES.items() if rad is not None or name != "vqa-rad"}
    names = rng.choices(list(shares), list(shares.values()), k=CHUNK)
    chosen = dict.fromkeys(rng.sample(sorted(truth), names.count("easy-vqa")))
    streams: dict[str, Iterator[Picture]] = {
        "easy-vqa": easy_vqa_pictures({at: truth[at] for at in chosen}, rng),
        "photo": photos(rng, CHUNK),
    }
    if rad is not None:
        kept = list(scans(rad, rng, 1))
        rng.shuffle(kept)
        streams["vqa-rad"] = cycle(kept)
    for at, name in enumerate(names):
        serial = number * CHUNK + at
        if name in streams:
            yield next(streams[name])
        else:
            yield drawn(serial) if name == "drawn" else plotted(serial, sandbox)


def distilled(folder: Path) -> Teacher:
    """Return what EfficientNet-Lite2 sees at each of the 49 places, in 64 fixed random directions.

    The network's graph is kept below `folder`. Distances survive such a projection (Johnson and
    Lindenstrauss 1984), and nothing has to be fitted.
    """
    import numpy as np

    from models.backbone import Backbone

    backbone = Backbone(folder / "teacher")
    session = backbone._open()
    directions = np.random.default_rng(0).standard_normal((1280, TEACHER_DIM)).astype(np.float32) / 1280**0.5

    def teach(pixels: NDArray[np.uint8]) -> NDArray[np.float16]:
        scaled = ((pixels.astype(np.float32) - 127.0) / 128.0).transpose(2, 0, 1)[None]
        maps = session.run(["features"], {"pixels": np.ascontiguousarray(scaled)})[0][0]
        taught: NDArray[np.float16] = (maps.reshape(1280, -1).T @ directions).astype(np.float16)
        return taught

    return teach
