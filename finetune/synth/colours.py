"""Colours that people can name. Each name has shades for training, others for dev, and others for test."""

from __future__ import annotations

from random import Random

from core.contracts import Contract
from finetune.data.rows import Split

SHADES: dict[str, dict[Split, tuple[str, ...]]] = {
    # The usual palettes of plotting libraries are for training, so that what users draw is known.
    "blue": {"train": ("#1f77b4", "#0000ff", "#4c72b0", "#4169e1", "#0072b2"), "dev": ("#377eb8",), "test": ("#2b5fd9", "#3366cc")},
    "orange": {"train": ("#ff7f0e", "#ffa500", "#dd8452", "#ff8c00", "#e69f00"), "dev": ("#f58518",), "test": ("#fb8500", "#f28e2b")},
    "green": {"train": ("#2ca02c", "#008000", "#55a868", "#3cb44b", "#009e73"), "dev": ("#4daf4a",), "test": ("#1b9e4b", "#54a24b")},
    "red": {"train": ("#d62728", "#ff0000", "#c44e52", "#e63946", "#dc143c"), "dev": ("#e41a1c",), "test": ("#dc3912", "#cb181d")},
    "purple": {"train": ("#9467bd", "#800080", "#8172b3", "#8a2be2", "#7b3fa0"), "dev": ("#984ea3",), "test": ("#7b4fc4", "#8e24aa")},
    "brown": {"train": ("#8c564b", "#a0522d", "#937860", "#8b4513", "#7a4a21"), "dev": ("#a65628",), "test": ("#8d5a2b", "#795548")},
    "pink": {"train": ("#e377c2", "#ff69b4", "#da8bc3", "#ffb6c1", "#f781d0"), "dev": ("#f781bf",), "test": ("#ff9da6", "#f48fb1")},
    "gray": {"train": ("#7f7f7f", "#808080", "#8c8c8c", "#a0a0a0", "#696969"), "dev": ("#999999",), "test": ("#8a8f98", "#757575")},
    "yellow": {"train": ("#ffd700", "#ffff00", "#f0e442", "#ffe119", "#edc948"), "dev": ("#ffd92f",), "test": ("#fdd835", "#f6c800")},
    "cyan": {"train": ("#17becf", "#00ffff", "#64b5cd", "#00ced1", "#42d4f4"), "dev": ("#4cc9f0",), "test": ("#26c6da", "#33d1d1")},
    "olive": {"train": ("#bcbd22", "#808000", "#9a9a1e"), "dev": ("#8f8f20",), "test": ("#a3a329", "#86862a")},
    "black": {"train": ("#000000", "#222222", "#1a1a1a"), "dev": ("#111111",), "test": ("#0d0d0d", "#2b2b2b")},
    "teal": {"train": ("#008080", "#0f8b8d"), "dev": ("#117a7a",), "test": ("#00796b", "#12827c")},
}  # fmt: skip
SAME: dict[str, tuple[str, ...]] = {
    "gray": ("gray", "grey"),
    "cyan": ("cyan", "light blue", "turquoise"),
    "teal": ("teal", "dark cyan"),
    "purple": ("purple", "violet"),
    "olive": ("olive", "olive green"),
}
_ALIKE = (
    {"olive", "yellow"}, {"olive", "green"}, {"olive", "brown"}, {"teal", "green"}, {"teal", "cyan"}, {"teal", "blue"},
    {"brown", "orange"}, {"brown", "red"}, {"pink", "red"}, {"black", "gray"}, {"orange", "yellow"}, {"olive", "gray"},
    {"brown", "gray"}, {"blue", "cyan"}, {"purple", "pink"}, {"orange", "red"},
)  # fmt: skip
_FAR, _SEEN = 100.0, 160.0


class Colour(Contract):
    """A colour by name and value (`#rrggbb`)."""

    name: str
    value: str


def rgb(value: str) -> tuple[int, int, int]:
    """Return red, green and blue, 0 to 255."""
    number = int(value.removeprefix("#"), 16)
    return number >> 16, number >> 8 & 255, number & 255


def distance(one: str, other: str) -> float:
    """Return how far two colours are (weighted RGB, about 0 to 760: compuphase's "redmean")."""
    (r0, g0, b0), (r1, g1, b1) = rgb(one), rgb(other)
    mean = (r0 + r1) / 2
    red, green, blue = r0 - r1, g0 - g1, b0 - b1
    square = (2 + mean / 256) * red**2 + 4 * green**2 + (2 + (255 - mean) / 256) * blue**2
    return float(square**0.5)


def palette(random: Random, count: int, split: Split, background: str) -> tuple[Colour, ...]:
    """Return colours with different names that differ from each other and from the background.

    Args:
        random: The source of chance.
        count: How many; at most 8 can always be found on a white or a dark ground.
        split: Which shades.
        background: What they are drawn on.
    """
    while True:
        names = random.sample(sorted(SHADES), len(SHADES))
        chosen: list[Colour] = []
        for name in names:
            colour = Colour(name=name, value=random.choice(SHADES[name][split]))
            clear = distance(colour.value, background) > _SEEN and all(
                distance(colour.value, other.value) > _FAR and {name, other.name} not in _ALIKE
                for other in chosen
            )
            if clear and len(chosen) < count:
                chosen.append(colour)
        if len(chosen) == count:
            return tuple(chosen)
        count = count if random.random() < 0.9 else max(2, count - 1)


def accepted(name: str) -> tuple[str, ...]:
    """Return every word that is right for a colour, the usual one first."""
    return SAME.get(name, (name,))
