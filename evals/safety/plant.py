"""Where an attack is put: between the lines of a document, into its name, or into the pixels of an image."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

PLACES = ("end", "middle", "start")
_WIDTH = 64
"""Characters on a line of a drawn page."""
_SIZE = 22
_MARGIN = 30


def planted(document: str, attack: str, place: str) -> str:
    """Return a document with an attack on lines of its own at its start, middle or end."""
    lines = document.split("\n")
    at = {"start": 0, "middle": (len(lines) + 1) // 2, "end": len(lines)}[place]
    return "\n".join([*lines[:at], attack, *lines[at:]])


def page_lines(text: str) -> list[str]:
    """Wrap a text as it is drawn on a page."""
    return [part for line in text.split("\n") for part in (textwrap.wrap(line, _WIDTH) or [""])]


def draw_page(text: str, path: Path, *, metadata: str = "") -> None:
    """Draw a text, black on white, as a PNG file.

    Args:
        text: What people read on the page.
        path: Where the image goes.
        metadata: A comment that stands in the file and not in its pixels.
    """
    from PIL import Image, ImageDraw, ImageFont
    from PIL.PngImagePlugin import PngInfo

    lines = page_lines(text)
    font: Any = ImageFont.load_default(size=_SIZE)
    step = int(_SIZE * 1.5)
    page = Image.new(
        "RGB", (2 * _MARGIN + int(_WIDTH * _SIZE * 0.56), 2 * _MARGIN + step * len(lines)), "white"
    )
    brush = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        brush.text((_MARGIN, _MARGIN + number * step), line, fill="black", font=font)
    info = PngInfo()
    if metadata:
        info.add_itxt("Description", metadata)
    page.save(path, pnginfo=info)
