"""The work that embedded models do in the worker process: JSON in, JSON out, by a fixed list of names."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def open_pixels(path: str) -> NDArray[np.uint8]:
    """Return the RGB pixels of a stored image, shape (height, width, 3)."""
    import numpy as np
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


@cache
def _reader(threads: int) -> Any:
    from models.ocr import OcrReader

    return OcrReader(threads=threads)


def read_text(path: str, threads: int = 0) -> list[dict[str, Any]]:
    """Read the lines of text of an image; the cores that may be used change nothing in them."""
    return [line.model_dump() for line in _reader(threads or -1).read_lines(open_pixels(path))]


def read_chart(path: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Read the table behind a chart, given its lines of text."""
    from core.contracts import OcrLine
    from models.charts import read_chart as read

    table = read(open_pixels(path), [OcrLine.model_validate(line) for line in lines])
    return table.model_dump()


def describe_pixels(path: str) -> dict[str, Any]:
    """Measure what the embedded stand-in knows about an image."""
    from models.pixels import describe

    return describe(open_pixels(path)).model_dump()


def score_nsfw(path: str) -> float:
    """Score how likely an image is pornographic."""
    from models.nsfw import score

    return score(open_pixels(path))


@cache
def _vlm(cache_folder: str) -> Any:
    from models.vlm_run import Checkpoint
    from models.vlm_shipped import checkpoint_folder

    return Checkpoint(checkpoint_folder(Path(cache_folder)))


def look(path: str, question: str, cache: str) -> dict[str, Any]:
    """Ask the embedded VLM about an image; `cache` is where its checkpoint is assembled."""
    said = _vlm(cache).answer(open_pixels(path), question)
    return {
        "text": said.text,
        "confidence": said.confidence,
        "probabilities": list(said.probabilities),
        "tokens_in": said.tokens_in,
        "tokens_out": len(said.tokens),
    }


JOBS: dict[str, Callable[..., Any]] = {
    "read_text": read_text,
    "read_chart": read_chart,
    "describe_pixels": describe_pixels,
    "look": look,
    "score_nsfw": score_nsfw,
}
