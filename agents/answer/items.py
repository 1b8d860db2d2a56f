"""What a list says of one of its items: amount, unit price or quantity, in its row or the rows below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from agents.answer.amounts import Found
from agents.answer.labels import canon, same_word
from agents.answer.layout import Line, Page
from agents.answer.values import Value, find_values

Wanted = Literal["amount", "unit", "quantity"]
_ROWS = 3  # a name, a code, a bar code, then the figures


def item_candidates(page: Page, name: Sequence[str], asked: Sequence[str], wanted: Wanted) -> list[Found]:
    """Return what the list says of the item with these words (from `canon`), best first.

    Args:
        page: The page.
        name: The words that name the item.
        asked: Every word of the question; words of the line beyond these lower the score.
        wanted: The line's amount, the price of one, or how many.
    """
    found = []
    for line in page.lines:
        fit = name_fit(line.text, name, asked)
        if fit < 0.5:
            continue
        values = _figures(page, line, wanted)
        if values is not None:
            value, where, far = values
            score = 0.9 * fit * 0.95**far * value.fit * (0.6 + 0.4 * min(line.trust, where.trust))
            found.append(Found(value, where, score, line.text))
    return sorted(found, key=lambda item: -item.score)


def name_fit(text: str, name: Sequence[str], asked: Sequence[str]) -> float:
    """Score how far a line's text names something: the share of its words found, squared."""
    have = canon(text)
    hits = [word for word in name if any(same_word(word, other) or _inside(word, other) for other in have)]
    if not hits:
        return 0.0
    extra = [
        word
        for word in have
        if len(word) > 1 and not any(c.isdigit() for c in word) and not any(same_word(word, o) for o in asked)
    ]
    return float((len(hits) / len(name)) ** 2 / (1.0 + 0.06 * len(extra)))


def _inside(word: str, other: str) -> bool:
    return len(word) >= 5 and word in other


def _figures(page: Page, line: Line, wanted: Wanted) -> tuple[Value, Line, int] | None:
    for far in range(_ROWS + 1):
        number = line.row + far
        if number >= len(page.rows):
            return None
        row = page.rows[number]
        if far and (
            row[0].box[1] - page.rows[number - 1][0].box[3] > 1.5 * page.height or _names_another(row)
        ):
            return None
        cells = [cell for cell in row if far or cell.centre >= line.centre]
        amounts = _amounts(cells)
        if not amounts:
            continue
        if wanted == "quantity":
            return _quantity([cell for cell in row if cell is not line], far)
        value, where = amounts[0] if wanted == "unit" else amounts[-1]
        return value, where, far
    return None


def _amounts(cells: Sequence[Line]) -> list[tuple[Value, Line]]:
    return [
        (value, cell)
        for cell in cells
        for value in find_values("money", cell.text)
        if value.fit >= 0.8 and value.number is not None
    ]


def _quantity(cells: Sequence[Line], far: int) -> tuple[Value, Line, int] | None:
    for cell in cells:
        for value in find_values("count", cell.text):
            if value.fit == 1.0 and "." not in value.text:
                return value, cell, far
    return None


def _names_another(row: Sequence[Line]) -> bool:
    """Whether a row begins with a name of its own and carries an amount: the next item."""
    first = row[0].text
    letters = sum(c.isalpha() for c in first)
    return letters >= 4 and letters > sum(c.isdigit() for c in first) and bool(_amounts(row))
