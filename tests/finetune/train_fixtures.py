"""A data folder with a tiny checkpoint and a small data set, for the tests of training."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from finetune.data.dataset import Dataset
from finetune.data.rows import TrainRow
from finetune.vlm.tiny import tiny_checkpoint

COLOURS = ("red", "green", "blue")


def make_home(root: Path, images: int = 12) -> Path:
    """Write the checkpoint `tiny` and the data set `shapes`: three questions an image, a quarter for dev."""
    tiny_checkpoint(root / "finetune" / "models" / "tiny")
    dataset = Dataset(root / "finetune" / "data" / "shapes")
    rng = np.random.default_rng(0)
    rows = []
    for number in range(images):
        colour = COLOURS[number % 3]
        pixels = rng.integers(0, 60, (64, 64, 3)).astype(np.uint8)
        pixels[16:48, 16:48, number % 3] = 255
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        path, sha = dataset.add_image(buffer.getvalue())
        asked = {
            "what colour is the shape": colour,
            "is there a red shape": "yes" if colour == "red" else "no",
        }
        asked["what shape is there"] = "rectangle"
        for question, answer in asked.items():
            rows.append(
                TrainRow(
                    image=path,
                    image_sha256=sha,
                    question=question,
                    answers=(answer,),
                    kind="colour",
                    source="test",
                    licence="CC0-1.0",
                    split="dev" if number % 4 == 3 else "train",
                )
            )
    dataset.write("shapes", rows)
    return root


def recipe(**changes: object) -> dict[str, object]:
    """Return a short recipe over `shapes`: projector first, then adapters and projector, with dropout."""
    body: dict[str, object] = {
        "name": "short",
        "threads": 1,
        "model": {"base": "home:finetune/models/tiny"},
        "lora": {"rank": 4, "alpha": 8, "dropout": 0.1},
        "data": [{"name": "shapes"}],
        "evaluation": {"data": [{"name": "shapes"}], "every": 5},
        "sequence": {"max_tokens": 256, "turns": 3},
        "optim": {"batch": 2, "accumulate": 2},
        "phases": [
            {"name": "align", "steps": 4, "train": {"projector": 3e-3}},
            {"name": "tune", "steps": 8, "train": {"lora": 3e-3, "projector": 1e-3, "tower": 1e-4}},
        ],
        "checkpoints": {"every": 3},
    }
    return {**body, **changes}
