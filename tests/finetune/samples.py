"""Small sets in the official layouts, written by the tests."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def picture(seed: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Return a picture that no other seed gives, with structure a perceptual hash can see."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def png(seed: int, size: tuple[int, int] = (64, 48)) -> bytes:
    out = io.BytesIO()
    picture(seed, size).save(out, format="PNG")
    return out.getvalue()


def put(path: Path, content: Any) -> Path:
    """Write text, bytes, an image seed (a number) or JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content)
    elif isinstance(content, int):
        picture(content).save(path)
    else:
        path.write_text(json.dumps(content))
    return path
