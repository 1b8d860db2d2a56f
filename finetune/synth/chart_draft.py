"""A question about a chart before it is a row, and how places and colours are named in it."""

from __future__ import annotations

from random import Random
from typing import Any

from core.contracts import Contract
from finetune.synth.chart import Chart
from finetune.synth.colours import accepted
from finetune.synth.phrases import PHRASES, PLACES

YES, NO = ("yes",), ("no",)
CLEAR = 0.07
"""By which share of the highest value two marks must differ to be compared."""


class Draft(Contract):
    """A question before it is a row. `balance` names the group whose answers are kept even; `mark` a mark's number."""

    kind: str
    question: str
    answers: tuple[str, ...]
    balance: str = ""
    reading: bool = False
    mark: int | None = None


def say(random: Random, key: str, **words: Any) -> str:
    """Return a question in one of its phrasings, in either spelling of colour."""
    text = random.choice(PHRASES[key]).format(u=random.choice(("", "u")), **words)
    return text[0].upper() + text[1:]


def colour_draft(
    chart: Chart, at: int, kind: str, question: str, balance: str, *, mark: bool = True
) -> Draft:
    """Return a question whose answer is the colour of a mark or series."""
    name = chart.colours[at].name
    return Draft(
        kind=kind, question=question, answers=accepted(name), balance=balance, mark=at if mark else None
    )


def place_name(random: Random, chart: Chart, at: int) -> str:
    """Return how a bar is called by its place: leftmost, bottom, third."""
    side = "top" if chart.type == "barh" else "left"
    names = {"left": ("leftmost", "rightmost"), "top": ("top", "bottom")}[side]
    if at == 0 and random.random() < 0.6:
        return names[0]
    if at == len(chart.values) - 1 and random.random() < 0.6:
        return names[1]
    return f"{PLACES[at]}"
