"""Pages and receipts of known text, as a scanner or a phone sees them: slightly turned, with noise."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FONTS = ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono")
"""Fonts that come with matplotlib."""
_SHOPS = (
    ("GREEN LEAF BOOKS", "12 HARBOUR STREET, 4000 PORT VALE"),
    ("KALVEN HARDWARE STORE", "7 DOCK ROAD, 5120 KALVEN"),
    ("BRENN FISH MARKET", "33 QUAY LANE, 3050 BRENN"),
    ("NORVIK PHARMACY", "218 CHURCH STREET, 9001 NORVIK"),
)
_GOODS = ("Flat white", "Almond cake", "Field guide", "Padlock", "Rope 10 m", "Smoked trout", "Paint brush",
          "Cough syrup", "Plasters", "Rye bread", "Lamp oil", "Notebook")  # fmt: skip
_WIDTH = 640


@dataclass(frozen=True)
class Receipt:
    """The lines of a receipt (left, right), and its true fields."""

    lines: tuple[tuple[str, str], ...]
    fields: dict[str, str]


def make_receipt(seed: int) -> Receipt:
    """Return a receipt whose sums are right; the same for the same seed."""
    rng = random.Random(f"receipt-{seed}")  # noqa: S311 - a drawing, no secret
    company, address = _SHOPS[seed % len(_SHOPS)]
    bought = [(name, rng.randrange(120, 4_500)) for name in rng.sample(_GOODS, rng.randrange(2, 6))]
    whole = sum(cents for _, cents in bought)
    tax = round(whole * 0.06)
    total = whole + tax
    given = -(-total // 1_000) * 1_000
    day = f"{rng.randrange(1, 29):02}/{rng.randrange(1, 13):02}/{rng.randrange(2019, 2026)}"
    lines = [
        (company, ""),
        (address, ""),
        ("", ""),
        (f"Invoice No: {rng.choice('ABC')}{rng.randrange(10_000, 99_999)}", ""),
        (f"Date: {day}  {rng.randrange(8, 19):02}:{rng.randrange(60):02}", ""),
        ("", ""),
        *((name, _money(cents)) for name, cents in bought),
        ("", ""),
        ("Subtotal", _money(whole)),
        ("Tax 6%", _money(tax)),
        ("TOTAL", _money(total)),
        ("Cash", _money(given)),
        ("Change", _money(given - total)),
    ]
    fields = {"company": company, "address": address, "date": day, "total": _money(total)}
    return Receipt(tuple(lines), fields)


def _money(cents: int) -> str:
    return f"{cents / 100:.2f}"


def wrapped(text: str, width: int) -> list[str]:
    """Return a text in lines of at most so many characters."""
    import textwrap

    return textwrap.wrap(text, width)


def draw_lines(path: Path, lines: Sequence[tuple[str, str]], seed: int) -> None:
    """Draw lines (left, right) as a page into a PNG file; font, turn and noise come from the seed."""
    import matplotlib
    import numpy as np
    from PIL import Image, ImageDraw, ImageFilter, ImageFont

    rng = random.Random(f"page-{seed}")  # noqa: S311 - a drawing, no secret
    size = rng.choice((22, 24, 26))
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    font = ImageFont.truetype(str(folder / f"{FONTS[seed % len(FONTS)]}.ttf"), size)
    step = size + 14
    longest = max(font.getlength(f"{left}   {right}") for left, right in lines)
    width = max(_WIDTH, int(longest) + 80)
    page = Image.new("L", (width, 60 + step * len(lines)), 250)
    pen = ImageDraw.Draw(page)
    for row, (left, right) in enumerate(lines):
        pen.text((40, 30 + step * row), left, fill=25, font=font)
        pen.text((width - 40 - pen.textlength(right, font=font), 30 + step * row), right, fill=25, font=font)
    turned = page.rotate(rng.uniform(-0.8, 0.8), fillcolor=250, resample=Image.Resampling.BICUBIC)
    noise = np.random.default_rng(seed).normal(0, rng.uniform(2, 8), (turned.height, turned.width))
    pixels = np.clip(np.asarray(turned, dtype=float) + noise, 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(0.4)).save(path)
