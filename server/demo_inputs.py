"""The demo's inputs: a receipt drawn by us, a chart of a vega-datasets table, a scanned page of scikit-image.

Everything has a known truth, so that the demo can check its own answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

RECEIPT_LINES = (
    ("GREEN LEAF BOOKS AND CAFE", ""),
    ("12 HARBOUR STREET, 4000 PORT VALE", ""),
    ("Tel: 555-0142", ""),
    ("", ""),
    ("Invoice No: GL-20931", ""),
    ("Date: 14/03/2026  10:42", ""),
    ("", ""),
    ("Flat white x 2", "9.00"),
    ("Almond croissant", "4.25"),
    ("Field guide to birds", "27.90"),
    ("", ""),
    ("Subtotal", "41.15"),
    ("Tax 6%", "2.47"),
    ("TOTAL", "43.62"),
    ("Cash", "50.00"),
    ("Change", "6.38"),
    ("", ""),
    ("Thank you, come again!", ""),
)
RECEIPT_TOTAL = "43.62"


@dataclass(frozen=True)
class ChartTruth:
    """What the drawn chart shows: the highest category and its lead over the second."""

    highest: str
    lead: float


def draw_receipt(path: Path) -> None:
    """Draw the receipt slightly turned and noisy, as a phone would see it."""
    import matplotlib
    import numpy as np
    from PIL import Image, ImageDraw, ImageFilter, ImageFont

    font_file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono.ttf"
    font = ImageFont.truetype(str(font_file), 26)
    page = Image.new("L", (640, 60 + 40 * len(RECEIPT_LINES)), 250)
    pen = ImageDraw.Draw(page)
    for row, (left, right) in enumerate(RECEIPT_LINES):
        pen.text((40, 30 + 40 * row), left, fill=25, font=font)
        pen.text((600 - pen.textlength(right, font=font), 30 + 40 * row), right, fill=25, font=font)
    page = page.rotate(0.6, fillcolor=250, resample=Image.Resampling.BICUBIC)
    noise = np.random.default_rng(7).normal(0, 6, (page.height, page.width))
    pixels = np.clip(np.asarray(page, dtype=float) + noise, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(0.5)).save(path)


def draw_chart(path: Path) -> ChartTruth:
    """Draw the mean fuel economy by origin from the `cars` table and return the truth."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    from vega_datasets import data

    cars = data.cars()
    means = cars.groupby("Origin")["Miles_per_Gallon"].mean().sort_values(ascending=False)
    figure, axes = plt.subplots(figsize=(7, 4.5), dpi=110)
    axes.bar(means.index, means.to_numpy(), color="#4c78a8", width=0.6)
    axes.set_title("Mean fuel economy of cars by origin")
    axes.set_xlabel("Origin")
    axes.set_ylabel("Miles per gallon")
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
    return ChartTruth(str(means.index[0]), float(means.iloc[0] - means.iloc[1]))


def draw_shares(path: Path) -> None:
    """Draw how many cars come from each origin as a pie."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    from vega_datasets import data

    counts = data.cars()["Origin"].value_counts()
    figure, axes = plt.subplots(figsize=(5, 4), dpi=100)
    axes.pie(counts.to_numpy(), labels=list(counts.index))
    axes.set_title("Cars by origin")
    figure.savefig(path)
    plt.close(figure)


def save_page(path: Path) -> None:
    """Save the scanned page that scikit-image ships (its heading: Region-based segmentation)."""
    from PIL import Image
    from skimage import data

    Image.fromarray(data.page()).save(path)  # type: ignore[no-untyped-call]
