"""Changes of images by albumentations, with their boxes."""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

from core.contracts import Box
from core.errors import unavailable
from finetune.augment.policy import CHANGES, SPATIAL, Change

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

_MILD_JPEG = (70, 95)


def change_image(
    pixels: Pixels, boxes: Sequence[Box], changes: Sequence[Change], seed: int
) -> tuple[Pixels, tuple[Box, ...]]:
    """Apply changes in order.

    Args:
        pixels: Shape (height, width, 3), RGB.
        boxes: In pixels; each comes back, in the same order.
        changes: What to do; `finetune.augment.policy.allowed` says what may be done.
        seed: The same seed gives the same image.

    Raises:
        VidenceError: `unavailable` without albumentations.
    """
    import numpy as np

    height, width = pixels.shape[:2]
    moving = bool(boxes) and any(change in SPATIAL for change in changes)
    pipeline = _pipeline(tuple(changes), height, width, seed, moving=moving)
    if not moving:
        return np.ascontiguousarray(pipeline(image=pixels)["image"]), tuple(boxes)
    labels = list(range(len(boxes)))
    done = pipeline(image=pixels, bboxes=[_inside(box, width, height) for box in boxes], labels=labels)
    found = {int(label): box for label, box in zip(done["labels"], done["bboxes"], strict=True)}
    moved = tuple(tuple(round(float(value), 2) for value in found[label]) for label in labels)
    return np.ascontiguousarray(done["image"]), moved  # type: ignore[return-value]


def choose(random: Random, free: frozenset[Change], most: int = 3) -> tuple[Change, ...]:
    """Pick one to `most` of the allowed changes, spatial ones first (they move the boxes' grid)."""
    options = [change for change in CHANGES if change in free]
    if not options:
        return ()
    picked = random.sample(options, random.randint(1, min(most, len(options))))
    return tuple(sorted(picked, key=lambda change: (change not in SPATIAL, CHANGES.index(change))))


def _pipeline(changes: tuple[Change, ...], height: int, width: int, seed: int, *, moving: bool) -> Any:
    library = load_albumentations()
    steps = [_step(library, change, height, width, Random(f"{seed}:{change}")) for change in changes]
    boxes = library.BboxParams(format="pascal_voc", label_fields=["labels"], min_area=0, min_visibility=0)
    # The library warns of boxes that nothing moves.
    return library.Compose(steps, bbox_params=boxes if moving else None, seed=seed)


def _step(library: Any, change: Change, height: int, width: int, random: Random) -> Any:
    pad_h, pad_w = (max(2, round(side * random.uniform(0.03, 0.15))) for side in (height, width))
    pads = [
        random.randint(0, pad_h),
        random.randint(0, pad_w),
        random.randint(0, pad_h),
        random.randint(0, pad_w),
    ]
    make = {
        "brightness": lambda: library.RandomBrightnessContrast(0.15, 0.15, p=1),
        "gamma": lambda: library.RandomGamma((85, 118), p=1),
        "noise": lambda: library.GaussNoise(std_range=(0.01, 0.04), p=1),
        "blur": lambda: library.GaussianBlur(blur_limit=(3, 3), sigma_limit=(0.3, 0.9), p=1),
        "compression": lambda: library.ImageCompression(quality_range=_MILD_JPEG, p=1),
        "colour": lambda: library.HueSaturationValue(12, 25, 10, p=1),
        "mirror": lambda: library.HorizontalFlip(p=1),
        "flip": lambda: library.VerticalFlip(p=1),
        "quarter_turn": lambda: library.RandomRotate90(p=1),
        "tilt": lambda: library.Rotate((-4, 4), border_mode=1, p=1),
        "pad": lambda: library.CropAndPad(px=tuple(pads), keep_size=False, sample_independently=False, p=1),
        "crop": lambda: library.BBoxSafeRandomCrop(erosion_rate=0.0, p=1),
    }
    return make[change]()


def _inside(box: Box, width: int, height: int) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = box
    return max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1)


@cache
def load_albumentations() -> Any:
    """Import albumentations without its look for a newer version on the network."""
    name = "albumentations.check_version"
    if name not in sys.modules:
        quiet = types.ModuleType(name)
        quiet.check_for_updates = lambda: None  # type: ignore[attr-defined]
        sys.modules[name] = quiet
    try:
        import albumentations
    except ImportError as error:
        raise unavailable(
            "albumentations is not installed",
            help="Install the extra `augment`: pip install 'vidence[augment]'.",
            retryable=False,
        ) from error
    return albumentations
