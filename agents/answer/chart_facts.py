"""Facts computed from a chart's cells, each a claim that cites every cell it rests on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from agents.answer.chart_table import Cell
from core.contracts import Citation, DraftClaim


@dataclass(frozen=True)
class Fact:
    """An answer with its claims. `score` is how sure it is, 0 to 1, from the cells it rests on."""

    answer: str
    short: str
    claims: tuple[DraftClaim, ...]
    score: float


def number(value: float, like: Sequence[float] = ()) -> str:
    """Return a number as text, rounded to the decimals of the numbers it comes from."""
    digits = max((_decimals(v) for v in like), default=_decimals(value))
    text = f"{round(value, min(digits, 4)):.{min(digits, 4)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _decimals(value: float) -> int:
    if float(value).is_integer():
        return 0
    text = f"{value:.6g}"
    return len(text.split(".")[1]) if "." in text and "e" not in text else 0


def claim(text: str, cells: Sequence[Cell], *, derived: bool = True) -> DraftClaim:
    """Build a claim that quotes its cells whole."""
    return DraftClaim(
        text=text, citations=tuple(Citation.of(cell.evidence) for cell in cells), derived=derived
    )


def trust(cells: Sequence[Cell]) -> float:
    """Return how sure a fact over cells is: their weakest matters most."""
    if not cells:
        return 0.0
    sure = [cell.sure for cell in cells]
    return 0.6 * min(sure) + 0.4 * sum(sure) / len(sure)


def value_fact(cell: Cell, several: bool) -> Fact:
    """State one cell's value."""
    name = cell.full_name if several else cell.name
    text = number(cell.value)
    return Fact(
        f"{name}: {text}", text, (claim(f"{name}: {text}.", [cell], derived=False),), 0.95 * cell.sure
    )


def extreme_fact(
    cells: Sequence[Cell], *, highest: bool, rank: int = 1, margin: bool = False, several: bool = False
) -> Fact | None:
    """Name the highest or lowest cell (or the one at a rank), with its lead over the next if asked."""
    ordered = sorted(cells, key=lambda cell: -cell.value if highest else cell.value)
    if len(ordered) < max(2, rank):
        return None
    first = ordered[rank - 1]
    after = ordered[rank] if len(ordered) > rank else None
    word = "highest" if highest else "lowest"
    name = first.full_name if several else first.name
    place = {1: "", 2: "second ", 3: "third "}.get(rank, f"{rank}th ")
    score = trust([first]) * 0.95
    if after is not None:
        score *= 0.6 + 0.4 * _clear(first, after)
    if rank > 1:
        before = ordered[: rank - 1]
        claims = (
            claim(f"{name}: {number(first.value)}.", [first], derived=False),
            *(_order_claim(first, other, several) for other in [*before, *([after] if after else [])]),
        )
        return Fact(f"{name} ({number(first.value)}) is the {place}{word}.", name, claims, score)
    told = claim(f"{name} has the {word} value: {number(first.value)}.", list(cells))
    if not margin or after is None:
        return Fact(f"{name}, at {number(first.value)}.", name, (told,), score)
    gap = abs(first.value - after.value)
    lead = number(gap, [first.value, after.value])
    over = after.full_name if several else after.name
    ahead = "higher" if highest else "lower"
    second = claim(f"{name} is {ahead} than {over} by {lead}.", [first, after])
    joined = "over" if highest else "below"
    return Fact(f"{name}, by {lead} {joined} {over}", f"{name}, by {lead}", (told, second), score)


def _clear(a: Cell, b: Cell) -> float:
    """Return how clearly two values differ: 1 from a gap of 6% of the larger one."""
    return min(1.0, abs(a.value - b.value) / max(1e-9, 0.06 * max(abs(a.value), abs(b.value))))


def _order_claim(a: Cell, b: Cell, several: bool) -> DraftClaim:
    first, second = (a, b) if a.value >= b.value else (b, a)
    names = [cell.full_name if several else cell.name for cell in (first, second)]
    return claim(f"{names[0]} is higher than {names[1]}.", [first, second])


def difference_fact(a: Cell, b: Cell, several: bool) -> Fact:
    """State by how much two cells differ, and which is higher."""
    high, low = (a, b) if a.value >= b.value else (b, a)
    gap = number(high.value - low.value, [high.value, low.value])
    names = [cell.full_name if several else cell.name for cell in (high, low)]
    text = f"{names[0]} is higher than {names[1]} by {gap}."
    return Fact(text, gap, (claim(text, [high, low]),), 0.9 * trust([high, low]))


