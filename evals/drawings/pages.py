"""Pages and receipts of known text, as a scanner or a phone sees them: slightly turned, with noise."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.made.values import places

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
_TRADES = ("Books", "Hardware", "Bakery", "Pharmacy", "Garden", "Toys", "Cycles", "Paints")
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


def small_receipt(seed: int) -> Receipt:
    """Return a receipt of one or two goods in ten short lines, from a shop of its own; its sums are right."""
    rng = random.Random(f"small-receipt-{seed}")  # noqa: S311 - a drawing, no secret
    shop, street, town = places(3, f"receipt-{seed}")
    company = f"{shop} {rng.choice(_TRADES)}".upper()
    first = f"{rng.randrange(1, 240)} {street} {rng.choice(('STREET', 'ROAD', 'LANE'))},".upper()
    second = f"{rng.randrange(1_000, 9_999)} {town}".upper()
    bought = [(name, rng.randrange(120, 4_500)) for name in rng.sample(_GOODS, rng.randrange(1, 3))]
    total = sum(cents for _, cents in bought)
    day = f"{rng.randrange(1, 29):02}/{rng.randrange(1, 13):02}/{rng.randrange(2019, 2026)}"
    lines = [
        (company, ""),
        (first, ""),
        (second, ""),
        ("", ""),
        (f"Date: {day}", f"{rng.randrange(8, 19):02}:{rng.randrange(60):02}"),
        *((name, _money(cents)) for name, cents in bought),
        ("TOTAL", _money(total)),
        ("Thank you", ""),
    ]
    fields = {"company": company, "address": f"{first} {second}", "date": day, "total": _money(total)}
    return Receipt(tuple(lines), fields)


def draw_lines(
    path: Path, lines: Sequence[tuple[str, str]], seed: int, *, least: tuple[int, int] = (_WIDTH, 0)
) -> None:
    """Draw lines (left, right) as a page into a PNG file; font, turn and noise come from the seed.

    Args:
        path: The file.
        lines: What stands at the left and at the right.
        seed: The same one draws the same page.
        least: Width and height in pixels that the page has at least.
    """
    import matplotlib
    import numpy as np
    from PIL import Image, ImageDraw, ImageFilter, ImageFont

    rng = random.Random(f"page-{seed}")  # noqa: S311 - a drawing, no secret
    size = rng.choice((22, 24, 26))
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    font = ImageFont.truetype(str(folder / f"{FONTS[seed % len(FONTS)]}.ttf"), size)
    step = size + 14
    longest = max(font.getlength(f"{left}   {right}") for left, right in lines)
    width = max(least[0], int(longest) + 80)
    page = Image.new("L", (width, max(least[1], 60 + step * len(lines))), 250)
    pen = ImageDraw.Draw(page)
    for row, (left, right) in enumerate(lines):
        pen.text((40, 30 + step * row), left, fill=25, font=font)
        pen.text((width - 40 - pen.textlength(right, font=font), 30 + step * row), right, fill=25, font=font)
    turned = page.rotate(rng.uniform(-0.8, 0.8), fillcolor=250, resample=Image.Resampling.BICUBIC)
    noise = np.random.default_rng(seed).normal(0, rng.uniform(2, 8), (turned.height, turned.width))
    pixels = np.clip(np.asarray(turned, dtype=float) + noise, 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(0.4)).save(path)


PIECES = 6
_SHEET, _BAND = 640, 106


def piece_box(place: int) -> tuple[int, int, int, int]:
    """Return where a piece of a sheet stands, in pixels."""
    return (0, place * _BAND, _SHEET, (place + 1) * _BAND)


def draw_sheet(path: Path, pieces: Sequence[Sequence[str]], seed: int) -> None:
    """Draw up to six pieces of text below each other; each has a font, size, ink, turn and noise of its own.

    Args:
        path: The PNG file.
        pieces: Lines of text, two at most a piece.
        seed: The same one draws the same sheet.
    """
    import matplotlib
    import numpy as np
    from PIL import Image, ImageDraw, ImageFilter, ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    sheet = Image.new("L", (_SHEET, PIECES * _BAND), 250)
    for place, lines in enumerate(pieces):
        rng = random.Random(f"piece-{seed}-{place}")  # noqa: S311 - a drawing, no secret
        size, ground = rng.choice((17, 19, 21, 23, 25)), rng.randrange(225, 253)
        font = ImageFont.truetype(str(folder / f"{rng.choice(FONTS)}.ttf"), size)
        while size > 12 and max(font.getlength(line) for line in lines) > _SHEET - 60:
            size -= 1
            font = ImageFont.truetype(font.path, size)
        band = Image.new("L", (_SHEET, _BAND), ground)
        pen = ImageDraw.Draw(band)
        for row, line in enumerate(lines):
            pen.text(
                (rng.randrange(18, 30), 20 + row * (size + 12)), line, fill=rng.randrange(15, 90), font=font
            )
        turned = band.rotate(rng.uniform(-0.8, 0.8), fillcolor=ground, resample=Image.Resampling.BICUBIC)
        noise = np.random.default_rng([seed, place]).normal(0, rng.uniform(1, 9), (_BAND, _SHEET))
        pixels = np.clip(np.asarray(turned, dtype=float) + noise, 0, 255).astype(np.uint8)
        blur = ImageFilter.GaussianBlur(rng.uniform(0.2, 0.9))
        sheet.paste(Image.fromarray(pixels).filter(blur), piece_box(place)[:2])
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
