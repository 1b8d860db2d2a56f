"""A chart before it is drawn: its type, the table behind it, its colours and its style."""

from __future__ import annotations

from random import Random
from typing import Literal

from core.contracts import Contract
from finetune.data.rows import Split
from finetune.synth.colours import Colour, palette
from finetune.synth.styles import Style, make_style
from finetune.synth.tables import MAX_MARKS, TRENDS, Table, made_table, scatter_table, table_for, trend_table

ChartType = Literal["bar", "barh", "grouped", "stacked", "line", "lines", "pie", "donut", "scatter", "area"]
ColourBy = Literal["category", "series", "one"]
TYPE_SHARES: dict[ChartType, float] = {
    "bar": 0.22, "barh": 0.12, "grouped": 0.07, "stacked": 0.07, "line": 0.13, "lines": 0.1,
    "pie": 0.09, "donut": 0.06, "scatter": 0.07, "area": 0.07,
}  # fmt: skip
_FORCED_PLACES = 7


class Chart(Contract):
    """What is drawn. `zero` tells whether the value axis starts at zero; `place` which rank was placed."""

    type: ChartType
    table: Table
    style: Style
    colours: tuple[Colour, ...]
    by: ColourBy
    split: Split
    zero: bool = True
    legend: bool = False

    @property
    def noun(self) -> str:
        """What its marks are called."""
        names = {
            "line": "line",
            "lines": "line",
            "pie": "slice",
            "donut": "slice",
            "scatter": "point",
            "area": "area",
        }
        return names.get(self.type, "bar")

    @property
    def values(self) -> tuple[float, ...]:
        """The values of its only series."""
        return self.table.values[0]


def make_chart(random: Random, split: Split, light_share: float = 0.5) -> Chart:
    """Make a chart of a random type in a random style of the split."""
    style = make_style(random, split, light_share)
    kind = random.choices(list(TYPE_SHARES), list(TYPE_SHARES.values()))[0]
    table = _table(random, split, kind, style)
    by: ColourBy = "series"
    if kind in ("pie", "donut"):
        by = "category"
    elif kind in ("bar", "barh"):
        # More than six colours that nobody mixes up are seldom found.
        by = random.choice(("category", "category", "one")) if len(table.categories) <= 6 else "one"
    count = {"category": len(table.categories), "one": 1, "series": len(table.series)}[by]
    colours = palette(random, count, split, style.theme.plot)
    if len(colours) < count:  # the ground left too few colours that differ
        table = _cut(table, by, len(colours))
    runs_flat = kind == "line" and max(table.values[0]) - min(table.values[0]) < 0.3 * max(table.values[0])
    zero = kind not in ("line", "lines") or runs_flat or random.random() < 0.7
    named = kind in ("grouped", "stacked", "lines") or (kind == "scatter" and len(table.series) > 1)
    legend = (named and random.random() < 0.85) or (
        by == "category" and kind in ("pie", "donut") and random.random() < 0.5
    )
    if style.value_labels and not _labels_fit(table, style):
        style = style.model_copy(update={"value_labels": False})
    return Chart(
        type=kind, table=table, style=style, colours=colours, by=by, split=split, zero=zero, legend=legend
    )


def _table(  # noqa: PLR0911 - one a type
    random: Random, split: Split, kind: ChartType, style: Style
) -> Table:
    if kind in ("bar", "barh"):
        if kind == "bar" and random.random() < 0.2:
            return trend_table(random, split, (random.choice(TRENDS),), categories=random.randint(4, 7))
        return _placed(random, split)
    if kind in ("pie", "donut"):
        return table_for(random, split, categories=random.choice((2, 3, 3, 4, 4, 5, 5, 6, 6, 7)))
    if kind in ("grouped", "stacked"):
        return made_table(random, split, categories=random.randint(2, 5), series=random.randint(2, 4))
    if kind == "line":
        if style.marker_px and random.random() < 0.5:
            return _placed(random, split)
        return trend_table(random, split, (random.choice(TRENDS),), categories=random.randint(4, 10))
    if kind == "lines":
        trends = tuple(random.choice(TRENDS) for _ in range(random.choice((2, 2, 3, 3, 4, 5))))
        return trend_table(
            random, split, trends[:4] if split != "train" else trends, categories=random.randint(4, 9)
        )
    if kind == "area":
        return trend_table(random, split, (random.choice(TRENDS),), categories=random.randint(5, 10))
    groups = random.choice((1, 1, 2, 3))
    return scatter_table(
        random, split, groups=groups, each=random.randint(3, 9) if groups == 1 else random.randint(4, 8)
    )


def _labels_fit(table: Table, style: Style) -> bool:
    """Whether values printed over the marks do not run into each other."""
    longest = max((len(f"{value:g}") for row in table.values for value in row), default=0)
    return longest * 0.6 * style.font_px * len(table.categories) < 0.75 * style.width


def _placed(random: Random, split: Split) -> Table:
    """Return a table whose highest or lowest value stands at a place that is as likely as every other."""
    place = random.randrange(_FORCED_PLACES)
    count = random.randint(max(3, place + 1), MAX_MARKS)
    if random.random() < 0.08:
        count = 2
    table = table_for(random, split, categories=count)
    values = list(table.values[0])
    if table.source != "made" or place >= len(values):
        return table
    extreme = random.choice((max, min))(values)
    at = values.index(extreme)
    values[at], values[place] = values[place], values[at]
    return table.model_copy(update={"values": (tuple(values),)})


def _cut(table: Table, by: ColourBy, count: int) -> Table:
    if by == "category":
        rows = tuple(row[:count] for row in table.values)
        return table.model_copy(update={"categories": table.categories[:count], "values": rows})
    return table.model_copy(
        update={
            "series": table.series[:count],
            "values": table.values[:count],
            "points": table.points[:count],
        }
    )