def compare_fact(a: Cell, b: Cell, several: bool) -> Fact:
    """Name the higher of two cells."""
    high, low = (a, b) if a.value >= b.value else (b, a)
    name = high.full_name if several else high.name
    other = low.full_name if several else low.name
    text = f"{name} ({number(high.value)}) is higher than {other} ({number(low.value)})."
    return Fact(text, name, (_order_claim(a, b, several),), trust([a, b]) * (0.6 + 0.35 * _clear(a, b)))


def ratio_fact(a: Cell, b: Cell, several: bool) -> Fact | None:
    """State how many times the second cell the first is."""
    if not b.value:
        return None
    text = f"{a.value / b.value:.2f}".rstrip("0").rstrip(".")
    names = [cell.full_name if several else cell.name for cell in (a, b)]
    told = f"The ratio of {names[0]} to {names[1]} is {text}."
    return Fact(told, text, (claim(told, [a, b]),), 0.85 * trust([a, b]))


def total_fact(cells: Sequence[Cell]) -> Fact:
    """State the sum."""
    text = number(math.fsum(c.value for c in cells), [c.value for c in cells])
    names = (
        ", ".join(dict.fromkeys(c.full_name for c in cells))
        if len(cells) <= 4
        else f"all {len(cells)} values"
    )
    return Fact(
        f"The sum of {names} is {text}.", text, (claim(f"The sum is {text}.", cells),), 0.85 * trust(cells)
    )


def mean_fact(cells: Sequence[Cell]) -> Fact:
    """State the average."""
    value = math.fsum(c.value for c in cells) / len(cells)
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return Fact(
        f"The average is {text}.", text, (claim(f"The average is {text}.", cells),), 0.85 * trust(cells)
    )


def range_fact(cells: Sequence[Cell]) -> Fact:
    """State the distance from the lowest to the highest value."""
    high, low = max(cells, key=lambda c: c.value), min(cells, key=lambda c: c.value)
    text = number(high.value - low.value, [high.value, low.value])
    told = f"The difference between {high.full_name} and {low.full_name} is {text}."
    return Fact(told, text, (claim(told, [high, low]),), 0.85 * trust([high, low]))


def count_fact(cells: Sequence[Cell], *, above: bool, limit: float, inclusive: bool) -> Fact:
    """Count the cells beyond a limit, and name them."""
    chosen = [
        c
        for c in cells
        if (c.value > limit if above else c.value < limit) or (inclusive and c.value == limit)
    ]
    names = ", ".join(c.name for c in chosen) or "none"
    near = min((abs(c.value - limit) / max(1e-9, abs(limit), abs(c.value)) for c in cells), default=1.0)
    told = tuple(claim(f"{c.full_name}: {number(c.value)}.", [c], derived=False) for c in chosen)
    if not chosen:
        return Fact("0 (none)", "none", (claim("There are no such values.", cells),), 0.3 * trust(cells))
    counted = claim(f"There are {len(chosen)} such values.", chosen)
    score = 0.85 * trust(cells) * (0.6 + 0.4 * min(1.0, near / 0.03))
    return Fact(f"{len(chosen)} ({names})", str(len(chosen)), (*told, counted), score)


def share_fact(cell: Cell, cells: Sequence[Cell]) -> Fact | None:
    """State a cell's share of the sum in percent."""
    total = math.fsum(c.value for c in cells)
    if total <= 0:
        return None
    share = f"{100 * cell.value / total:.1f}".rstrip("0").rstrip(".")
    told = f"{cell.name} is {share} percent of the sum."
    return (
        Fact(
            f"{cell.name}: {share}%",
            f"{share}%",
            (claim(f"The share of {cell.name} is {share}.", cells),),
            0.8 * trust(cells),
        )
        if told
        else None
    )


def trend_fact(cells: Sequence[Cell], shape: str) -> Fact:
    """Tell a trend by its ends and its name (`increasing`, `decreasing`, `constant`, `fluctuating`)."""
    first, last = cells[0], cells[-1]
    ends = (
        claim(f"{first.full_name}: {number(first.value)}.", [first], derived=False),
        claim(f"{last.full_name}: {number(last.value)}.", [last], derived=False),
    )
    ways = f"from {number(first.value)} ({first.name}) to {number(last.value)} ({last.name})"
    text = f"{shape.capitalize()}: {ways}"
    if shape in ("increasing", "decreasing"):
        word = "higher" if shape == "increasing" else "lower"
        told = claim(f"The values are {shape}: {last.name} is {word} than {first.name}.", [first, last])
    else:
        low, high = min(cells, key=lambda c: c.value), max(cells, key=lambda c: c.value)
        told = claim(
            f"The values are {shape}: from {number(low.value)} to {number(high.value)}.", [low, high]
        )
    return Fact(text, shape, (*ends, told), 0.85 * trust(cells))
