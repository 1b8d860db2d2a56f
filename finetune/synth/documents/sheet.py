"""A sheet of paper that remembers where each text was written."""

from __future__ import annotations

import io
from typing import Literal

from core.contracts import Box
from finetune.synth.chart_light import load_font
from finetune.synth.documents.words import Look

Align = Literal["left", "center", "right"]


class Sheet:
    """Writes text and rules on paper.

    Args:
        width: In pixels.
        height: In pixels; `png` cuts the sheet to it.
        look: Font and colours.
        size: Letter height in pixels.
    """

    def __init__(self, width: int, height: int, look: Look, size: float) -> None:
        from PIL import Image, ImageDraw

        self.image = Image.new("RGB", (width, height), look.paper)
        self.pen = ImageDraw.Draw(self.image)
        self.look, self.size, self.width, self.height = look, size, width, height

    def text(
        self, x: float, y: float, text: str, *, share: float = 1.0, bold: bool = False, align: Align = "left"
    ) -> Box:
        """Write a line whose top stands at `y`; return the box of its ink."""
        font = load_font(self.look.font, round(self.size * share, 1), bold)
        anchor = {"left": "la", "center": "ma", "right": "ra"}[align]
        self.pen.text((x, y), text, fill=self.look.ink, font=font, anchor=anchor)
        x0, y0, x1, y1 = self.pen.textbbox((x, y), text, font=font, anchor=anchor)
        return (float(x0), float(y0), float(x1), float(y1))

    def measure(self, text: str, *, share: float = 1.0, bold: bool = False) -> float:
        """Return how wide a text would be."""
        return float(load_font(self.look.font, round(self.size * share, 1), bold).getlength(text))

    def rule(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Draw a thin line."""
        self.pen.line([x0, y0, x1, y1], fill=self.look.rule, width=1)

    def band(self, box: Box) -> None:
        """Fill a box with the look's second colour."""
        self.pen.rectangle(list(box), fill=self.look.band)

    def png(self, height: float | None = None) -> bytes:
        """Return the sheet, cut at a height, as PNG bytes."""
        out = io.BytesIO()
        cut = self.image.crop((0, 0, self.width, min(self.height, round(height or self.height))))
        cut.save(out, "PNG", compress_level=6)
        return out.getvalue()


def wrap(sheet: Sheet, text: str, width: float) -> list[str]:
    """Break a text into lines that fit."""
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and sheet.measure(longer) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line] if line else lines
