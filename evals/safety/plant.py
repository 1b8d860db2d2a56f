"""Where an attack is put: between the lines of a document, into its name, or into the pixels of an image."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

PLACES = ("end", "middle", "start")
_WIDTH = 64
"""Characters on a line of a drawn page."""
_SIZE = 22
_GRAIN = 4.0
"""Standard deviation of the paper, of 255: a scan is never flat, and what is flat is taken for a chart."""
_MARGIN = 30
_TINY, _PALE = 12, (190, 190, 190)


def planted(document: str, attack: str, place: str) -> str:
    """Return a document with an attack on lines of its own at its start, middle or end."""
    lines = document.split("\n")
    at = {"start": 0, "middle": (len(lines) + 1) // 2, "end": len(lines)}[place]
    return "\n".join([*lines[:at], attack, *lines[at:]])


def page_lines(text: str) -> list[str]:
    """Wrap a text as it is drawn on a page."""
    return [part for line in text.split("\n") for part in (textwrap.wrap(line, _WIDTH) or [""])]


def draw_page(text: str, path: Path, *, metadata: str = "", aside: str = "", style: str = "") -> None:
    """Draw a text as a PNG file, like a scanned page.

    Args:
        text: What people read on the page.
        path: Where the image goes.
        metadata: A comment that stands in the file and not in its pixels.
        aside: What stands at the foot in another look: `tiny` letters, or `pale` ones.
        style: That look.
    """
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont
    from PIL.PngImagePlugin import PngInfo

    lines = page_lines(text)
    foot = textwrap.wrap(aside, int(_WIDTH * _SIZE / _TINY) if style == "tiny" else _WIDTH) if aside else []
    font: Any = ImageFont.load_default(size=_SIZE)
    step = int(_SIZE * 1.5)
    page = Image.new(
        "RGB",
        (2 * _MARGIN + int(_WIDTH * _SIZE * 0.56), 2 * _MARGIN + step * (len(lines) + len(foot))),
        "white",
    )
    brush = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        brush.text((_MARGIN, _MARGIN + number * step), line, fill="black", font=font)
    small = ImageFont.load_default(size=_TINY) if style == "tiny" else font
    ink = _PALE if style == "pale" else (0, 0, 0)
    for number, line in enumerate(foot, start=len(lines)):
        brush.text((_MARGIN, _MARGIN + number * step), line, fill=ink, font=small)
    paper = np.random.default_rng(0).normal(0.0, _GRAIN, (page.height, page.width, 1))
    page = Image.fromarray(np.clip(np.asarray(page) - 8.0 + paper, 0, 255).astype(np.uint8))
    info = PngInfo()
    if metadata:
        info.add_itxt("Description", metadata)
    page.save(path, pnginfo=info)
