"""Scenes like photographs: a shaded, grainy ground with things on it. No words, no even areas."""

from __future__ import annotations

import random
from pathlib import Path

from evals.drawings.simple import COLOURS

_SIDE = 256


def draw_scene(path: Path, seed: int) -> None:
    """Draw a scene into a PNG file; the same one for the same seed."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFilter

    rng = random.Random(f"scene-{seed}")  # noqa: S311 - a drawing, no secret
    ends = [np.array([rng.randrange(40, 230) for _ in range(3)], dtype=float) for _ in range(2)]
    down = np.linspace(0, 1, _SIDE)[:, None, None]
    ground = ends[0] * (1 - down) + ends[1] * down + np.zeros((_SIDE, _SIDE, 3))
    image = Image.fromarray(ground.astype(np.uint8))
    pen = ImageDraw.Draw(image)
    for _ in range(rng.randrange(4, 9)):
        width, height = rng.randrange(20, 110), rng.randrange(20, 110)
        left, top = rng.randrange(-10, _SIDE - 30), rng.randrange(-10, _SIDE - 30)
        box, fill = (left, top, left + width, top + height), rng.choice(list(COLOURS.values()))
        turn = rng.randrange(3)
        if turn == 0:
            pen.ellipse(box, fill)
        elif turn == 1:
            pen.rectangle(box, fill)
        else:
            pen.polygon([(left, top + height), (left + width, top + height), (left + width // 2, top)], fill)
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(1.5)), dtype=float)
    grain = np.random.default_rng(seed).normal(0, 12, soft.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(soft + grain, 0, 255).astype(np.uint8)).save(path)
