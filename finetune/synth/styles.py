"""How charts look. A theme is a drawing style; those of training, dev and test are different ones."""

from __future__ import annotations

from random import Random
from typing import Literal

from core.contracts import Contract
from finetune.data.rows import Split

Grid = Literal["none", "x", "y", "both"]
Legend = Literal["right", "bottom", "top"]


class Theme(Contract):
    """What makes a drawing style. `spines` are the sides that are drawn, of `lrtb`."""

    name: str
    font: str
    page: str
    plot: str
    ink: str
    grid: Grid
    grid_colour: str = "#cccccc"
    grid_dash: str = "-"
    spines: str = "lrtb"
    edge: str = ""
    marker: str = "o"
    dash: str = "-"
    bold: bool = False
    title_place: Literal["left", "center", "right"] = "center"


class Style(Contract):
    """A theme with sizes: what one drawing is drawn with. Sizes in pixels; `font_px` is the letter height."""

    theme: Theme
    width: int
    height: int
    font_px: float
    bar_width: float
    line_width: float
    marker_px: float
    legend: Legend
    value_labels: bool
    title: bool
    axis_titles: bool
    ticks: int
    renderer: Literal["matplotlib", "light"]
    inner: float = 0.55
    start_angle: int = 90
    tick_labels: bool = True


_SANS, _MONO, _SERIF, _STIX = "DejaVu Sans", "DejaVu Sans Mono", "DejaVu Serif", "STIXGeneral"
_TRAIN = (
    Theme(name="plain", font=_SANS, page="#ffffff", plot="#ffffff", ink="#000000", grid="none"),
    Theme(name="plain-grid", font=_SANS, page="#ffffff", plot="#ffffff", ink="#000000", grid="both", grid_colour="#b0b0b0"),
    Theme(name="open", font=_SANS, page="#ffffff", plot="#ffffff", ink="#222222", grid="y", grid_colour="#dddddd", spines="lb"),
    Theme(name="gray-panel", font=_SANS, page="#ffffff", plot="#e5e5e5", ink="#555555", grid="both", grid_colour="#ffffff", spines=""),
    Theme(name="blue-panel", font=_SANS, page="#ffffff", plot="#eaeaf2", ink="#262626", grid="both", grid_colour="#ffffff", spines=""),
    Theme(name="night", font=_SANS, page="#000000", plot="#000000", ink="#ffffff", grid="none", spines="lb"),
    Theme(name="slate", font=_SANS, page="#2b2f3a", plot="#2b2f3a", ink="#e8e8e8", grid="y", grid_colour="#4a5060", spines="b"),
    Theme(name="outlined", font=_SANS, page="#ffffff", plot="#ffffff", ink="#000000", grid="none", edge="#000000", marker="s"),
    Theme(name="typed", font=_MONO, page="#ffffff", plot="#ffffff", ink="#000000", grid="y", grid_dash="--", spines="lb"),
    Theme(name="typed-cream", font=_MONO, page="#fdf6e3", plot="#fdf6e3", ink="#444444", grid="none", spines="lb", marker="D"),
    Theme(name="paper", font=_STIX, page="#ffffff", plot="#ffffff", ink="#000000", grid="none", edge="#333333", marker="^"),
    Theme(name="paper-grid", font=_STIX, page="#ffffff", plot="#fafafa", ink="#111111", grid="both", grid_dash=":", grid_colour="#999999"),
    Theme(name="dashed", font=_SANS, page="#f7f7f7", plot="#ffffff", ink="#333333", grid="y", grid_dash="--", dash="--", spines="lb"),
    Theme(name="bare", font=_SANS, page="#ffffff", plot="#ffffff", ink="#333333", grid="none", spines="", title_place="left"),
    Theme(name="bold", font=_SANS, page="#ffffff", plot="#ffffff", ink="#000000", grid="y", grid_colour="#e0e0e0", spines="b", bold=True),
    Theme(name="mint", font=_SANS, page="#f0faf5", plot="#ffffff", ink="#22443a", grid="x", grid_colour="#d4e8df", spines="l"),
)  # fmt: skip
_DEV = (
    Theme(name="dev-serif", font=_SERIF, page="#ffffff", plot="#f4f4f4", ink="#222222", grid="both", grid_colour="#ffffff", spines="lb", marker="v"),
    Theme(name="dev-dusk", font=_SERIF, page="#22303c", plot="#22303c", ink="#f0f0f0", grid="y", grid_colour="#3c4c5a", spines="b", marker="s"),
)  # fmt: skip
_TEST = (
    Theme(name="test-book", font=_SERIF, page="#ffffff", plot="#ffffff", ink="#1a1a1a", grid="y", grid_colour="#c8c8c8", grid_dash="-.", spines="lrtb", marker="D"),
    Theme(name="test-news", font=_SERIF, page="#f0f0f0", plot="#f0f0f0", ink="#3c3c3c", grid="both", grid_colour="#cbcbcb", spines="", bold=True, title_place="left"),
    Theme(name="test-sand", font=_SERIF, page="#fff1e5", plot="#fff1e5", ink="#33302e", grid="y", grid_colour="#e0cfc0", spines="b", title_place="left", marker="^"),
    Theme(name="test-ocean", font=_MONO, page="#0b2545", plot="#13315c", ink="#eef4ed", grid="both", grid_colour="#3a5a85", spines="lb", marker="s"),
    Theme(name="test-frame", font=_STIX, page="#e8eef7", plot="#ffffff", ink="#10243e", grid="x", grid_colour="#c5d3e8", grid_dash="--", edge="#10243e", dash="-.", bold=True),
)  # fmt: skip
THEMES: dict[Split, tuple[Theme, ...]] = {"train": _TRAIN, "dev": _DEV, "test": _TEST}


def make_style(random: Random, split: Split, light_share: float) -> Style:
    """Draw a style of a split. `light_share` is how many of all are drawn by the light renderer."""
    width = random.randrange(224, 401, 8)
    height = int(min(400, max(200, width * random.uniform(0.66, 1.1))))
    return Style(
        theme=random.choice(THEMES[split]),
        width=width,
        height=height,
        font_px=round(random.uniform(0.032, 0.05) * width**0.6 * 260**0.4, 1),
        bar_width=round(random.uniform(0.45, 0.9), 2),
        line_width=round(random.uniform(1.2, 3.4), 1),
        marker_px=random.choice((0.0, 0.0, 4.0, 6.0, 8.0)),
        legend=random.choice(("right", "bottom", "top")),
        value_labels=random.random() < 0.2,
        title=random.random() < 0.75,
        axis_titles=random.random() < 0.6,
        ticks=random.choice((3, 4, 5, 6)),
        renderer="light" if random.random() < light_share else "matplotlib",
        inner=round(random.uniform(0.4, 0.7), 2),
        start_angle=random.choice((0, 90, 90, 180, 45)),
        tick_labels=random.random() < 0.93,
    )
