"""What plain pixel statistics say about an image: its kind, colours, brightness and shape.

This is all that the embedded stand-in for the VLM may speak about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from core.contracts import Contract

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ImageKind = Literal["document", "chart", "photo", "scan", "unknown"]

_COLOURS: dict[str, tuple[float, float]] = {
    # Hue ranges in degrees, for pixels that are neither dark, bright nor grey.
    "red": (345, 15), "orange": (15, 42), "yellow": (42, 68), "green": (68, 165),
    "cyan": (165, 195), "blue": (195, 255), "purple": (255, 290), "pink": (290, 345),
}  # fmt: skip


_FLAT, _FLAT_GREY = 0.8, 0.93
"""Grey scans of things on an empty ground are flat too, up to .92: without colour more is wanted."""
_VIVID = 0.004
_SQUARE = 5


class PixelFacts(Contract):
    """Measured facts of an image; shares are fractions of its pixels, 0 to 1."""

    kind: ImageKind
    kind_confidence: float
    width: int
    height: int
    grayscale: bool
    brightness: float
    drawn: bool = False
    """Whether a program drew it: large areas of exactly one colour, whatever the page's colour."""
    colours: tuple[tuple[str, float], ...]
    """Colour names with their shares, largest first, only those of 5% or more."""


def describe(pixels: NDArray[np.uint8]) -> PixelFacts:
    """Measure an RGB image, shape (height, width, 3)."""
    import numpy as np

    height, width = pixels.shape[:2]
    step = max(1, int(max(height, width) / 400))
    small = pixels[::step, ::step].astype(np.float32) / 255.0
    red, green, blue = small[..., 0], small[..., 1], small[..., 2]
    # By channel: reductions over an axis of three are ten times as slow.
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    grayscale = bool(np.quantile(spread, 0.99) < 0.06)
    luma = (red + green + blue) / np.float32(3)
    flat, vivid = _flat(luma), float((spread > 0.1).mean())
    kind, confidence = _kind(luma, spread, flat, vivid, grayscale=grayscale)
    return PixelFacts(
        kind=kind,
        kind_confidence=confidence,
        width=width,
        height=height,
        grayscale=grayscale,
        brightness=round(float(small.mean()), 3),
        drawn=flat > _FLAT and (vivid > _VIVID or flat > _FLAT_GREY),
        colours=_colour_shares(red, green, blue, spread),
    )


def _flat(luma: NDArray[np.float32]) -> float:
    """Return the share of neighbours that are equally bright: .8 to 1 in drawings, below .7 in photos."""
    import numpy as np

    across = float((np.abs(np.diff(luma, axis=1)) < 0.004).mean())
    down = float((np.abs(np.diff(luma, axis=0)) < 0.004).mean())
    return (across + down) / 2


def _kind(
    luma: NDArray[np.float32], spread: NDArray[np.float32], flat: float, vivid: float, *, grayscale: bool
) -> tuple[ImageKind, float]:
    dark = float((luma < 0.35).mean())
    bright = float((luma > 0.75).mean())
    coloured = float((spread > 0.2).mean())
    if flat > _FLAT and (
        (vivid > _VIVID and (bright > 0.55 or _filled(spread) > _VIVID)) or (flat > 0.95 and dark < 0.6)
    ):
        # Drawn by a program. Little colour: perhaps a plain page.
        return "chart", min(0.95, flat) if vivid > _VIVID else 0.5
    if bright > 0.55 and dark < 0.1 and coloured < 0.15:
        return "document", min(0.95, bright)
    if grayscale:
        # Continuous grey tones: radiographs and other scans; a grey page was caught above.
        return "scan", 0.7
    return "photo", 0.6


def _filled(spread: NDArray[np.float32]) -> float:
    """Return the share of squares of 5 by 5 pixels that are full of colour: bars, slices, no red letters."""
    rows, columns = (side - side % _SQUARE for side in spread.shape)
    if not rows or not columns:
        return 0.0
    squares = (spread > 0.1)[:rows, :columns].reshape(rows // _SQUARE, _SQUARE, columns // _SQUARE, _SQUARE)
    return float(squares.all(axis=(1, 3)).mean())


def _colour_shares(
    red: NDArray[np.float32],
    green: NDArray[np.float32],
    blue: NDArray[np.float32],
    spread: NDArray[np.float32],
) -> tuple[tuple[str, float], ...]:
    import numpy as np

    high = np.maximum(np.maximum(red, green), blue)
    safe = np.maximum(spread, 1e-6)
    hue = (
        np.where(
            high == red,
            ((green - blue) / safe) % 6,
            np.where(high == green, (blue - red) / safe + 2, (red - green) / safe + 4),
        )
        * 60.0
    )
    grey = (spread < 0.12) | (spread / np.maximum(high, 1e-6) < 0.15)
    names: dict[str, NDArray[np.bool_]] = {
        "black": high < 0.2,
        "white": grey & (high >= 0.82),
        "gray": grey & (high >= 0.2) & (high < 0.82),
    }
    rest = ~(names["black"] | names["white"] | names["gray"])
    for name, (low, top) in _COLOURS.items():
        inside = (hue >= low) & (hue < top) if low < top else (hue >= low) | (hue < top)
        names[name] = rest & inside
    brown = names["orange"] & (high < 0.6)
    names["orange"] = names["orange"] & ~brown
    names["brown"] = brown
    shares = [(name, round(float(mask.mean()), 3)) for name, mask in names.items()]
    return tuple(sorted((s for s in shares if s[1] >= 0.05), key=lambda s: -s[1]))
