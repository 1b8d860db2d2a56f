"""The tables that charts are drawn from: made up by a seeded generator, or cut from public ones (test only)."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from random import Random
from typing import Literal

from core.contracts import Contract
from finetune.data.rows import Split
from finetune.synth.public_tables import vega_columns
from finetune.synth.topics import TOPICS, Topic

Trend = Literal["up", "down", "flat", "mixed"]
TRENDS: tuple[Trend, ...] = ("up", "down", "flat", "mixed")
MAX_MARKS = 8
_GAP = 0.07
_VEGA_SHARE = 0.4


class Table(Contract):
    """Names and numbers. `values[s][c]` belongs to series `s` and category `c`; `points` to scatter plots."""

    title: str
    x: str
    y: str
    categories: tuple[str, ...]
    series: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    points: tuple[tuple[tuple[float, float], ...], ...] = ()
    time: bool = False
    source: str = "made"

    @property
    def id(self) -> str:
        """A hash of everything in the table."""
        body = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(body.encode()).hexdigest()[:16]


def ranks_clear(values: tuple[float, ...], *, gap: float = _GAP) -> tuple[bool, bool]:
    """Return whether the highest and the lowest stand apart by a share of the highest."""
    order = sorted(values)
    top = max(abs(order[0]), abs(order[-1]), 1e-9)
    if len(order) < 2:
        return False, False
    return (order[-1] - order[-2]) / top >= gap, (order[1] - order[0]) / top >= gap


def trend_of(values: tuple[float, ...]) -> Trend | None:
    """Return how a series runs from left to right, or None where people would differ.

    Up and down: the ends differ by a quarter of the highest value and no step goes back by more than a tenth of
    it. Flat: everything within a tenth. Mixed: it turns, and both legs are a quarter or more.
    """
    if len(values) < 3:
        return None
    top = max(abs(value) for value in values) or 1.0
    steps = [(after - before) / top for before, after in pairwise(values)]
    net, spread = (values[-1] - values[0]) / top, (max(values) - min(values)) / top
    if spread <= 0.1:
        return "flat"
    if net >= 0.25 and min(steps) >= -0.1 and spread - net <= 0.1:
        return "up"
    if net <= -0.25 and max(steps) <= 0.1 and spread + net <= 0.1:
        return "down"
    rise, fall = _largest_leg(values, 1) / top, _largest_leg(values, -1) / top
    return "mixed" if min(rise, fall) >= 0.25 else None


def _largest_leg(values: tuple[float, ...], sign: int) -> float:
    best = 0.0
    low = values[0] * sign
    for value in values:
        low = min(low, value * sign)
        best = max(best, value * sign - low)
    return best


def made_table(
    random: Random, split: Split, *, categories: int, series: int, time: bool | None = None
) -> Table:
    """Make a table with numbers of no pattern; the highest and the lowest of each series stand apart."""
    fitting = [t for t in TOPICS[split] if time is None or t.time == time]
    topic = random.choice([t for t in fitting if len(t.categories) >= categories] or fitting)
    names = _names(random, topic, categories)
    rows = tuple(_numbers(random, topic, len(names)) for _ in range(series))
    return _table(topic, random, names, _series(random, topic, series), rows)


def trend_table(random: Random, split: Split, trends: tuple[Trend, ...], *, categories: int) -> Table:
    """Make a table over time whose series run as told."""
    topic = random.choice([t for t in TOPICS[split] if t.time])
    names = _names(random, topic, categories)
    top = _rounded(random.uniform(0.4, 1.0) * topic.high, topic.decimals)
    rows: list[tuple[float, ...]] = []
    while len(rows) < len(trends):
        values = tuple(_rounded(v * top, topic.decimals) for v in _run(random, trends[len(rows)], len(names)))
        if trend_of(values) == trends[len(rows)]:
            rows.append(values)
    return _table(topic, random, names, _series(random, topic, len(trends)), tuple(rows))


def scatter_table(random: Random, split: Split, *, groups: int, each: int) -> Table:
    """Make points in two measures, one cloud a group; each cloud leans up, down, or nowhere."""
    topic, other = random.sample(TOPICS[split], 2)
    lean = random.choice((-1, 0, 1))
    clouds = []
    for _ in range(groups):
        left, bottom = random.uniform(0.05, 0.35), random.uniform(0.05, 0.35)
        width, height = random.uniform(0.4, 0.6), random.uniform(0.4, 0.6)
        cloud: list[tuple[float, float]] = []
        for index in range(each):
            x = (index + random.uniform(0.25, 0.75)) / each
            y = (x if lean >= 0 else 1 - x) if lean else random.random()
            y = min(1.0, max(0.0, y + random.gauss(0, 0.06))) if lean else y
            cloud.append((round(left + width * x, 3), round(bottom + height * y, 3)))
        clouds.append(tuple((round(x * topic.high, 2), round(y * other.high, 2)) for x, y in cloud))
    return Table(
        title=f"{other.y} and {topic.y}", x=topic.y, y=other.y, categories=(), series=_series(random, topic, groups),
        values=(), points=tuple(clouds),
    )  # fmt: skip


def public_table(random: Random, *, categories: int) -> Table | None:
    """Cut a table with one series out of the public ones, for test; None where it would have ties."""
    title, x, y, cells = random.choice(vega_columns())
    start = random.randrange(max(1, len(cells) - categories + 1))
    cut = cells[start : start + categories]
    values = tuple(value for _, value in cut)
    if len(cut) < categories or not all(ranks_clear(values, gap=0.05)):
        return None
    names = tuple(name for name, _ in cut)
    return Table(
        title=title, x=x, y=y, categories=names, series=(y,), values=(values,), time=names[0].isdigit(), source="vega",
    )  # fmt: skip


def table_for(random: Random, split: Split, *, categories: int) -> Table:
    """Return a table with one series: in test, two of five come from public tables."""
    if split == "test" and random.random() < _VEGA_SHARE and vega_columns():
        for _ in range(20):
            table = public_table(random, categories=categories)
            if table is not None:
                return table
    return made_table(random, split, categories=categories, series=1)


def _names(random: Random, topic: Topic, count: int) -> tuple[str, ...]:
    if topic.time:
        start = random.randrange(max(1, len(topic.categories) - count + 1))
        return topic.categories[start : start + count]
    return tuple(random.sample(topic.categories, min(count, len(topic.categories))))


def _series(random: Random, topic: Topic, count: int) -> tuple[str, ...]:
    return tuple(random.sample(topic.series, min(count, len(topic.series))))


def _numbers(random: Random, topic: Topic, count: int) -> tuple[float, ...]:
    while True:
        top = random.uniform(0.5, 1.0) * topic.high
        low = random.choice((0.08, 0.2, 0.4)) * top
        values = tuple(
            _rounded(random.uniform(max(topic.low, low), top), topic.decimals) for _ in range(count)
        )
        if all(ranks_clear(values)):
            return values


def _run(random: Random, trend: Trend, count: int) -> list[float]:
    noise = [random.uniform(-0.04, 0.04) for _ in range(count)]
    at = [index / (count - 1) for index in range(count)]
    low, high = random.uniform(0.1, 0.4), random.uniform(0.75, 1.0)
    if trend == "flat":
        level = random.uniform(0.3, 0.95)
        return [level * (1 + value / 2) for value in noise]
    bend = random.choice((0.6, 1.0, 1.0, 1.6))
    rising = [low + (high - low) * x**bend for x in at]
    if trend == "mixed":
        turn = random.uniform(0.3, 0.7)
        side = [1 - abs(x - turn) / max(turn, 1 - turn) for x in at]
        rising = [low + (high - low) * value for value in side]
        if random.random() < 0.5:
            rising = [high + low - value for value in rising]
        if random.random() < 0.3:
            rising = [random.uniform(low, high) for _ in at]
    if trend == "down":
        rising.reverse()
    return [max(0.03, value + extra) for value, extra in zip(rising, noise, strict=True)]


def _rounded(value: float, decimals: int) -> float:
    return float(round(value, decimals))


def _table(
    topic: Topic,
    random: Random,
    names: tuple[str, ...],
    series: tuple[str, ...],
    rows: tuple[tuple[float, ...], ...],
) -> Table:
    return Table(
        title=random.choice(topic.titles), x=topic.x, y=topic.y, categories=names, series=series, values=rows[: len(series)],
        time=topic.time,
    )  # fmt: skip
