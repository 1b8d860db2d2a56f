"""Reading a Markdown table row: which cell answers, given its label, its header and the question."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agents.answer.relevance import bag
from agents.answer.spans import spans
from agents.answer.units import Unit
from agents.answer.wanted import Wanted


@dataclass(frozen=True)
class Cell:
    """An answering cell with the cell that names its row and the header of its column."""

    value: str
    label: str
    header: str
    fit: float


def cells(row: str) -> list[str]:
    """Return the cells of a Markdown row."""
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def read_row(unit: Unit, question: frozenset[str], want: Wanted) -> Cell | None:
    """Return the cell of a row that answers, or None.

    The cell that shares most words with the question is the label; among the others the one whose header is
    asked for wins, then the one whose form is wanted.
    """
    values = cells(unit.text)
    headers = cells(unit.header) if unit.header else [""] * len(values)
    if len(values) < 2 or len(values) != len(headers):
        return None
    shares = [len(question & bag(value)) for value in values]
    label = max(range(len(values)), key=lambda i: (shares[i], -i))
    if shares[label] == 0:
        return None
    options = [i for i in range(len(values)) if i != label and bag_or_text(values[i])]
    if not options:
        return None
    scored = {i: _fit(values[i], headers[i], question, want) for i in options}
    best = max(options, key=lambda i: (scored[i], -abs(i - label)))
    if scored[best] <= 0:
        return None
    return Cell(bare(values[best]), bare(values[label]), headers[best], min(1.0, scored[best]))


def _fit(value: str, header: str, question: frozenset[str], want: Wanted) -> float:
    asked = 0.5 if bag(header) & (question | want.focus) else 0.0
    if want.kind in ("definition", "meaning", "text", "reason"):
        return asked + 0.3 + min(0.2, len(value) / 200)
    inside = max((span.fit for span in spans(value, want)), default=0.0)
    whole = bool(re.fullmatch(r"`[^`]*`|[\d.,]+|~?[\w./-]+", value))
    return asked + 0.5 * inside + (0.2 if whole and (asked or inside) else 0.0)


def bag_or_text(value: str) -> bool:
    """Whether a cell says anything at all."""
    return any(char.isalnum() for char in value)


def bare(value: str) -> str:
    """Return a cell without code marks around the whole of it."""
    match = re.fullmatch(r"`([^`]*)`", value)
    return match.group(1) if match else value
