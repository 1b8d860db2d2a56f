"""Pictures that the tower learns from, each with the facts that are known of it.

Sources: charts drawn here, easy-VQA's training images (MIT), VQA-RAD's development images (CC0), the photos
inside scikit-image (CC0 and public domain). What is held out for measuring is never drawn from.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from finetune.data.lines import file_lines
from finetune.synth.chart import make_chart
from finetune.synth.chart_code import plotting_code
from finetune.synth.chart_light import draw_light
from finetune.synth.sandbox.client import Sandbox
from finetune.vlm.chart_spec import spec_of
from finetune.vlm.slots import SHAPES, chart_facts, photo_facts, scan_facts, shape_facts

if TYPE_CHECKING:
    from PIL import Image

SIDE = 224
_PHOTOS = ("astronaut", "coffee", "chelsea", "rocket", "camera", "moon", "brick", "grass", "gravel", "cat")
_HELD_OUT = 5  # one VQA-RAD image in five is kept for measuring


@dataclass(frozen=True)
class Picture:
    """An image of 224 x 224 pixels and what is known of it."""

    source: str
    image: Image.Image
    facts: dict[str, str] = field(default_factory=dict)


def held_out(image_name: str) -> bool:
    """Whether an image of VQA-RAD is kept for measuring: decided by its name, so the same everywhere."""
    return int(hashlib.sha256(image_name.encode()).hexdigest(), 16) % _HELD_OUT == 0


def drawn(number: int) -> Picture:
    """Draw training chart `number` with the light renderer."""
    chart = make_chart(Random(f"drawn-{number}"), "train", 1.0)  # noqa: S311 - drawings, not secrets
    return Picture("drawn", _squeezed(draw_light(chart)[0]), chart_facts(spec_of(chart)))


def plotted(number: int, sandbox: Sandbox) -> Picture:
    """Draw training chart `number` with matplotlib."""
    chart = make_chart(Random(f"plotted-{number}"), "train", 0.0)  # noqa: S311
    return Picture("plotted", _squeezed(sandbox.draw(plotting_code(chart)).png), chart_facts(spec_of(chart)))


def _squeezed(png: bytes) -> Image.Image:
    from PIL import Image

    with Image.open(io.BytesIO(png)) as opened:
        return opened.convert("RGB").resize((SIDE, SIDE), _bilinear())


def _bilinear() -> Image.Resampling:
    from PIL import Image

    return Image.Resampling.BILINEAR


def easy_vqa_truth() -> dict[int, tuple[str, str]]:
    """Return shape and colour of easy-VQA's training images by their number, as its questions tell."""
    import easy_vqa

    shapes: dict[int, str] = {}
    colours: dict[int, str] = {}
    for question, answer, image in zip(*easy_vqa.get_train_questions(), strict=True):
        if answer in SHAPES:
            shapes[image] = answer
        elif answer not in ("yes", "no"):
            colours[image] = answer
        _read_yes(question, answer, image, shapes, colours)
    return {image: (shapes[image], colours[image]) for image in sorted(shapes) if image in colours}


def _read_yes(
    question: str, answer: str, image: int, shapes: dict[int, str], colours: dict[int, str]
) -> None:
    """A question that is answered yes (or a negated one answered no) names what is there."""
    words = question.replace("?", "").split()
    if (answer == "yes") == ("not" in words):
        return
    for word in words:
        if word in SHAPES and answer in ("yes", "no"):
            shapes[image] = word
        elif word in _EASY_COLOURS and answer in ("yes", "no"):
            colours[image] = word


_EASY_COLOURS = ("black", "gray", "red", "blue", "green", "teal", "brown", "yellow")


def easy_vqa_pictures(numbers: dict[int, tuple[str, str]], rng: Random) -> Iterator[Picture]:
    """Yield easy-VQA's training images, mirrored and turned at random: a shape stays what it is."""
    import easy_vqa
    from PIL import Image

    paths = dict(easy_vqa.get_train_image_paths())
    for number, (shape, colour) in numbers.items():
        with Image.open(paths[number]) as opened:
            image = opened.convert("RGB")
        if rng.random() < 0.7:
            image = image.transpose(rng.choice(list(Image.Transpose)))
        yield Picture("easy-vqa", image.resize((SIDE, SIDE), _bilinear()), shape_facts(shape, colour))


def scans(folder: Path, rng: Random, crops: int) -> Iterator[Picture]:
    """Yield VQA-RAD's development images that are not held out, each whole and in random crops."""
    from PIL import Image

    organs: dict[str, str] = {}
    for line in file_lines(folder / "dev.jsonl"):
        row = json.loads(line)
        organs[row["image_name"]] = {"HEAD": "head", "CHEST": "chest", "ABD": "abdomen"}[row["image_organ"]]
    for name in sorted(organs):
        if not held_out(name):
            with Image.open(folder / "images" / name) as opened:
                image = opened.convert("RGB")
            for crop in range(crops):
                cut = image if crop == 0 else _crop(image, rng, 0.75)
                yield Picture("vqa-rad", cut.resize((SIDE, SIDE), _bilinear()), scan_facts(organs[name]))


def photos(rng: Random, crops: int) -> Iterator[Picture]:
    """Yield random crops of the photos that scikit-image carries."""
    import skimage.data
    from PIL import Image

    for name in _PHOTOS:
        image = Image.fromarray(getattr(skimage.data, name)()).convert("RGB")
        for _ in range(crops):
            yield Picture("photo", _crop(image, rng, 0.3).resize((SIDE, SIDE), _bilinear()), photo_facts())


def _crop(image: Image.Image, rng: Random, least: float) -> Image.Image:
    width, height = (round(side * rng.uniform(least, 1.0)) for side in image.size)
    x, y = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    return image.crop((x, y, x + width, y + height))
