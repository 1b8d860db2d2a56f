"""A small world with known answers: one coloured shape on a plain ground, and questions about it.

It is what `make finetune-smoke` and the benchmark of the loop train on: drawn in a moment, and easy enough
that a model of a few hundred thousand weights learns it on a CPU in a minute or two.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from finetune.data.dataset import Dataset
from finetune.data.rows import DatasetRecord, Split, Step, TrainRow

SIZE = 224
COLOURS = {
    "red": (205, 40, 40),
    "green": (40, 160, 60),
    "blue": (40, 70, 200),
    "yellow": (235, 205, 40),
    "black": (30, 30, 30),
    "purple": (130, 50, 160),
}
SHAPES = ("circle", "square", "triangle")
SIDES = ("left", "right")
LICENCE = "CC0-1.0"
SOURCE = "vidence-shapes"


@dataclass(frozen=True)
class Scene:
    """One drawing: what it shows, in words."""

    colour: str
    shape: str
    side: str
    seed: int

    def png(self) -> bytes:
        """Return the drawing; the same scene gives the same bytes."""
        from PIL import Image, ImageDraw

        rng = random.Random(f"{self.colour}-{self.shape}-{self.side}-{self.seed}")  # noqa: S311
        ground = tuple(rng.randint(225, 255) for _ in range(3))
        picture = Image.new("RGB", (SIZE, SIZE), ground)
        draw = ImageDraw.Draw(picture)
        r = rng.randint(26, 46)
        x = rng.randint(r + 4, SIZE // 2 - r // 2)
        x = x if self.side == "left" else SIZE - x
        y = rng.randint(r + 4, SIZE - r - 4)
        fill = tuple(min(255, max(0, value + rng.randint(-18, 18))) for value in COLOURS[self.colour])
        if self.shape == "circle":
            draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)
        elif self.shape == "square":
            draw.rectangle((x - r, y - r, x + r, y + r), fill=fill)
        else:
            draw.polygon(((x, y - r), (x - r, y + r), (x + r, y + r)), fill=fill)
        out = io.BytesIO()
        picture.save(out, format="PNG")
        return out.getvalue()

    def questions(self, rng: random.Random) -> Iterator[tuple[str, str, str]]:
        """Yield `(kind, question, answer)`: one of each kind."""
        yield "colour", "what colour is the shape?", self.colour
        yield "shape", "what shape is there?", self.shape
        yield "position", "where is the shape, left or right?", self.side
        asked = self.colour if rng.random() < 0.5 else rng.choice([c for c in COLOURS if c != self.colour])
        yield "yes_no", f"is the shape {asked}?", "yes" if asked == self.colour else "no"


def scenes(count: int, seed: int) -> list[Scene]:
    """Return scenes in which every colour, shape and side is about as common."""
    rng = random.Random(seed)  # noqa: S311
    combined = [(c, s, w) for c in COLOURS for s in SHAPES for w in SIDES]
    found: list[Scene] = []
    while len(found) < count:
        rng.shuffle(combined)
        found += [Scene(*one, seed=rng.randrange(1 << 30)) for one in combined]
    return found[:count]


def rows_of(
    dataset: Dataset, drawn: list[Scene], split: Split, seed: int, *, kinds: frozenset[str] | None = None
) -> Iterator[TrainRow]:
    """Yield the rows about scenes, whose drawings are added to the data set."""
    rng = random.Random(seed)  # noqa: S311
    for scene in drawn:
        image, sha = dataset.add_image(scene.png())
        for kind, question, answer in scene.questions(rng):
            if kinds is None or kind in kinds:
                yield TrainRow(
                    image=image,
                    image_sha256=sha,
                    question=question,
                    answers=(answer,),
                    kind=kind,
                    source=SOURCE,
                    licence=LICENCE,
                    split=split,
                    metadata={"colour": scene.colour, "shape": scene.shape, "side": scene.side},
                )


def write_shapes(
    folder: Path, *, train: int, dev: int, test: int, seed: int = 0, name: str = "shapes"
) -> DatasetRecord:
    """Write a data set of so many drawings a split; the same arguments give the same version."""
    dataset = Dataset(folder)
    drawn = scenes(train + dev + test, seed)
    parts: list[tuple[Split, list[Scene]]] = [
        ("train", drawn[:train]),
        ("dev", drawn[train : train + dev]),
        ("test", drawn[train + dev :]),
    ]
    rows = [row for split, part in parts for row in rows_of(dataset, part, split, seed)]
    step = Step(name="shapes", options={"train": train, "dev": dev, "test": test, "seed": seed})
    return dataset.write(name, rows, steps=(step,))
